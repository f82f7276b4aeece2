#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "libs/protocol/key.h"

namespace persona::protocol {

/// A parsed /.well-known/browserid (protocol.md 4.3).
struct SupportDocument {
    enum class Type { Invalid, Supported, Delegation, Disabled };
    Type type = Type::Invalid;
    std::string error;  ///< Invalid
    std::string authority, authentication, provisioning;
    std::vector<PublicKey> keys;
};
[[nodiscard]] SupportDocument parseSupportDocument(std::string_view body,
                                                   const KeyOptions& options);

/// What one HTTP fetch of a support document gave.
struct Fetched {
    bool reached = false;  ///< false: no answer at all; `timed_out` says why
    bool timed_out = false;
    unsigned status = 0;
    std::string content_type;  ///< empty: no such header
    std::string body;
};
/// GET https://<domain>/.well-known/browserid?domain=<principal>, both lower case.
using Fetcher = std::function<Fetched(const std::string& domain, const std::string& principal)>;

struct DiscoveryOptions {
    KeyOptions keys;
    std::map<std::string, std::string> proxy_idps;
    unsigned max_delegations = 5;
};

/// Result of following a domain to its authority (protocol.md 4.4).
struct Discovered {
    enum class Type { Primary, Disabled, Unsupported };
    Type type = Type::Unsupported;
    std::string reason;  ///< Unsupported
    std::string authority;
    std::vector<std::string> chain;
    std::string authentication, provisioning;  ///< absolute URLs
    std::vector<PublicKey> keys;
};
[[nodiscard]] Discovered discover(const std::string& domain, const DiscoveryOptions& options,
                                  const Fetcher& fetch);

}  // namespace persona::protocol
