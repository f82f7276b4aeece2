#include "libs/protocol/key_cache.h"

#include <functional>
#include <utility>

namespace persona::protocol {

KeyCache::KeyCache(std::size_t entries) {
    const std::size_t per_shard = kWays * kSetsPerLock;
    const std::size_t shards = entries == 0 ? 1 : (entries + per_shard - 1) / per_shard;
    shards_.reserve(shards);
    for (std::size_t i = 0; i < shards; ++i) shards_.push_back(std::make_unique<Shard>());
}

KeyCache::Set& KeyCache::setOf(std::size_t hash, std::unique_lock<std::mutex>& lock) {
    auto& shard = *shards_[hash / kSetsPerLock % shards_.size()];
    lock = std::unique_lock(shard.mutex);
    return shard.sets[hash % kSetsPerLock];
}

std::optional<PublicKey> KeyCache::find(std::string_view canonical) {
    if (canonical.empty()) return std::nullopt;
    const auto hash = std::hash<std::string_view>()(canonical);
    std::unique_lock<std::mutex> lock;
    for (const auto& e : setOf(hash, lock).entries)
        if (e.hash == hash && e.key.canonical() == canonical) return e.key;
    return std::nullopt;
}

void KeyCache::insert(const PublicKey& key) {
    const auto hash = std::hash<std::string_view>()(key.canonical());
    PublicKey old;  // what is pushed out is freed after the lock
    std::unique_lock<std::mutex> lock;
    auto& set = setOf(hash, lock);
    for (const auto& e : set.entries)
        if (e.hash == hash && e.key.canonical() == key.canonical()) return;
    auto& entry = set.entries[set.next++ % kWays];
    old = std::exchange(entry.key, key);
    entry.hash = hash;
    lock.unlock();
}

}  // namespace persona::protocol
