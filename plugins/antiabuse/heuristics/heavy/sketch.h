#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

namespace persona::antiabuse {

/// Who asks most (Space-Saving, set-associative): 512 sets of eight counters, 32 KiB. A key that
/// has no counter takes the lowest one of its set with its count, so a count is never too low, and
/// too high by at most what the lowest one had. [any] thread; a lost race loses one count.
class Sketch {
  public:
    std::uint32_t add(std::uint64_t key, std::uint32_t n) {
        const auto tag = static_cast<std::uint32_t>(key >> 32) | 1;
        auto& set = sets_[key % kSets];
        auto* lowest = &set[0];
        std::uint32_t least = UINT32_MAX;
        for (auto& c : set) {
            const auto v = c.load(std::memory_order_relaxed);
            if (static_cast<std::uint32_t>(v >> 32) == tag) {
                const auto count = sum(static_cast<std::uint32_t>(v), n);
                c.store(static_cast<std::uint64_t>(tag) << 32 | count, std::memory_order_relaxed);
                return count;
            }
            if (static_cast<std::uint32_t>(v) < least) {
                least = static_cast<std::uint32_t>(v);
                lowest = &c;
            }
        }
        const auto count = sum(least, n);
        lowest->store(static_cast<std::uint64_t>(tag) << 32 | count, std::memory_order_relaxed);
        return count;
    }
    void prefetch(std::uint64_t key) const { __builtin_prefetch(&sets_[key % kSets], 1); }
    [[nodiscard]] std::uint32_t count(std::uint64_t key) const {
        const auto tag = static_cast<std::uint32_t>(key >> 32) | 1;
        for (const auto& c : sets_[key % kSets]) {
            const auto v = c.load(std::memory_order_relaxed);
            if (static_cast<std::uint32_t>(v >> 32) == tag) return static_cast<std::uint32_t>(v);
        }
        return 0;
    }
    /// Of the counters that are in use.
    [[nodiscard]] std::vector<std::uint32_t> counts() const {
        std::vector<std::uint32_t> out;
        for (const auto& set : sets_)
            for (const auto& c : set)
                if (const auto v = c.load(std::memory_order_relaxed); v != 0)
                    out.push_back(static_cast<std::uint32_t>(v));
        return out;
    }
    void clear() {
        for (auto& set : sets_)
            for (auto& c : set) c.store(0, std::memory_order_relaxed);
    }

  private:
    static constexpr std::size_t kSets = 512, kWays = 8;
    static std::uint32_t sum(std::uint32_t a, std::uint32_t b) {
        return a > UINT32_MAX - b ? UINT32_MAX : a + b;
    }
    alignas(64) std::array<std::array<std::atomic<std::uint64_t>, kWays>, kSets> sets_{};
};

}  // namespace persona::antiabuse
