#pragma once

#include <persona/abi/ext/counters.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

/// Opaque in the ABI (psn.counters/1): 8-way set-associative, fixed size, keyed hash.
struct psn_counter_table {
  public:
    psn_counter_table(const psn_counter_spec& spec, const std::array<std::uint64_t, 2>& secret);
    psn_rc add(std::string_view key, std::uint32_t delta, std::int64_t now_ns,
               psn_counter_value* out);
    psn_rc get(std::string_view key, std::int64_t now_ns, psn_counter_value* out);
    psn_rc setFlag(std::string_view key, std::uint32_t flag, std::int64_t now_ns);
    psn_rc erase(std::string_view key);
    [[nodiscard]] const psn_counter_spec& spec() const { return spec_; }
    [[nodiscard]] std::uint64_t evicted() const { return evicted_.load(); }

  private:
    struct Slot {
        std::uint64_t tag = 0;  ///< 0: free
        std::uint32_t touched_ms = 0, window_start_ms = 0;
        std::uint32_t current = 0, previous = 0;
        std::uint32_t flag = 0, reserved = 0;
    };
    static constexpr std::size_t kWays = 8;
    struct alignas(64) Set {
        std::atomic_flag lock = ATOMIC_FLAG_INIT;
        std::array<Slot, kWays> slots;
    };
    class Guard;
    [[nodiscard]] std::uint64_t hash(std::string_view key) const;
    Slot* find(Set& set, std::uint64_t tag, std::uint32_t now_ms);
    Slot& claim(Set& set, std::uint64_t tag, std::uint32_t now_ms);
    void roll(Slot& slot, std::uint32_t now_ms) const;
    [[nodiscard]] std::uint64_t estimate(const Slot& slot, std::uint32_t now_ms) const;
    psn_counter_spec spec_;
    std::array<std::uint64_t, 2> secret_;
    std::vector<Set> sets_;
    std::atomic<std::uint64_t> evicted_{0};
};

namespace persona::host::tables {

/// SipHash-2-4 of `data` under a 128-bit key.
[[nodiscard]] std::uint64_t sipHash(const std::array<std::uint64_t, 2>& key, std::string_view data);

/// Named tables; they outlive every generation of plugins.
class Counters {
  public:
    explicit Counters(std::array<std::uint64_t, 2> secret) : secret_(secret) {}
    /// `replaced`: a table of another shape stood under that name and was put aside.
    psn_counter_table* open(std::string_view name, const psn_counter_spec& spec, bool& replaced,
                            std::string& error);

  private:
    std::array<std::uint64_t, 2> secret_;
    std::mutex mutex_;
    std::deque<std::unique_ptr<psn_counter_table>> all_;
    std::map<std::string, psn_counter_table*, std::less<>> by_name_;
};

}  // namespace persona::host::tables
