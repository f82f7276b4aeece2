#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "libs/protocol/authority.h"

namespace persona::discovery {

using HopPtr = std::shared_ptr<const protocol::Hop>;

/// Bounded; the entry that was used least lately goes first. Not thread-safe.
class HopCache {
  public:
    explicit HopCache(std::size_t max_entries) : max_(max_entries) {}
    struct Found {
        HopPtr hop;          ///< nullptr: nothing usable
        bool stale = false;  ///< usable, but whoever has it should fetch again
        protocol::DiscoveredPtr
            end;  ///< where a way that is this hop alone leads; nullptr: unknown
    };
    Found find(const std::string& key, std::int64_t now_ms);
    /// Fresh until then, usable until `stale_until_ms`.
    void put(const std::string& key, HopPtr hop, std::int64_t fresh_until_ms,
             std::int64_t stale_until_ms);
    /// What Found::end is from now on, as long as the entry has this `hop`.
    void settle(const std::string& key, const HopPtr& hop, protocol::DiscoveredPtr end);
    [[nodiscard]] std::size_t size() const { return entries_.size(); }

  private:
    struct Entry {
        std::string key;
        HopPtr hop;
        std::int64_t fresh_until_ms, stale_until_ms;
        protocol::DiscoveredPtr end{};
    };
    using Entries = std::list<Entry>;  ///< the latest used first
    std::size_t max_;
    Entries entries_;
    std::unordered_map<std::string_view, Entries::iterator> index_;  ///< views into the entries
};

struct Lifetimes {
    std::int64_t default_ms, min_ms, max_ms;
};
/// Of a document, from the value of its Cache-Control field: max-age within the bounds, no-store as
/// the lowest bound, the default when neither is there.
[[nodiscard]] std::int64_t lifetimeOf(std::string_view cache_control, const Lifetimes& bounds);

}  // namespace persona::discovery
