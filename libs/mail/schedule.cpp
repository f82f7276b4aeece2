#include "libs/mail/schedule.h"

#include <algorithm>
#include <iterator>

namespace persona::mail {

bool Schedule::add(Spool::Entry entry) {
    if (!known_.insert(entry.id).second) return false;
    waiting_.insert(std::move(entry));
    return true;
}

Schedule::Waiting::const_iterator Schedule::next(std::int64_t now_ms) const {
    const auto first = waiting_.begin(), last = std::prev(waiting_.end());
    return first->due_ms > now_ms && isFar(*last, now_ms) ? last : first;
}

std::optional<Spool::Entry> Schedule::take(std::int64_t now_ms) {
    if (const auto due = nextDue(now_ms); !due || *due > now_ms) return std::nullopt;
    return std::move(waiting_.extract(next(now_ms)).value());
}

void Schedule::back(Spool::Entry entry) {
    waiting_.insert(std::move(entry));
}

std::optional<std::int64_t> Schedule::nextDue(std::int64_t now_ms) const {
    if (waiting_.empty()) return std::nullopt;
    const auto& entry = *next(now_ms);
    return isFar(entry, now_ms) ? now_ms : entry.due_ms;
}

std::int64_t backoffMs(const SmtpOptions& options, unsigned attempts, unsigned char dice) {
    const auto first = std::max<std::int64_t>(options.retry_first.count(), 1);
    const unsigned doublings = std::clamp(attempts, 1U, 31U) - 1;
    const auto wait = std::min<std::int64_t>(first << doublings, options.retry_most.count());
    return wait * (192 + dice / 2) / 256;  // 0.75 to 1.25
}

std::int64_t longestBackoffMs(const SmtpOptions& options) {
    return std::max<std::int64_t>(options.retry_first.count(), options.retry_most.count()) * 5 / 4;
}

}  // namespace persona::mail
