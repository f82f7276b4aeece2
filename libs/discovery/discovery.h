#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "libs/protocol/authority.h"

namespace persona::discovery {

/// One GET that Discovery asks of whoever has a network. Redirects must not be followed, cookies
/// not sent, and the address that is connected to must be the one that was checked.
struct FetchRequest {
    std::string url;   ///< absolute, https (or http to loopback, for an override)
    std::string host;  ///< value of the Host field
    std::string
        proxy;  ///< "http://HOST:PORT" that is asked for `url` in absolute form; empty: none
    std::size_t max_body;     ///< octets; a longer answer is a failure
    std::int64_t timeout_ms;  ///< for all of it: resolving, connecting, TLS, head and body
    bool allow_private;       ///< the operator named this destination: its address is not filtered
};
struct FetchResponse {
    protocol::Fetched fetched;
    std::string cache_control;
    bool overloaded =
        false;  ///< not tried, for want of room on this side: says nothing of the domain
};
/// [any] Must call `done` exactly once, on any thread, at once or later; must not block.
using FetchPort = std::function<void(FetchRequest, std::function<void(FetchResponse)> done)>;

/// Where the document of a domain comes from instead of https://<domain>/.well-known/browserid.
struct Override {
    std::string document;  ///< from a file, already read; else `url`
    std::string url;       ///< asked with ?domain=
    std::string origin;    ///< not empty: takes the place of https://<domain> in the result's URLs
};
/// Reads "[ORIGIN|]SOURCE", SOURCE being a URL or the path of a file (read at once). Errors say
/// what was expected. May block; [control].
[[nodiscard]] Result<Override> parseOverride(const std::string& text);

/// protocol.md 4.2 and 8; times in ms.
struct Options {
    protocol::DiscoveryOptions protocol;
    bool disable_primary_support = false;  ///< every domain is without support, nothing is fetched
    std::int64_t fetch_timeout_ms = 8'000, chain_timeout_ms = 15'000;
    std::size_t max_document = 65'536;
    std::string http_proxy;
    std::map<std::string, Override> overrides;
    std::int64_t default_lifetime_ms = 300'000, min_lifetime_ms = 10'000,
                 max_lifetime_ms = 21'600'000, failure_lifetime_ms = 30'000;
    /// A document past its lifetime is still used for so long while a fetch replaces it.
    std::int64_t max_stale_ms = 60'000;
    std::size_t max_entries = 10'000;
    std::size_t max_fetches = 256;              ///< under way at once
    std::int64_t seen_interval_ms = 3'600'000;  ///< of onSeen, for each domain
};

struct Ports {
    FetchPort fetch;
    std::function<std::int64_t()> now_ms;  ///< [any] monotonic or wall clock, as long as it is one
    /// [any] A domain was found to be a primary, at most once in seen_interval_ms; may be empty.
    std::function<void(const std::string& domain)> on_seen;
};

using protocol::DiscoveredPtr;

/// Who speaks for a domain, over the network, with a cache (protocol.md 4). All [any].
class Discovery {
  public:
    Discovery(Options options, Ports ports);
    ~Discovery();  ///< lookups under way still end, and call back
    Discovery(const Discovery&) = delete;
    Discovery& operator=(const Discovery&) = delete;

    /// Never blocks. `done` is called exactly once: before this returns when all is cached, else on
    /// a thread of the port. nullptr: too much is under way; the domain was not judged.
    using Done = std::function<void(DiscoveredPtr)>;
    /// `at_hand`: asks nobody anew; what is not known, nor being asked for already, is not judged.
    void find(const std::string& domain, Done done, bool at_hand = false);
    /// Waits for the answer; only on threads that may block. nullptr as above.
    DiscoveredPtr find(const std::string& domain);
    /// Whoever drops what is known of an IdP (forget_idp): the next success is told again.
    void forget(const std::string& domain);

    struct Stats {
        std::size_t entries = 0, fetches = 0;  ///< cached; under way
    };
    [[nodiscard]] Stats stats() const;

  private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace persona::discovery
