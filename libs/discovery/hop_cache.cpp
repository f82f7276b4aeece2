#include "libs/discovery/hop_cache.h"

#include <algorithm>
#include <charconv>

#include "libs/protocol/names.h"

namespace persona::discovery {

HopCache::Found HopCache::find(const std::string& key, std::int64_t now_ms) {
    const auto it = index_.find(key);
    if (it == index_.end()) return {};
    const auto entry = it->second;
    if (now_ms >= entry->stale_until_ms) {
        index_.erase(it);
        entries_.erase(entry);
        return {};
    }
    entries_.splice(entries_.begin(), entries_, entry);
    return {entry->hop, now_ms >= entry->fresh_until_ms, entry->end};
}

void HopCache::settle(const std::string& key, const HopPtr& hop, protocol::DiscoveredPtr end) {
    const auto it = index_.find(key);
    if (it != index_.end() && it->second->hop == hop) it->second->end = std::move(end);
}

void HopCache::put(const std::string& key, HopPtr hop, std::int64_t fresh_until_ms,
                   std::int64_t stale_until_ms) {
    if (const auto it = index_.find(key); it != index_.end()) {
        const auto old = it->second;
        index_.erase(it);
        entries_.erase(old);
    }
    while (!entries_.empty() && entries_.size() >= max_) {
        index_.erase(entries_.back().key);
        entries_.pop_back();
    }
    entries_.push_front({key, std::move(hop), fresh_until_ms, stale_until_ms});
    index_[entries_.front().key] = entries_.begin();
}

std::int64_t lifetimeOf(std::string_view cache_control, const Lifetimes& bounds) {
    std::int64_t lifetime = bounds.default_ms;
    const std::string lower = protocol::toLower(cache_control);
    for (std::string_view rest = lower; !rest.empty();) {
        const auto comma = rest.find(',');
        auto directive = rest.substr(0, comma);
        rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
        while (!directive.empty() && (directive.front() == ' ' || directive.front() == '\t'))
            directive.remove_prefix(1);
        while (!directive.empty() && (directive.back() == ' ' || directive.back() == '\t'))
            directive.remove_suffix(1);
        if (directive == "no-store" || directive == "no-cache") return bounds.min_ms;
        if (!directive.starts_with("max-age=")) continue;
        directive.remove_prefix(8);
        if (directive.size() >= 2 && directive.front() == '"' && directive.back() == '"')
            directive = directive.substr(1, directive.size() - 2);
        std::int64_t seconds = 0;
        const auto r =
            std::from_chars(directive.data(), directive.data() + directive.size(), seconds);
        if (r.ec == std::errc::result_out_of_range)
            seconds = bounds.max_ms / 1000;  // RFC 9111 1.2.2: too large counts as the largest
        else if (r.ec != std::errc{} || r.ptr != directive.data() + directive.size() || seconds < 0)
            seconds = 0;
        lifetime = std::min(seconds, bounds.max_ms / 1000) * 1000;
    }
    return std::clamp(lifetime, bounds.min_ms, bounds.max_ms);
}

}  // namespace persona::discovery
