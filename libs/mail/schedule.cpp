#include "libs/mail/schedule.h"

#include <algorithm>

namespace persona::mail {

bool Schedule::add(Spool::Entry entry) {
    if (!known_.insert(entry.id).second) return false;
    waiting_.insert(std::move(entry));
    return true;
}

std::optional<Spool::Entry> Schedule::take(std::int64_t now_ms) {
    if (waiting_.empty() || waiting_.begin()->due_ms > now_ms) return std::nullopt;
    return std::move(waiting_.extract(waiting_.begin()).value());
}

void Schedule::back(Spool::Entry entry) {
    waiting_.insert(std::move(entry));
}

std::optional<std::int64_t> Schedule::nextDue() const {
    if (waiting_.empty()) return std::nullopt;
    return waiting_.begin()->due_ms;
}

std::int64_t backoffMs(const SmtpOptions& options, unsigned attempts, unsigned char dice) {
    const auto first = std::max<std::int64_t>(options.retry_first.count(), 1);
    const unsigned doublings = std::clamp(attempts, 1U, 31U) - 1;
    const auto wait = std::min<std::int64_t>(first << doublings, options.retry_most.count());
    return wait * (192 + dice / 2) / 256;  // 0.75 to 1.25
}

}  // namespace persona::mail
