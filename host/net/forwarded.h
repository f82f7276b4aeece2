#pragma once

#include <string>
#include <vector>

#include "host/net/fields.h"
#include "host/net/settings.h"
#include "host/net/socket.h"

namespace persona::host::net {

/// What proxies in front of us say about a request.
struct ClientFinding {
    std::string address;  ///< empty: nothing believable was said
    std::string scheme;   ///< "http", "https", or empty
};

/// The rightmost hop that is not one of `trusted`, out of the one field that our own proxies write
/// (X-Forwarded-For with X-Forwarded-Proto, or Forwarded, RFC 7239). Everything left of it is the
/// client's own word. Call it only for a peer that is trusted itself.
[[nodiscard]] ClientFinding findClient(const Fields& fields, ForwardedHeader header,
                                       const std::vector<Cidr>& trusted);

}  // namespace persona::host::net
