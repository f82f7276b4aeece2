#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "libs/protocol/key.h"

namespace persona::protocol {

/// Keys that were found good, under their canonical form: a bounded memory for parsed keys. Sets of
/// four entries; a full set forgets its oldest, so keys that collide on purpose only push one
/// another out. Any thread.
class KeyCache {
  public:
    /// Room for `entries`, rounded up to a multiple of 64; an RS256 key takes about 4 KiB.
    explicit KeyCache(std::size_t entries);

    [[nodiscard]] std::optional<PublicKey> find(std::string_view canonical);
    void insert(const PublicKey& key);

  private:
    static constexpr std::size_t kWays = 4, kSetsPerLock = 16;
    struct Entry {
        std::size_t hash = 0;  ///< of the canonical form: most others need not be looked at
        PublicKey key;         ///< of one that is free, the canonical form is empty
    };
    struct Set {
        std::array<Entry, kWays> entries;
        std::size_t next = 0;
    };
    struct Shard {
        std::mutex mutex;
        std::array<Set, kSetsPerLock> sets;
    };
    Set& setOf(std::size_t hash, std::unique_lock<std::mutex>& lock);
    std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace persona::protocol
