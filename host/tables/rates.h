#pragma once

#include <persona/abi/ext/draft/rates.h>

#include <atomic>
#include <cstdint>
#include <functional>

#include "host/tables/pages.h"
#include "host/tables/secret.h"

/// Opaque in the ABI (psn.rates/draft-1): 8 octets a key, 8 keys a cache line, no lock. A slot is
/// read and exchanged as one word.
struct psn_rate_table {
  public:
    psn_rate_table(const psn_rate_spec& spec, const persona::host::tables::Secret& secret);
    enum class Mode { Take, Peek, Charge, Refund };
    psn_rc spend(std::uint64_t key, std::uint32_t rule, const psn_rate_limit& limit,
                 std::uint32_t cost, std::int64_t now_ns, Mode mode, psn_rate_answer* out);
    /// Asks the memory for the cache line of a key that will be spent from soon.
    void prefetch(std::uint64_t key, std::uint32_t rule) const;
    psn_rc forget(std::uint64_t key, std::uint32_t rule);

    /// [control] As in psn_counter_table.
    void sweep(std::size_t part, std::size_t parts, std::int64_t now_ns);
    void visit(const std::function<void(std::uint32_t set, std::uint64_t slot)>& see) const;
    void restore(std::uint32_t set, std::uint64_t slot, std::uint32_t shift_ms);

    [[nodiscard]] const psn_rate_spec& spec() const { return spec_; }
    [[nodiscard]] std::uint64_t evicted() const { return evicted_.load(); }
    [[nodiscard]] std::size_t slots() const { return (mask_ + 1) * kWays; }
    [[nodiscard]] std::size_t bytes() const { return (mask_ + 1) * sizeof(Set); }
    [[nodiscard]] std::size_t used() const;

  private:
    static constexpr std::size_t kWays = 8;
    /// The upper half is the tag (0: free), the lower the time in ms until which all is spent.
    struct alignas(64) Set {
        std::atomic<std::uint64_t> slots[kWays];
    };
    [[nodiscard]] std::uint64_t hash(std::uint64_t key, std::uint32_t rule) const;
    psn_rate_spec spec_;
    persona::host::tables::Secret secret_;
    std::size_t mask_;
    persona::host::tables::Pages<Set> sets_;
    std::atomic<std::uint64_t> evicted_{0};
};
