#include "host/tables/rates.h"

#include <algorithm>
#include <bit>

namespace {

constexpr std::uint32_t kDayMs = 86'400'000, kMostMs = 7 * kDayMs;

std::uint32_t toMs(std::int64_t ns) {
    return static_cast<std::uint32_t>(ns / 1'000'000);
}
std::uint32_t tagOf(std::uint64_t slot) {
    return static_cast<std::uint32_t>(slot >> 32);
}
constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15ULL;

std::uint64_t folded(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const auto product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}
/// How far ahead of now a slot's time is; under 0: idle for so long.
std::int32_t ahead(std::uint64_t slot, std::uint32_t now_ms) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(slot) - now_ms);
}

/// What is further ahead than anything can be spent comes from a clock that stepped back.
std::int64_t spentOf(std::uint64_t slot, std::uint32_t now_ms, std::uint64_t burst_ms) {
    const std::int64_t spent = std::max(0, ahead(slot, now_ms));
    return spent > 2 * static_cast<std::int64_t>(burst_ms) + kDayMs ? 0 : spent;
}
std::uint64_t wordOf(std::uint64_t hash, std::uint32_t now_ms, std::int64_t spent_ms) {
    return (static_cast<std::uint64_t>(tagOf(hash)) << 32) |
           static_cast<std::uint32_t>(now_ms + static_cast<std::uint32_t>(spent_ms));
}

}  // namespace

psn_rate_table::psn_rate_table(const psn_rate_spec& spec,
                               const persona::host::tables::Secret& secret)
    : spec_(spec),
      secret_(secret),
      mask_(std::bit_ceil(static_cast<std::size_t>(spec.slots)) / kWays - 1),
      sets_(mask_ + 1) {}

/// Two folded multiplications under the secret. What comes out is never seen from outside, so that
/// nobody can learn which keys meet, and it is cheaper than a SipHash (`scripts/bench counters`): a
/// key that is prefetched is hashed twice.
std::uint64_t psn_rate_table::hash(std::uint64_t key, std::uint32_t rule) const {
    const auto h =
        folded(folded(key ^ secret_[0], (kOdd * (rule + 1ULL)) ^ secret_[1]) ^ secret_[1],
               kOdd ^ secret_[0]);
    return tagOf(h) == 0 ? h | (1ULL << 32) : h;
}

psn_rate_table::Place psn_rate_table::find(std::uint64_t h, std::uint32_t now) {
    auto& set = sets_[h & mask_];
    Place p{&set.slots[0], 0, false, INT32_MAX};
    for (auto& s : set.slots) {
        const auto v = s.load(std::memory_order_relaxed);
        if (tagOf(v) == tagOf(h)) return {&s, v, true, p.most_idle};
        const auto at = v == 0 ? INT32_MIN : ahead(v, now);
        if (at < p.most_idle) p = {&s, v, false, at};
    }
    return p;
}

psn_rc psn_rate_table::spend(std::uint64_t key, std::uint32_t rule, const psn_rate_limit& limit,
                             std::uint32_t cost, std::int64_t now_ns, Mode mode,
                             psn_rate_answer* out) {
    if (dearer_.load(std::memory_order_relaxed))
        cost = std::max(cost, std::min(cost * 2, limit.burst));
    const auto burst_ms = static_cast<std::uint64_t>(limit.interval_ms) * limit.burst;
    const auto cost_ms = static_cast<std::uint64_t>(limit.interval_ms) * cost;
    if (limit.interval_ms == 0 || limit.burst == 0 || burst_ms > kMostMs || cost_ms > kMostMs)
        return PSN_INVALID;
    const auto now = toMs(now_ns);
    const auto h = hash(key, rule);
    // Another loop that writes the same slot in between makes this one look again; who is overtaken
    // time after time gives up its charge, which can only forgive.
    for (int attempt = 0; attempt < 8; ++attempt) {
        auto place = find(h, now);
        const auto before = place.found ? spentOf(place.word, now, burst_ms) : 0;
        auto spent = before;
        const auto after = spent + static_cast<std::int64_t>(cost_ms);
        const auto room = static_cast<std::int64_t>(burst_ms);
        const bool allowed = after <= room;
        if (mode == Mode::Refund) {
            if (spent == 0) return PSN_OK;
            spent = std::max<std::int64_t>(0, spent - static_cast<std::int64_t>(cost_ms));
        } else if (mode == Mode::Charge)
            spent = std::max(spent, std::min(after, 2 * room));
        else if (allowed)
            spent = after;
        if (out != nullptr)
            *out = {allowed ? 1U : 0U, allowed ? 0U : static_cast<std::uint32_t>(after - room),
                    static_cast<std::uint32_t>(spent), 0};
        if (mode == Mode::Peek || (mode == Mode::Take && !allowed)) return PSN_OK;
        if (!place.slot->compare_exchange_strong(place.word, wordOf(h, now, spent),
                                                 std::memory_order_relaxed))
            continue;
        // A key that had nothing spent any more is no loss.
        if (!place.found && place.most_idle > 0) evicted_.fetch_add(1, std::memory_order_relaxed);
        if (share_.outbox != nullptr && spent != before)
            share_.outbox->add({share_.table, rule, key}, spent - before,
                               static_cast<std::uint32_t>(burst_ms));
        break;
    }
    return PSN_OK;
}

