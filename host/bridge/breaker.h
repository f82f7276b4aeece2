#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace persona::host::bridge {

/// Counts the calls and faults of one filter or heuristic and stops calling what keeps failing
/// (plugin-host 3.2): 5 faults in a row, or over 5 % of 200 and more calls in 10 s, open it for
/// 30 s. [any], but called() on the loop of its index alone.
class Breaker {
  public:
    /// loops: of the engine; one more is there for rehearsals.
    explicit Breaker(unsigned loops);
    [[nodiscard]] bool isOpen(std::int64_t now_ns) const {
        return open_until_ns_.load(std::memory_order_relaxed) > now_ns;
    }
    /// One writer for each cell, so no locked instruction on the way of a request.
    void called(unsigned loop) {
        auto& cell = cells_[loop < loops_ ? loop : loops_].calls;
        cell.store(cell.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    void succeeded() {
        if (in_a_row_.load(std::memory_order_relaxed) != 0)
            in_a_row_.store(0, std::memory_order_relaxed);
    }
    /// True when this fault opened the breaker.
    bool failed(std::int64_t now_ns);
    [[nodiscard]] std::uint64_t calls() const;
    [[nodiscard]] std::uint64_t faults() const { return faults_.load(); }
    [[nodiscard]] std::uint64_t openings() const { return openings_.load(); }

    static constexpr std::uint32_t kInARow = 5, kFewest = 200;
    static constexpr std::int64_t kWindowNs = 10'000'000'000, kOpenNs = 30'000'000'000;

  private:
    struct alignas(64) Cell {
        std::atomic<std::uint64_t> calls{0};
    };
    // What every call reads and only a fault writes: one cache line.
    alignas(64) std::atomic<std::int64_t> open_until_ns_{0};
    std::atomic<std::uint32_t> in_a_row_{0};
    const unsigned loops_;
    const std::unique_ptr<Cell[]> cells_;
    std::atomic<std::uint64_t> faults_{0}, openings_{0}, window_calls_{0}, window_faults_{0};
    std::atomic<std::int64_t> window_start_ns_{0};
};

}  // namespace persona::host::bridge
