#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "libs/protocol/json.h"
#include "libs/protocol/result.h"

struct evp_pkey_st;

namespace persona::protocol {

/// protocol.md 1.1 and 6.2. The number is a label, not a length in bits.
enum class Algorithm { RS64, RS128, RS256, DS128, DS256, ES256, Ed25519 };
[[nodiscard]] std::string_view nameOf(Algorithm algorithm);

struct KeyOptions {
    bool allow_rs64 = false;  ///< tests only
    bool allow_es256 = false, allow_ed25519 = false;
};

/// A checked public key (rules KEY-1 to KEY-7) with its OpenSSL object, ready to verify. Immutable;
/// copies share the object; any thread.
class PublicKey {
  public:
    /// From a key object in the legacy, 2012.08.15 or JWK encoding.
    static Result<PublicKey> parse(const Json& object, const KeyOptions& options);
    static Result<PublicKey> parse(std::string_view json, const KeyOptions& options);

    [[nodiscard]] Algorithm algorithm() const { return algorithm_; }
    /// KEY-7: the one spelling that we write, and that compares equal for equal keys.
    [[nodiscard]] const std::string& canonical() const { return canonical_; }
    enum class Verdict { Good, Bad, Malformed };
    /// SIG-1 to SIG-4. Malformed: longer than a DSA signature of this key can be.
    [[nodiscard]] Verdict verify(std::string_view message, std::string_view signature) const;

  private:
    friend class SecretKey;
    Algorithm algorithm_ = Algorithm::RS256;
    std::shared_ptr<evp_pkey_st> key_;
    std::string canonical_;
};

/// A private key. Wiped by OpenSSL when the last copy goes.
class SecretKey {
  public:
    /// RS128, RS256, DS128, DS256 or ES256.
    static Result<SecretKey> generate(Algorithm algorithm);
    static Result<SecretKey> fromPem(std::string_view pem);
    [[nodiscard]] std::string toPem() const;
    [[nodiscard]] Algorithm algorithm() const { return algorithm_; }
    /// Always full length: k octets for RSA, r || s for the others.
    [[nodiscard]] Result<std::string> sign(std::string_view message) const;
    [[nodiscard]] Result<PublicKey> publicKey() const;

  private:
    Algorithm algorithm_ = Algorithm::RS256;
    std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace persona::protocol
