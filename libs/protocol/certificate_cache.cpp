#include "libs/protocol/certificate_cache.h"

#include <algorithm>
#include <list>
#include <mutex>
#include <unordered_map>

#include "libs/protocol/evp.h"

namespace persona::protocol {

namespace {

constexpr std::size_t kShards = 16;

std::string digestOf(std::string_view text) {
    const auto digest = detail::sha256Of({text});
    return {digest.begin(), digest.end()};
}

}  // namespace

/// Threads that verify different certificates seldom meet at one lock.
struct CertificateCache::Shard {
    using Entries = std::list<std::pair<std::string, Found>>;
    std::mutex mutex;
    Entries entries;  ///< the latest used first
    std::unordered_map<std::string_view, Entries::iterator> index;
    std::size_t max = 0;

    void erase(Entries::iterator entry) {
        index.erase(entry->first);
        entries.erase(entry);
    }
};

CertificateCache::CertificateCache(std::size_t max_entries) {
    for (std::size_t i = 0; i < kShards; ++i) {
        shards_.push_back(std::make_unique<Shard>());
        shards_.back()->max = std::max<std::size_t>(1, max_entries / kShards);
    }
}

CertificateCache::~CertificateCache() = default;

CertificateCache::Shard& CertificateCache::shardOf(const std::string& digest) const {
    return *shards_[static_cast<unsigned char>(digest.front()) % kShards];
}

CertificateCache::Found CertificateCache::find(std::string_view certificate, std::int64_t now_ms) {
    const auto digest = digestOf(certificate);
    auto& shard = shardOf(digest);
    const std::lock_guard lock(shard.mutex);
    const auto it = shard.index.find(digest);
    if (it == shard.index.end()) return nullptr;
    const auto entry = it->second;
    if (entry->second->expires_ms < now_ms) {
        shard.erase(entry);
        return nullptr;
    }
    shard.entries.splice(shard.entries.begin(), shard.entries, entry);
    return entry->second;
}

void CertificateCache::put(std::string_view certificate, VerifiedCertificate verified,
                           std::int64_t now_ms) {
    if (verified.expires_ms < now_ms) return;
    auto digest = digestOf(certificate);
    auto& shard = shardOf(digest);
    auto found = std::make_shared<const VerifiedCertificate>(std::move(verified));
    const std::lock_guard lock(shard.mutex);
    if (const auto it = shard.index.find(digest); it != shard.index.end()) shard.erase(it->second);
    while (shard.entries.size() >= shard.max) shard.erase(std::prev(shard.entries.end()));
    shard.entries.emplace_front(std::move(digest), std::move(found));
    shard.index[shard.entries.front().first] = shard.entries.begin();
}

void CertificateCache::drop(std::string_view certificate) {
    const auto digest = digestOf(certificate);
    auto& shard = shardOf(digest);
    const std::lock_guard lock(shard.mutex);
    if (const auto it = shard.index.find(digest); it != shard.index.end()) shard.erase(it->second);
}

std::size_t CertificateCache::size() const {
    std::size_t n = 0;
    for (const auto& shard : shards_) {
        const std::lock_guard lock(shard->mutex);
        n += shard->entries.size();
    }
    return n;
}

}  // namespace persona::protocol
