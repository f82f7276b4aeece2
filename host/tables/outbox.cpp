#include "host/tables/outbox.h"

namespace persona::host::tables {

void Outbox::add(const SharedKey& key, std::int64_t delta_ms, std::uint32_t window_ms) {
    auto& shard = shards_[shardOf(key)];
    const std::lock_guard lock(shard.mutex);
    auto at = shard.sums.find(key);
    if (at == shard.sums.end()) {
        if (shard.sums.size() >= kMostKeys / kShards) {
            left_out_.fetch_add(1, std::memory_order_relaxed);
            return;
        }
        at = shard.sums.emplace(key, Sum{}).first;
    }
    at->second.delta_ms += delta_ms;
    if (window_ms != 0) at->second.window_ms = window_ms;
}

Outbox::Sums Outbox::take() {
    Sums out;
    for (auto& shard : shards_) {
        std::unordered_map<SharedKey, Sum, SharedKeyHash> sums;
        {
            const std::lock_guard lock(shard.mutex);
            sums.swap(shard.sums);
        }
        out.insert(out.end(), sums.begin(), sums.end());
    }
    return out;
}

std::int64_t Outbox::pendingMs(const SharedKey& key) const {
    const auto& shard = shards_[shardOf(key)];
    const std::lock_guard lock(shard.mutex);
    const auto at = shard.sums.find(key);
    return at == shard.sums.end() ? 0 : at->second.delta_ms;
}

}  // namespace persona::host::tables
