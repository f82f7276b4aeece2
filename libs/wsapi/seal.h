#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "libs/wsapi/secret_file.h"

namespace persona::wsapi {

/// HMAC-SHA-256, 32 octets. Throws std::runtime_error when OpenSSL fails.
[[nodiscard]] std::string hmacSha256(std::string_view key, std::string_view text);
/// SHA-256, 32 octets. Throws as above.
[[nodiscard]] std::string sha256(std::string_view text);
/// Takes the same time wherever the texts differ; false at once for other lengths.
[[nodiscard]] bool equalSecrets(std::string_view a, std::string_view b);
/// A key of its own for each purpose, so that what is made for one is worth nothing for another.
[[nodiscard]] KeyRing deriveKeys(const KeyRing& ring, std::string_view purpose);

struct Sealed {
    std::string nonce, text, tag;
};
/// AES-256-GCM with a random nonce of 96 bits. `bound` is not hidden, but checked.
[[nodiscard]] Sealed seal(std::string_view key, std::string_view text, std::string_view bound);
/// Empty: nothing that was sealed with that key and `bound`.
[[nodiscard]] std::optional<std::string> open(std::string_view key, const Sealed& sealed,
                                              std::string_view bound);
[[nodiscard]] std::string randomOctets(std::size_t n);
/// Standard alphabet, padded.
[[nodiscard]] std::string encodeBase64(std::string_view octets);

}  // namespace persona::wsapi
