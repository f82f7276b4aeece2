#include "plugins/antiabuse/heuristics/stuffing/detector.h"

#include <algorithm>
#include <cmath>

namespace persona::stuffing {

namespace {

constexpr double kForget = 1.0 - 1.0 / 1'000;

double share(double part, double of) {
    return of > 0 ? part / of : 0;
}

/// What a mean may be that was seen for so short a time: chance makes it look smaller than it is.
double atMost(const Mean& mean) {
    const double m = mean.value(), w = std::max(1.0, mean.weight());
    return m + 2 * std::sqrt(m / w) + 2 / w;
}

}  // namespace

void Mean::add(double value) {
    sum_ = sum_ * kForget + value;
    weight_ = weight_ * kForget + 1;
}

void Mean::restore(double value, double weight) {
    weight_ = std::clamp(weight, 0.0, 1'000.0);
    sum_ = value * weight_;
}

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
        const bool more = sum.failures / seconds > 3 * atMost(failures) + 0.3;
        const bool worse = failed > std::max(0.3, 1.5 * usual);
        const double strange = share(sum.unknown, sum.failures);
        const bool lists = sum.failures >= 20 && sum.failures / seconds > 1.5 * atMost(failures) &&
                           strange > std::max(0.3, 3 * share(unknown.value(), failures.value()));
        alarm.sign_in |= (more && worse) || lists;
        alarm.sign_up = sum.stagings / seconds > 6 * atMost(stagings) + 1;
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
