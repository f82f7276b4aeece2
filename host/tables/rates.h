#pragma once

#include <persona/abi/ext/draft/rates.h>

#include <atomic>
#include <cstdint>
#include <functional>

#include "host/tables/outbox.h"
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

    /// Shared with other processes: what changes is put into `outbox` under `table`.
    struct Share {
        persona::host::tables::Outbox* outbox = nullptr;
        std::uint32_t table = 0;
    };
    void share(const Share& share) { share_ = share; }  ///< [control] before it is used
    /// Every charge counts twice, where the budget is of more than one: the others who share it are
    /// out of reach.
    void setDearer(bool dearer) { dearer_.store(dearer, std::memory_order_relaxed); }
    /// All together have spent that much; what has not been said yet is added. `at_least`: what
    /// stands here stays when it is more.
    void adopt(std::uint64_t key, std::uint32_t rule, std::int64_t spent_ms, std::int64_t now_ns,
               bool at_least);
    /// How far the key's time is ahead; 0: it is not in the table.
    [[nodiscard]] std::uint32_t spentMs(std::uint64_t key, std::uint32_t rule, std::int64_t now_ns);

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
    /// Where a key is, or the most idle slot of its set.
    struct Place {
        std::atomic<std::uint64_t>* slot;
        std::uint64_t word;
        bool found;
        std::int32_t most_idle;
    };
    [[nodiscard]] Place find(std::uint64_t hash, std::uint32_t now_ms);
    [[nodiscard]] std::uint64_t hash(std::uint64_t key, std::uint32_t rule) const;
    psn_rate_spec spec_;
    persona::host::tables::Secret secret_;
    Share share_;
    std::atomic<bool> dearer_{false};
    std::size_t mask_;
    persona::host::tables::Pages<Set> sets_;
    std::atomic<std::uint64_t> evicted_{0};
};
