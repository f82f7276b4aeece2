#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "libs/protocol/json.h"
#include "libs/protocol/key.h"

namespace persona::protocol {

/// A parsed token (protocol.md 1.3): a certificate or an assertion. Views point into the text that
/// it was parsed from.
struct Token {
    std::string_view signed_text;  ///< segment1 "." segment2, as received
    Json header, payload;
    std::string signature;
    std::size_t segments = 0;  ///< found; 3 when well-formed

    /// Empty: not three segments, or base64 or JSON defects. `segments` is set in `count`.
    static std::optional<Token> parse(std::string_view text, std::size_t* count = nullptr);
    enum class Check { Good, Bad, Malformed, OtherAlgorithm };
    /// HDR-1 to HDR-3 and the signature.
    [[nodiscard]] Check verify(const PublicKey& key) const;
};

/// A token with the header {"alg": ...} and that payload. Takes as long as the signature.
[[nodiscard]] Result<std::string> signToken(const Signer& key, std::string_view payload_json);

/// What the keysigner issues (protocol.md 1.4, 2): the payload of a certificate in the legacy form.
struct CertificateRequest {
    std::string issuer, email;
    bool unverified = false;
    std::int64_t issued_at_ms = 0, expires_at_ms = 0;
};
[[nodiscard]] std::string certificatePayload(const CertificateRequest& request,
                                             const PublicKey& user_key);

/// TIME-2: a time in milliseconds, from a number or a decimal text.
[[nodiscard]] std::optional<std::int64_t> parseTime(const Json& value);

}  // namespace persona::protocol
