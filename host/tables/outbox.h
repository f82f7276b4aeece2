#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace persona::host::tables {

/// A key of a shared rate table. `table` is the number under which the table is shared.
struct SharedKey {
    std::uint32_t table = 0, rule = 0;
    std::uint64_t key = 0;
    bool operator==(const SharedKey&) const = default;
};
struct SharedKeyHash {
    std::size_t operator()(const SharedKey& k) const {
        // Keys are keyed hashes already.
        return k.key ^ (static_cast<std::uint64_t>(k.rule) << 32 | k.table) * 0x9e3779b97f4a7c15ULL;
    }
};

/// What was spent and given back in the shared tables since it was last taken out, summed up for
/// each key. Bounded: when it is full, keys that are not in it are left out and counted; they go on
/// counting in this process. [any] thread.
class Outbox {
  public:
    struct Sum {
        std::int64_t delta_ms = 0;
        std::uint32_t window_ms = 0;
    };
    using Sums = std::vector<std::pair<SharedKey, Sum>>;
    static constexpr std::size_t kMostKeys = 16'384;

    void add(const SharedKey& key, std::int64_t delta_ms, std::uint32_t window_ms);
    /// Empties it.
    [[nodiscard]] Sums take();
    /// What has come together of that key.
    [[nodiscard]] std::int64_t pendingMs(const SharedKey& key) const;
    [[nodiscard]] std::uint64_t leftOut() const { return left_out_.load(); }

  private:
    static constexpr std::size_t kShards = 16;
    struct Shard {
        mutable std::mutex mutex;
        std::unordered_map<SharedKey, Sum, SharedKeyHash> sums;
    };
    /// By the upper half: the lower one finds the place within the shard.
    static std::size_t shardOf(const SharedKey& k) { return SharedKeyHash{}(k) >> 60; }
    std::array<Shard, kShards> shards_;
    std::atomic<std::uint64_t> left_out_{0};
};

}  // namespace persona::host::tables
