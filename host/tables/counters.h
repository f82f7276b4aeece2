#pragma once

#include <persona/abi/ext/counters.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "host/tables/pages.h"
#include "host/tables/secret.h"

/// Opaque in the ABI (psn.counters/1): 8-way set-associative, fixed size, keyed hash. Times are
/// milliseconds in 32 bits, compared by their difference; sweep() keeps every difference small.
struct psn_counter_table {
  public:
    psn_counter_table(const psn_counter_spec& spec, const persona::host::tables::Secret& secret);
    psn_rc add(std::string_view key, std::uint32_t delta, std::int64_t now_ns,
               psn_counter_value* out);
    /// What add() would answer, without changing anything.
    psn_rc peek(std::string_view key, std::uint32_t delta, std::int64_t now_ns,
                psn_counter_value* out);
    psn_rc get(std::string_view key, std::int64_t now_ns, psn_counter_value* out);
    psn_rc setFlag(std::string_view key, std::uint32_t flag, std::int64_t now_ns);
    psn_rc erase(std::string_view key);

    struct Slot {
        std::uint32_t tag = 0;  ///< 0: free
        std::uint32_t touched_ms = 0, window_start_ms = 0;
        std::uint32_t current = 0, previous = 0;
        std::uint32_t flag = 0;
    };
    /// [control] Part `part` of `parts` of the table: what is too old to tell is forgotten.
    void sweep(std::size_t part, std::size_t parts, std::int64_t now_ns);
    /// [control] Every entry that is in use, with its set.
    void visit(const std::function<void(std::uint32_t set, const Slot&)>& see);
    /// [control] Puts an entry of a snapshot back, its times moved by `shift_ms`.
    void restore(std::uint32_t set, Slot slot, std::uint32_t shift_ms);

    [[nodiscard]] const psn_counter_spec& spec() const { return spec_; }
    [[nodiscard]] std::uint64_t evicted() const { return evicted_.load(); }
    [[nodiscard]] std::size_t slots() const { return sets_.size() * kWays; }
    [[nodiscard]] std::size_t bytes() const { return sets_.size() * (sizeof(Set) + 1); }
    [[nodiscard]] std::size_t used();

  private:
    static constexpr std::size_t kWays = 8;
    struct alignas(64) Set {
        std::array<Slot, kWays> slots;
    };
    class Guard;
    struct Place {
        std::size_t set;
        std::uint32_t tag;
    };
    [[nodiscard]] Place place(std::string_view key) const;
    Slot* find(Set& set, std::uint32_t tag, std::uint32_t now_ms);
    Slot& claim(Set& set, std::uint32_t tag, std::uint32_t now_ms);
    void roll(Slot& slot, std::uint32_t now_ms) const;
    [[nodiscard]] std::uint64_t estimate(const Slot& slot, std::uint32_t now_ms) const;
    psn_counter_spec spec_;
    persona::host::tables::Secret secret_;
    persona::host::tables::Pages<Set> sets_;
    std::unique_ptr<std::atomic_flag[]> locks_;  ///< one a set, held for nanoseconds
    std::atomic<std::uint64_t> evicted_{0};
};
