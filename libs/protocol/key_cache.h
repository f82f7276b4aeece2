#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "libs/protocol/key.h"

namespace persona::protocol {

/// Keys that were found good, under the SHA-256 of what proves it: a bounded memory for parsed keys
/// and for verified certificates. Sets of four entries; a full set forgets its oldest, so names
/// that collide on purpose only push one another out. Any thread.
class KeyCache {
  public:
    using Id = std::array<std::uint8_t, 32>;
    /// Room for `entries`, rounded up to a multiple of 64; an RS256 key takes about 4 KiB.
    explicit KeyCache(std::size_t entries);

    /// The parts are hashed with their lengths, so that no two lists of parts are alike.
    [[nodiscard]] static Id idOf(std::string_view kind, std::string_view first,
                                 std::string_view second = {});
    [[nodiscard]] std::optional<PublicKey> find(const Id& id);
    void insert(const Id& id, const PublicKey& key);

  private:
    static constexpr std::size_t kWays = 4, kSetsPerLock = 16;
    struct Entry {
        Id id{};
        PublicKey key;
        bool used = false;
    };
    struct Set {
        std::array<Entry, kWays> entries;
        std::size_t next = 0;
    };
    struct Shard {
        std::mutex mutex;
        std::array<Set, kSetsPerLock> sets;
    };
    Set& setOf(const Id& id, std::unique_lock<std::mutex>& lock);
    std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace persona::protocol