void psn_rate_table::adopt(std::uint64_t key, std::uint32_t rule, std::int64_t spent_ms,
                           std::int64_t now_ns, bool at_least) {
    const auto now = toMs(now_ns);
    const auto h = hash(key, rule);
    for (int attempt = 0; attempt < 8; ++attempt) {
        auto place = find(h, now);
        const auto pending =
            share_.outbox == nullptr ? 0 : share_.outbox->pendingMs({share_.table, rule, key});
        const auto spent = std::clamp<std::int64_t>(spent_ms + pending, 0, 2 * kMostMs);
        if (!place.found && spent == 0) return;
        if (at_least && place.found && ahead(place.word, now) >= spent) return;
        if (!place.slot->compare_exchange_strong(place.word, wordOf(h, now, spent),
                                                 std::memory_order_relaxed))
            continue;
        if (!place.found && place.most_idle > 0) evicted_.fetch_add(1, std::memory_order_relaxed);
        return;
    }
}

std::uint32_t psn_rate_table::spentMs(std::uint64_t key, std::uint32_t rule, std::int64_t now_ns) {
    const auto now = toMs(now_ns);
    const auto place = find(hash(key, rule), now);
    return place.found ? static_cast<std::uint32_t>(std::max(0, ahead(place.word, now))) : 0;
}

void psn_rate_table::prefetch(std::uint64_t key, std::uint32_t rule) const {
    __builtin_prefetch(&sets_[hash(key, rule) & mask_], 1);
}

psn_rc psn_rate_table::forget(std::uint64_t key, std::uint32_t rule) {
    const auto h = hash(key, rule);
    // Also when it is not here: the others may have it.
    if (share_.outbox != nullptr)
        share_.outbox->add({share_.table, rule, key}, -static_cast<std::int64_t>(kMostMs) * 2, 0);
    for (auto& s : sets_[h & mask_].slots)
        if (tagOf(s.load(std::memory_order_relaxed)) == tagOf(h)) {
            s.store(0, std::memory_order_relaxed);
            return PSN_OK;
        }
    return PSN_NOT_FOUND;
}

void psn_rate_table::sweep(std::size_t part, std::size_t parts, std::int64_t now_ns) {
    const auto now = toMs(now_ns);
    const auto sets = mask_ + 1;
    for (auto set = sets * part / parts; set < sets * (part + 1) / parts; ++set)
        for (auto& s : sets_[set].slots) {
            auto v = s.load(std::memory_order_relaxed);
            if (v == 0) continue;
            const auto at = ahead(v, now);
            // Idle for an hour, or from a clock that was far ahead: before 32 bits turn over.
            if (at < -3'600'000 || at > static_cast<std::int32_t>(2 * kMostMs))
                s.compare_exchange_strong(v, 0, std::memory_order_relaxed);
        }
}

void psn_rate_table::visit(const std::function<void(std::uint32_t, std::uint64_t)>& see) const {
    for (std::size_t set = 0; set <= mask_; ++set)
        for (const auto& s : sets_[set].slots)
            if (const auto v = s.load(std::memory_order_relaxed); v != 0)
                see(static_cast<std::uint32_t>(set), v);
}

void psn_rate_table::restore(std::uint32_t set, std::uint64_t slot, std::uint32_t shift_ms) {
    if (set > mask_ || tagOf(slot) == 0) return;
    const auto moved = (slot & ~0xffffffffULL) |
                       static_cast<std::uint32_t>(static_cast<std::uint32_t>(slot) + shift_ms);
    for (auto& s : sets_[set].slots) {
        std::uint64_t empty = 0;
        if (s.compare_exchange_strong(empty, moved, std::memory_order_relaxed)) return;
    }
}

std::size_t psn_rate_table::used() const {
    std::size_t n = 0;
    visit([&](std::uint32_t, std::uint64_t) { ++n; });
    return n;
}
