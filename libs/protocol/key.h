#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "libs/protocol/json.h"
#include "libs/protocol/result.h"

struct evp_pkey_st;

namespace persona::protocol {

namespace detail {
class VerifyKey;
class SignKey;
}  // namespace detail
class KeyCache;

/// protocol.md 1.1 and 6.2. The number is a label, not a length in bits.
enum class Algorithm { RS64, RS128, RS256, DS128, DS256, ES256, Ed25519 };
[[nodiscard]] std::string_view nameOf(Algorithm algorithm);

struct KeyOptions {
    bool allow_rs64 = false;  ///< tests only
    bool allow_es256 = false, allow_ed25519 = false;
};

/// A checked public key (rules KEY-1 to KEY-7), ready to verify. Immutable; copies share what
/// OpenSSL holds; any thread.
class PublicKey {
  public:
    PublicKey() = default;
    /// From a key object in the legacy, 2012.08.15 or JWK encoding. Syntax, sizes and groups are
    /// judged before anything is computed; `seen`, when given, spares the computation for keys that
    /// passed it before.
    static Result<PublicKey> parse(const Json& object, const KeyOptions& options,
                                   KeyCache* seen = nullptr);
    static Result<PublicKey> parse(std::string_view json, const KeyOptions& options);

    [[nodiscard]] Algorithm algorithm() const { return algorithm_; }
    /// KEY-7: the one spelling that we write, and that compares equal for equal keys.
    [[nodiscard]] const std::string& canonical() const;
    /// As a JWK for the list `keys` of a support document (protocol.md 4.6); of DS keys, which have
    /// none, the canonical form.
    [[nodiscard]] std::string jwk() const;
    enum class Verdict { Good, Bad, Malformed };
    /// SIG-1 to SIG-4. Malformed: longer than a DSA signature of this key can be.
    [[nodiscard]] Verdict verify(std::string_view message, std::string_view signature) const;

  private:
    friend class SecretKey;
    PublicKey(Algorithm algorithm, std::shared_ptr<const detail::VerifyKey> key)
        : algorithm_(algorithm), key_(std::move(key)) {}
    Algorithm algorithm_ = Algorithm::RS256;
    std::shared_ptr<const detail::VerifyKey> key_;
};

/// Something that signs with one private key: in this process, or in a token. Any thread.
class Signer {
  public:
    virtual ~Signer() = default;
    [[nodiscard]] virtual Algorithm algorithm() const = 0;
    /// Always full length: k octets for RSA, r || s for the others. May take as long as RSA does.
    [[nodiscard]] virtual Result<std::string> sign(std::string_view message) const = 0;
    [[nodiscard]] virtual Result<PublicKey> publicKey() const = 0;
};

/// A private key in memory. Wiped by OpenSSL when the last copy goes.
class SecretKey final : public Signer {
  public:
    /// RS128, RS256, DS128, DS256 or ES256.
    static Result<SecretKey> generate(Algorithm algorithm);
    /// An unencrypted PEM private key; its numbers are checked to belong together.
    static Result<SecretKey> fromPem(std::string_view pem);
    /// Wipe it after use.
    [[nodiscard]] std::string toPem() const;
    [[nodiscard]] Algorithm algorithm() const override { return algorithm_; }
    [[nodiscard]] Result<std::string> sign(std::string_view message) const override;
    [[nodiscard]] Result<PublicKey> publicKey() const override;

  private:
    Algorithm algorithm_ = Algorithm::RS256;
    std::shared_ptr<const detail::SignKey> key_;
};

}  // namespace persona::protocol
