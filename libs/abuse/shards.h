#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace persona::abuse {

/// Number, under `parts`, of the part that this thread writes to, so that loops need not wait for
/// each other's cache lines. With more threads than parts some share one. [any]
[[nodiscard]] inline std::size_t partOf(std::size_t parts) {
    static std::atomic<std::size_t> next{0};
    thread_local const std::size_t kMine = next.fetch_add(1, std::memory_order_relaxed);
    return kMine % parts;
}

/// A sum that many loops add to and one reads now and then. [any]
class SharedSum {
  public:
    void add(std::uint64_t n) { parts_[partOf(kParts)].n.fetch_add(n, std::memory_order_relaxed); }
    /// What came together, which begins anew.
    [[nodiscard]] std::uint64_t take() {
        std::uint64_t sum = 0;
        for (auto& part : parts_) sum += part.n.exchange(0, std::memory_order_relaxed);
        return sum;
    }

  private:
    static constexpr std::size_t kParts = 8;
    struct alignas(64) Part {
        std::atomic<std::uint64_t> n{0};
    };
    std::array<Part, kParts> parts_;
};

}  // namespace persona::abuse
