#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>

#include "host/bridge/heuristics.h"

namespace persona::host::bridge {

/// While it lasts, this thread changes nothing in the host's tables and counters.
class OnlyLooking {
  public:
    OnlyLooking();
    ~OnlyLooking();
    OnlyLooking(const OnlyLooking&) = delete;
    OnlyLooking& operator=(const OnlyLooking&) = delete;

  private:
    const bool before_;
};

/// A heuristic that is tried on live traffic beside the one that acts (decision 0121). It is asked
/// first, of the same facts; host tables are only read meanwhile, and its verdicts are compared and
/// thrown away. Made and read on [control], asked on the loops.
class Candidate {
  public:
    /// `until_ns`: monotonic; it is not asked any more from then on. `since_ns`: now.
    Candidate(std::unique_ptr<Heuristic> tried, std::int64_t since_ns, std::int64_t until_ns);
    /// [loop] Its verdict on what the acting one will be asked next; false: it is not asked.
    bool evaluate(const psn_facts& facts, psn_verdict& out, unsigned loop);
    /// [loop] What the acting one says of the same.
    void compare(const psn_facts& facts, const psn_verdict& own, const psn_verdict& acting);
    /// [loop] The outcome, for what it was asked about.
    void observe(const psn_facts& facts, const psn_outcome& outcome);
    /// [any] From now on it is not asked; its instance stays until the generation ends, for a loop
    /// may be inside.
    void close() {
        open_.store(false);
        tried_->context->part.store(Part::Resting);
    }
    [[nodiscard]] bool isOpen() const { return open_.load(); }
    [[nodiscard]] const Heuristic& tried() const { return *tried_; }
    /// JSON, without what only the caller knows.
    [[nodiscard]] std::string report(std::int64_t now_ns) const;

  private:
    using Count = std::atomic<std::uint64_t>;
    static constexpr std::size_t kKinds = PSN_VERDICT_DROP + 1, kRemembered = 4'096;
    [[nodiscard]] bool isAsked(std::int64_t now_ns) const {
        return open_.load(std::memory_order_relaxed) && now_ns < until_ns_;
    }
    const std::unique_ptr<Heuristic> tried_;
    const std::int64_t since_ns_, until_ns_;
    std::atomic<bool> open_{true};
    Count asked_{0}, same_{0}, stricter_{0}, looser_{0}, stricter_known_{0}, stricter_well_{0};
    std::array<std::array<Count, kKinds>, kKinds> kinds_{};  ///< [acting][tried]
    /// Requests that it would have treated worse, until their outcome is known.
    std::array<Count, kRemembered> worse_{};
};

}  // namespace persona::host::bridge
