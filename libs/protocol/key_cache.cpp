#include "libs/protocol/key_cache.h"

#include <cstring>

#include "libs/protocol/evp.h"

namespace persona::protocol {

KeyCache::KeyCache(std::size_t entries) {
    const std::size_t per_shard = kWays * kSetsPerLock;
    const std::size_t shards = entries == 0 ? 1 : (entries + per_shard - 1) / per_shard;
    shards_.reserve(shards);
    for (std::size_t i = 0; i < shards; ++i) shards_.push_back(std::make_unique<Shard>());
}

KeyCache::Id KeyCache::idOf(std::string_view kind, std::string_view first,
                            std::string_view second) {
    return detail::sha256Of({kind, first, second});
}

KeyCache::Set& KeyCache::setOf(const Id& id, std::unique_lock<std::mutex>& lock) {
    std::uint64_t n = 0;
    std::memcpy(&n, id.data(), sizeof n);
    auto& shard = *shards_[n / kSetsPerLock % shards_.size()];
    lock = std::unique_lock(shard.mutex);
    return shard.sets[n % kSetsPerLock];
}

std::optional<PublicKey> KeyCache::find(const Id& id) {
    std::unique_lock<std::mutex> lock;
    for (const auto& e : setOf(id, lock).entries)
        if (e.used && e.id == id) return e.key;
    return std::nullopt;
}

void KeyCache::insert(const Id& id, const PublicKey& key) {
    PublicKey old;  // what is pushed out is freed after the lock
    std::unique_lock<std::mutex> lock;
    auto& set = setOf(id, lock);
    for (const auto& e : set.entries)
        if (e.used && e.id == id) return;
    auto& entry = set.entries[set.next++ % kWays];
    old = std::move(entry.key);
    entry = {id, key, true};
    lock.unlock();
}

}  // namespace persona::protocol
