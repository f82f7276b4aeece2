#pragma once

#include <persona/sdk/stream.hpp>

#include <string>

/// The fields of frontend.md 4.1 and 4.2, by kind of page.
namespace persona::pages {

struct Origins {
    std::string service;       ///< public_url
    std::string assets;        ///< where /v/ is served from: static_url, or public_url
    bool development = false;  ///< nothing is kept by browsers; providers on plain http loopback
};

enum class Frames { Denied, Anyone, Self };

struct PagePolicy {
    Frames frames = Frames::Denied;
    bool dialog = false;  ///< shows sites' logos, frames providers' provisioning pages
    bool popup = false;   ///< keeps its opener: no Cross-Origin-Opener-Policy
    bool token = false;   ///< its URL carries a one-time token
    bool error = false;   ///< never kept
};

[[nodiscard]] sdk::Headers pageFields(const Origins& o, const PagePolicy& p);
/// Scripts that other people's pages name: short life, readable everywhere.
[[nodiscard]] sdk::Headers sharedScriptFields(const Origins& o);
/// /v/<hash>/...: for ever.
[[nodiscard]] sdk::Headers assetFields(const Origins& o);
/// robots.txt and the like.
[[nodiscard]] sdk::Headers textFields(const Origins& o);
/// Support document and public key, redirects, errors without a page.
[[nodiscard]] sdk::Headers plainFields(const Origins& o, const std::string& cache);

}  // namespace persona::pages
