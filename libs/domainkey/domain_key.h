#pragma once

#include <optional>
#include <string>

#include "libs/protocol/key.h"

namespace persona::domainkey {

/// The domain's private key with the time it was made.
struct DomainKey {
    protocol::SecretKey secret;
    protocol::PublicKey public_key;
    std::int64_t created_ms = 0;
};

/// Loads the key from `file` (PEM), or makes it there on first start (mode 0600), and writes its
/// public half to `public_file` (mode 0644, replaced atomically). Refuses a file that others can
/// read. Errors name the file and the remedy. May block; [control].
[[nodiscard]] Result<DomainKey> loadOrCreate(const std::string& file,
                                             const std::string& public_file,
                                             protocol::Algorithm algorithm, std::int64_t now_ms);

/// The public half as other roles read it.
struct PublicHalf {
    protocol::PublicKey key;
    std::int64_t created_ms = 0;
};
[[nodiscard]] Result<PublicHalf> loadPublic(const std::string& public_file);

}  // namespace persona::domainkey
