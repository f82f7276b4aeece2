#include "host/tables/counters.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace persona::host::tables {

std::uint64_t sipHash(const std::array<std::uint64_t, 2>& key, std::string_view data) {
    std::uint64_t v0 = 0x736f6d6570736575ULL ^ key[0], v1 = 0x646f72616e646f6dULL ^ key[1];
    std::uint64_t v2 = 0x6c7967656e657261ULL ^ key[0], v3 = 0x7465646279746573ULL ^ key[1];
    const auto round = [&] {
        v0 += v1;
        v1 = std::rotl(v1, 13) ^ v0;
        v0 = std::rotl(v0, 32);
        v2 += v3;
        v3 = std::rotl(v3, 16) ^ v2;
        v0 += v3;
        v3 = std::rotl(v3, 21) ^ v0;
        v2 += v1;
        v1 = std::rotl(v1, 17) ^ v2;
        v2 = std::rotl(v2, 32);
    };
    std::size_t at = 0;
    for (; at + 8 <= data.size(); at += 8) {
        std::uint64_t m = 0;
        std::memcpy(&m, data.data() + at, 8);
        v3 ^= m;
        round();
        round();
        v0 ^= m;
    }
    std::uint64_t last = static_cast<std::uint64_t>(data.size()) << 56;
    std::memcpy(&last, data.data() + at, data.size() - at);
    v3 ^= last;
    round();
    round();
    v0 ^= last;
    v2 ^= 0xff;
    for (int i = 0; i < 4; ++i) round();
    return v0 ^ v1 ^ v2 ^ v3;
}

psn_counter_table* Counters::open(std::string_view name, const psn_counter_spec& spec,
                                  bool& replaced, std::string& error) {
    replaced = false;
    if (name.empty() || name.size() > 128 || spec.slots < 64 || spec.slots > 16'777'216) {
        error = "a table needs a name of 1 to 128 octets and 64 to 16777216 slots";
        return nullptr;
    }
    const std::lock_guard lock(mutex_);
    if (const auto it = by_name_.find(name); it != by_name_.end()) {
        const auto& had = it->second->spec();
        if (had.slots == spec.slots && had.window_ms == spec.window_ms && had.ttl_ms == spec.ttl_ms)
            return it->second;
        replaced = true;
    }
    // The old table stays alive: a generation that drains may still use it.
    all_.push_back(std::make_unique<psn_counter_table>(spec, secret_));
    by_name_[std::string(name)] = all_.back().get();
    return all_.back().get();
}

}  // namespace persona::host::tables

/// A set is a few cache lines and held for nanoseconds: a spin lock beats a mutex and any lock-free
/// scheme.
class psn_counter_table::Guard {
  public:
    explicit Guard(Set& set) : set_(set) {
        while (set_.lock.test_and_set(std::memory_order_acquire)) {
        }
    }
    ~Guard() { set_.lock.clear(std::memory_order_release); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

  private:
    Set& set_;
};

namespace {
std::uint32_t toMs(std::int64_t ns) {
    return static_cast<std::uint32_t>(ns / 1'000'000);
}
}  // namespace

psn_counter_table::psn_counter_table(const psn_counter_spec& spec,
                                     const std::array<std::uint64_t, 2>& secret)
    : spec_(spec),
      secret_(secret),
      sets_(std::bit_ceil(static_cast<std::size_t>(spec.slots)) / kWays) {}

std::uint64_t psn_counter_table::hash(std::string_view key) const {
    const auto h = persona::host::tables::sipHash(secret_, key);
    return h == 0 ? 1 : h;
}

psn_counter_table::Slot* psn_counter_table::find(Set& set, std::uint64_t tag,
                                                 std::uint32_t now_ms) {
    for (auto& s : set.slots)
        if (s.tag == tag) {
            if (spec_.ttl_ms != 0 && now_ms - s.touched_ms > spec_.ttl_ms) {
                s = {};
                return nullptr;
            }
            return &s;
        }
    return nullptr;
}

psn_counter_table::Slot& psn_counter_table::claim(Set& set, std::uint64_t tag,
                                                  std::uint32_t now_ms) {
    if (auto* s = find(set, tag, now_ms)) return *s;
    Slot* victim = &set.slots[0];
    for (auto& s : set.slots) {
        if (s.tag == 0) {
            victim = &s;
            break;
        }
        // The idlest goes, and among equals the lightest: pressure forgives.
        const auto idle = now_ms - s.touched_ms, least = now_ms - victim->touched_ms;
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
    const std::uint32_t age = now_ms - s.window_start_ms;
    // A clock that seems to step back gives a huge age: start afresh, which can only forgive.
    if (age < spec_.window_ms) return;
    s.previous = age < 2 * static_cast<std::uint64_t>(spec_.window_ms) ? s.current : 0;
    s.current = 0;
    s.window_start_ms = now_ms - age % spec_.window_ms;
}

std::uint64_t psn_counter_table::estimate(const Slot& s, std::uint32_t now_ms) const {
    if (spec_.window_ms == 0) return s.current;
    const std::uint64_t left =
        spec_.window_ms - std::min(spec_.window_ms, now_ms - s.window_start_ms);
    return s.current + s.previous * left / spec_.window_ms;
}

psn_rc psn_counter_table::add(std::string_view key, std::uint32_t delta, std::int64_t now_ns,
                              psn_counter_value* out) {
    if (key.empty() || key.size() > 256) return PSN_INVALID;
    const auto tag = hash(key);
    const auto now = toMs(now_ns);
    Set& set = sets_[tag % sets_.size()];
    const Guard guard(set);
    Slot& s = claim(set, tag, now);
    roll(s, now);
    const auto age = now - s.touched_ms;
    s.touched_ms = now;
    s.current = delta > UINT32_MAX - s.current ? UINT32_MAX : s.current + delta;
    if (out != nullptr) *out = {estimate(s, now), s.flag, age};
    return PSN_OK;
}

psn_rc psn_counter_table::get(std::string_view key, std::int64_t now_ns, psn_counter_value* out) {
    if (key.empty() || key.size() > 256) return PSN_INVALID;
    const auto tag = hash(key);
    const auto now = toMs(now_ns);
    Set& set = sets_[tag % sets_.size()];
    const Guard guard(set);
    Slot* s = find(set, tag, now);
    if (s == nullptr) return PSN_NOT_FOUND;
    roll(*s, now);
    if (out != nullptr) *out = {estimate(*s, now), s->flag, now - s->touched_ms};
    return PSN_OK;
}

psn_rc psn_counter_table::setFlag(std::string_view key, std::uint32_t flag, std::int64_t now_ns) {
    if (key.empty() || key.size() > 256) return PSN_INVALID;
    const auto tag = hash(key);
    Set& set = sets_[tag % sets_.size()];
    const Guard guard(set);
    Slot& s = claim(set, tag, toMs(now_ns));
    s.flag = flag;
    s.touched_ms = toMs(now_ns);
    return PSN_OK;
}

psn_rc psn_counter_table::erase(std::string_view key) {
    if (key.empty() || key.size() > 256) return PSN_INVALID;
    const auto tag = hash(key);
    Set& set = sets_[tag % sets_.size()];
    const Guard guard(set);
    for (auto& s : set.slots)
        if (s.tag == tag) {
            s = {};
            return PSN_OK;
        }
    return PSN_NOT_FOUND;
}
