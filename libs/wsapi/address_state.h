#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "libs/protocol/json.h"

namespace persona::wsapi {

/// What the domain of an address says of itself now. Error of any kind: it is no provider.
enum class Support : std::uint8_t { Supported, Disabled, Error };

/// A row of the database, as far as it matters here.
struct KnownAddress {
    bool has_password = false;
    bool last_used_as_primary = false;
    bool verified = false;
    std::string spelling;
};

/// The inputs of wsapi.md 4.5.
struct AddressQuestion {
    std::string forced_issuer;  ///< empty: none, which is what "default" means too
    std::string own_host;       ///< host of public_url
    Support support = Support::Error;
    std::string authentication, provisioning, issuer;  ///< of the provider, when it is one
    std::optional<std::int64_t> idp_last_seen_ms;
    std::int64_t now_ms = 0, grace_ms = 432'000'000;
    std::optional<KnownAddress> known;
};

struct AddressAnswer {
    protocol::Json response;
    bool forget_idp = false;  ///< the memory of the domain's provider is void
};

/// A table as a function; pure. tests/data/vectors/address_info.json runs it.
[[nodiscard]] AddressAnswer addressInfo(const AddressQuestion& question);

/// A provider that was seen within the grace period and has not said that it is disabled, but does
/// not answer now: nobody else may vouch for its addresses meanwhile.
[[nodiscard]] bool isOffline(Support now, std::optional<std::int64_t> last_seen_ms,
                             std::int64_t now_ms, std::int64_t grace_ms);

}  // namespace persona::wsapi
