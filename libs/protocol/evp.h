#pragma once

#include <openssl/evp.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "libs/protocol/key.h"
#include "libs/protocol/key_detail.h"
#include "libs/protocol/p256.h"

/// How keys live in OpenSSL. Everything goes through EVP; what is dear to set up is kept.
namespace persona::protocol::detail {

struct PkeyFree {
    void operator()(EVP_PKEY* k) const { EVP_PKEY_free(k); }
};
using Pkey = std::unique_ptr<EVP_PKEY, PkeyFree>;
struct PkeyCtxFree {
    void operator()(EVP_PKEY_CTX* c) const { EVP_PKEY_CTX_free(c); }
};
using PkeyCtx = std::unique_ptr<EVP_PKEY_CTX, PkeyCtxFree>;

using Digest = std::array<std::uint8_t, 32>;
/// SHA-256 over the parts, each preceded by its length.
[[nodiscard]] Digest sha256Of(std::initializer_list<std::string_view> parts);
/// Octets of the message's hash in `out`: SHA-1 for DS128, else SHA-256. 0 on failure.
[[nodiscard]] std::size_t hashFor(Algorithm algorithm, std::string_view message, Digest& out);

/// Prepared contexts of one key: an operation takes one out and puts it back, so that threads that
/// use the key at once do not wait for one another.
class Contexts {
  public:
    Contexts() = default;
    ~Contexts();
    Contexts(const Contexts&) = delete;
    Contexts& operator=(const Contexts&) = delete;
    [[nodiscard]] PkeyCtx take() const;
    void put(PkeyCtx ctx) const;

  private:
    mutable std::array<std::atomic<EVP_PKEY_CTX*>, 4> idle_{};
};

/// One EVP_PKEY for each thread takes the place of one for each key: giving it another point costs
/// a fiftieth of making one.
[[nodiscard]] bool verifyP256(const Point& point, const Digest& hash, std::string_view der);

/// n, without zeros at its end, and e; the least octet first.
struct RsaNumbers {
    std::vector<unsigned char> modulus;
    std::array<unsigned char, 4> exponent{};
};

/// The checked numbers of a public key. The EVP_PKEY is made when it is first verified with.
class VerifyKey {
  public:
    using Numbers = std::variant<RsaNumbers, Bn, Point>;  ///< RS; y of DS; ES256 and Ed25519
    VerifyKey(std::string canonical_text, Numbers numbers)
        : canonical(std::move(canonical_text)), numbers_(std::move(numbers)) {}
    ~VerifyKey();
    VerifyKey(const VerifyKey&) = delete;
    VerifyKey& operator=(const VerifyKey&) = delete;

    const std::string canonical;
    [[nodiscard]] PublicKey::Verdict verify(Algorithm algorithm, std::string_view message,
                                            std::string_view signature) const;
    /// n and e of an RS key, big-endian, without zeros in front.
    [[nodiscard]] std::pair<std::string, std::string> rsaOctets() const;

  private:
    [[nodiscard]] EVP_PKEY* pkey(Algorithm algorithm) const;
    [[nodiscard]] bool verifyHash(Algorithm algorithm, std::string_view tbs,
                                  std::string_view signature) const;
    Numbers numbers_;
    mutable std::atomic<EVP_PKEY*> pkey_{nullptr};
    Contexts contexts_;
};

/// A private key with its contexts.
class SignKey {
  public:
    explicit SignKey(Pkey key) : key(std::move(key)) {}
    const Pkey key;
    /// Octets of the signature at the start of `out`, which has room for kMaxSignature; DER for DSA
    /// and ECDSA. 0: it failed.
    [[nodiscard]] std::size_t sign(Algorithm algorithm, std::string_view message,
                                   std::span<unsigned char> out) const;
    static constexpr std::size_t kMaxSignature = 256;  ///< of RSA-2048

  private:
    Contexts contexts_;
};

}  // namespace persona::protocol::detail
