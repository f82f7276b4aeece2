#pragma once

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
/// `allow_port`: tests only, `authority` may name a port.
[[nodiscard]] SupportDocument parseSupportDocument(std::string_view body, const KeyOptions& options,
                                                   bool allow_port = false);

}  // namespace persona::protocol
