#include "plugins/antiabuse/heuristics/stuffing/detector.h"

#include <algorithm>

namespace persona::stuffing {

namespace {

double share(double part, double of) {
    return of > 0 ? part / of : 0;
}

}  // namespace

Detector::Alarm Detector::tick(const Second& last) {
    ring_[at_] = last;
    at_ = (at_ + 1) % kWindow;
    Second sum;
    for (const auto& s : ring_) {
        sum.tries += s.tries;
        sum.failures += s.failures;
        sum.unknown += s.unknown;
        sum.stagings += s.stagings;
    }
    const double seconds = kWindow;
    Alarm alarm;
    const double failed = share(sum.failures, sum.tries);
    // Whatever was usual: people are not wrong so often.
    alarm.sign_in = sum.failures / seconds > 1 && failed > 0.6;
    if (failures.weight() >= kLearning) {
        const double usual = share(failures.value(), tries.value());
        const bool more = sum.failures / seconds > 3 * failures.atMost() + 0.3;
        const bool worse = failed > std::max(0.3, 1.5 * usual);
        const double strange = share(sum.unknown, sum.failures);
        const bool lists = sum.failures >= 20 && sum.failures / seconds > 1.5 * failures.atMost() &&
                           strange > std::max(0.3, 3 * share(unknown.value(), failures.value()));
        alarm.sign_in |= (more && worse) || lists;
        alarm.sign_up = sum.stagings / seconds > 6 * stagings.atMost() + 1;
    }
    if (!alarm.sign_in) {
        tries.add(last.tries);
        failures.add(last.failures);
        unknown.add(last.unknown);
    }
    if (!alarm.sign_up) stagings.add(last.stagings);
    return alarm;
}

}  // namespace persona::stuffing
