#pragma once

#include <string>
#include <string_view>

#include "libs/domainkey/public_keys.h"

/// What this service says of itself as an identity provider (protocol.md 4.6): JSON texts.
namespace persona::pages {

/// Keys besides the current one are in the list `keys`, as JWK.
[[nodiscard]] std::string supportDocument(const domainkey::PublicKeys& keys);
[[nodiscard]] std::string delegation(std::string_view authority);
/// Deprecated /pk: the bare key object.
[[nodiscard]] std::string publicKey(const protocol::PublicKey& key);

}  // namespace persona::pages
