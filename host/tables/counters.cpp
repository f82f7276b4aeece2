#include "host/tables/counters.h"

#include <algorithm>
#include <bit>

namespace {

/// Longer ago is all the same: differences stay far from where 32 bits of milliseconds turn over.
constexpr std::int32_t kLongestMs = 20 * 24 * 3'600 * 1'000;
constexpr std::size_t kLine = 64;

std::uint32_t toMs(std::int64_t ns) {
    return static_cast<std::uint32_t>(ns / 1'000'000);
}
/// Never under 0: another loop may have read the clock a little later than this one, and a clock
/// that steps back must neither punish nor forget.
std::uint32_t since(std::uint32_t then_ms, std::uint32_t now_ms) {
    return static_cast<std::uint32_t>(std::max(0, static_cast<std::int32_t>(now_ms - then_ms)));
}

}  // namespace

/// A set is a few cache lines and held for nanoseconds: a spin lock beats a mutex and any lock-free
/// scheme.
class psn_counter_table::Guard {
  public:
    explicit Guard(std::atomic_flag& lock) : lock_(lock) {
        while (lock_.test_and_set(std::memory_order_acquire))
            while (lock_.test(std::memory_order_relaxed)) {
            }
    }
    ~Guard() { lock_.clear(std::memory_order_release); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

  private:
    std::atomic_flag& lock_;
};

psn_counter_table::psn_counter_table(const psn_counter_spec& spec,
                                     const persona::host::tables::Secret& secret)
    : spec_(spec),
      secret_(secret),
      sets_(std::bit_ceil(static_cast<std::size_t>(spec.slots)) / kWays),
      locks_(std::make_unique<std::atomic_flag[]>(sets_.size())) {}

psn_counter_table::Place psn_counter_table::place(std::string_view key) const {
    const auto h = persona::sdk::sipHash(secret_, key);
    const auto tag = static_cast<std::uint32_t>(h >> 32);
    const auto set = static_cast<std::size_t>(h) & (sets_.size() - 1);
    // All of its lines come together, and while the lock is waited for.
    const auto* const from = reinterpret_cast<const char*>(&sets_[set]);
    for (std::size_t at = 0; at < sizeof(Set); at += kLine) __builtin_prefetch(from + at, 1);
    return {set, tag == 0 ? 1 : tag};
}

psn_counter_table::Slot* psn_counter_table::find(Set& set, std::uint32_t tag,
                                                 std::uint32_t now_ms) {
    for (auto& s : set.slots)
        if (s.tag == tag) {
            if (spec_.ttl_ms != 0 && since(s.touched_ms, now_ms) > spec_.ttl_ms) {
                s = {};
                return nullptr;
            }
            return &s;
        }
    return nullptr;
}

psn_counter_table::Slot& psn_counter_table::claim(Set& set, std::uint32_t tag,
                                                  std::uint32_t now_ms) {
    if (auto* s = find(set, tag, now_ms)) return *s;
    Slot* victim = &set.slots[0];
    for (auto& s : set.slots) {
        if (s.tag == 0) {
            victim = &s;
            break;
        }
        // The idlest goes, and among equals the lightest: pressure forgives.
        const auto idle = since(s.touched_ms, now_ms), least = since(victim->touched_ms, now_ms);
        if (idle > least || (idle == least && s.current < victim->current)) victim = &s;
    }
    if (victim->tag != 0) evicted_.fetch_add(1, std::memory_order_relaxed);
    *victim = {};
    victim->tag = tag;
    victim->touched_ms = victim->window_start_ms = now_ms;
    return *victim;
}

void psn_counter_table::roll(Slot& s, std::uint32_t now_ms) const {
    if (spec_.window_ms == 0) return;
    const auto age = since(s.window_start_ms, now_ms);
    if (age < spec_.window_ms) return;
    s.previous = age < 2 * static_cast<std::uint64_t>(spec_.window_ms) ? s.current : 0;
    s.current = 0;
    s.window_start_ms = now_ms - age % spec_.window_ms;
}

std::uint64_t psn_counter_table::estimate(const Slot& s, std::uint32_t now_ms) const {
    if (spec_.window_ms == 0) return s.current;
    const std::uint64_t left =
        spec_.window_ms - std::min(spec_.window_ms, since(s.window_start_ms, now_ms));
    return s.current + s.previous * left / spec_.window_ms;
}

psn_rc psn_counter_table::add(std::string_view key, std::uint32_t delta, std::int64_t now_ns,
                              psn_counter_value* out) {
    if (key.empty() || key.size() > 256) return PSN_INVALID;
    const auto [set, tag] = place(key);
    const auto now = toMs(now_ns);
    const Guard guard(locks_[set]);
    Slot& s = claim(sets_[set], tag, now);
    roll(s, now);
    const auto age = since(s.touched_ms, now);
    s.touched_ms += age;
    s.current = delta > UINT32_MAX - s.current ? UINT32_MAX : s.current + delta;
    if (out != nullptr) *out = {estimate(s, now), s.flag, age};
    return PSN_OK;
}

psn_rc psn_counter_table::peek(std::string_view key, std::uint32_t delta, std::int64_t now_ns,
                               psn_counter_value* out) {
    psn_counter_value now{};
    const auto rc = get(key, now_ns, &now);
    if (rc == PSN_INVALID) return rc;
    now.count = std::min<std::uint64_t>(now.count + delta, UINT32_MAX);
    if (out != nullptr) *out = now;
    return PSN_OK;
}

psn_rc psn_counter_table::get(std::string_view key, std::int64_t now_ns, psn_counter_value* out) {
    if (key.empty() || key.size() > 256) return PSN_INVALID;
    const auto [set, tag] = place(key);
    const auto now = toMs(now_ns);
    const Guard guard(locks_[set]);
    Slot* s = find(sets_[set], tag, now);
    if (s == nullptr) return PSN_NOT_FOUND;
    roll(*s, now);
    if (out != nullptr) *out = {estimate(*s, now), s->flag, since(s->touched_ms, now)};
    return PSN_OK;
}

psn_rc psn_counter_table::setFlag(std::string_view key, std::uint32_t flag, std::int64_t now_ns) {
    if (key.empty() || key.size() > 256) return PSN_INVALID;
    const auto [set, tag] = place(key);
    const auto now = toMs(now_ns);
    const Guard guard(locks_[set]);
    Slot& s = claim(sets_[set], tag, now);
    s.flag = flag;
    s.touched_ms += since(s.touched_ms, now);
    return PSN_OK;
}

psn_rc psn_counter_table::erase(std::string_view key) {
    if (key.empty() || key.size() > 256) return PSN_INVALID;
    const auto [set, tag] = place(key);
    const Guard guard(locks_[set]);
    for (auto& s : sets_[set].slots)
        if (s.tag == tag) {
            s = {};
            return PSN_OK;
        }
    return PSN_NOT_FOUND;
}

void psn_counter_table::sweep(std::size_t part, std::size_t parts, std::int64_t now_ns) {
    const auto now = toMs(now_ns);
    for (auto set = sets_.size() * part / parts; set < sets_.size() * (part + 1) / parts; ++set) {
        const Guard guard(locks_[set]);
        for (auto& s : sets_[set].slots) {
            if (s.tag == 0) continue;
            const auto idle = since(s.touched_ms, now);
            if (spec_.ttl_ms != 0 && idle > spec_.ttl_ms) {
                s = {};
                continue;
            }
            roll(s, now);
            if (idle > static_cast<std::uint32_t>(kLongestMs))
                s.touched_ms = now - static_cast<std::uint32_t>(kLongestMs);
        }
    }
}

void psn_counter_table::visit(const std::function<void(std::uint32_t, const Slot&)>& see) {
    for (std::size_t set = 0; set < sets_.size(); ++set) {
        Set copy;
        {
            const Guard guard(locks_[set]);
            copy = sets_[set];
        }
        for (const auto& s : copy.slots)
            if (s.tag != 0) see(static_cast<std::uint32_t>(set), s);
    }
}

void psn_counter_table::restore(std::uint32_t set, Slot slot, std::uint32_t shift_ms) {
    if (set >= sets_.size() || slot.tag == 0) return;
    slot.touched_ms += shift_ms;
    slot.window_start_ms += shift_ms;
    const Guard guard(locks_[set]);
    for (auto& s : sets_[set].slots)
        if (s.tag == 0) {
            s = slot;
            return;
        }
}

std::size_t psn_counter_table::used() {
    std::size_t n = 0;
    visit([&](std::uint32_t, const Slot&) { ++n; });
    return n;
}
