#pragma once

#include <string>
#include <string_view>

#include "libs/domainkey/public_keys.h"

namespace persona::pages {

/// A page as it stands in memory, made once.
struct Page {
    unsigned status = 200;
    std::string content_type, cache_control, body, etag;
};

/// The support document of this service (protocol.md 4.6). Keys besides the current one are in the
/// list `keys`, as JWK.
[[nodiscard]] Page supportDocument(const domainkey::PublicKeys& keys);
[[nodiscard]] Page delegation(std::string_view authority);
/// Deprecated /pk: the bare key object.
[[nodiscard]] Page publicKey(const protocol::PublicKey& key);
[[nodiscard]] Page home(std::string_view public_url);
[[nodiscard]] Page notFound(bool json);
/// Strong ETag: a hash of the octets, quoted.
[[nodiscard]] std::string etagOf(std::string_view body);
/// True when If-None-Match names that ETag, or is "*".
[[nodiscard]] bool matches(std::string_view if_none_match, std::string_view etag);

}  // namespace persona::pages
