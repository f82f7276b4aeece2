#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "libs/protocol/support.h"

namespace persona::protocol {

/// What one HTTP fetch of a support document gave.
struct Fetched {
    bool reached = false;  ///< false: no usable answer at all; `timed_out` says why
    bool timed_out = false;
    unsigned status = 0;
    std::string content_type;  ///< empty: no such header
    std::string body;
};

struct DiscoveryOptions {
    KeyOptions keys;
    std::map<std::string, std::string> proxy_idps;
    unsigned max_delegations = 5;
    bool allow_ports = false;  ///< `allow_domains_with_port`: tests only
};

/// What a fetch means (WK-2, WK-3, 4.3). Parsed once, then kept and shared by whoever caches.
struct Hop {
    enum class Http { Ok, Status, Type, Timeout };
    Http http = Http::Status;  ///< not Ok: `document` is empty
    SupportDocument document;
    std::string origin;  ///< not empty: takes the place of https://<domain> in the URLs (shims)
};
[[nodiscard]] Hop readHop(const Fetched& fetched, const DiscoveryOptions& options);

/// Result of following a domain to its authority (protocol.md 4.4).
struct Discovered {
    enum class Type { Primary, Disabled, Unsupported };
    Type type = Type::Unsupported;
    std::string reason;  ///< Unsupported
    std::string authority;
    std::vector<std::string> chain;
    std::string authentication, provisioning;  ///< absolute URLs
    std::vector<PublicKey> keys;
    bool proxied = false;  ///< the domain is in `proxy_idps`; says nothing of how it was found
};

using DiscoveredPtr = std::shared_ptr<const Discovered>;

/// The way from a domain to its authority, one fetch at a time: whoever walks gets the hop for
/// (current(), principal()) from where it likes, and hands it to take(), until done().
class AuthorityWalk {
  public:
    /// `options` must outlive the walk.
    AuthorityWalk(const std::string& domain, const DiscoveryOptions& options);
    [[nodiscard]] bool done() const { return done_; }
    [[nodiscard]] const std::string& current() const { return current_; }
    [[nodiscard]] const std::string& principal() const { return principal_; }
    void take(const Hop& hop);
    /// Ends the walk for want of time.
    void timeOut();
    [[nodiscard]] Discovered& result() { return result_; }

  private:
    void moveTo(const std::string& domain);
    void finish(Discovered::Type type);
    void fail(std::string reason);

    const DiscoveryOptions& options_;
    std::string principal_, current_;
    Discovered result_;
    bool done_ = false;
};

/// GET https://<domain>/.well-known/browserid?domain=<principal>, both lower case.
using Fetcher = std::function<Fetched(const std::string& domain, const std::string& principal)>;
/// The whole walk, where fetching may block.
[[nodiscard]] Discovered discover(const std::string& domain, const DiscoveryOptions& options,
                                  const Fetcher& fetch);

}  // namespace persona::protocol
