#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>

#include "libs/domainkey/key_store.h"
#include "libs/domainkey/pkcs11_module.h"
#include "libs/protocol/base64url.h"

/// The domain's keys in a token. They never leave it; here is only a handle to sign with.
namespace persona::domainkey {

namespace {

using protocol::Algorithm;

/// prime256v1 as a DER object identifier.
constexpr std::string_view kP256{"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10};
/// SHA-256 DigestInfo, in front of the hash.
constexpr std::string_view kSha256Info{
    "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20", 19};

class Pkcs11Signer final : public protocol::Signer {
  public:
    Pkcs11Signer(std::shared_ptr<Pkcs11Token> token, CK_OBJECT_HANDLE key,
                 protocol::PublicKey public_key)
        : token_(std::move(token)), key_(key), public_key_(std::move(public_key)) {}
    [[nodiscard]] Algorithm algorithm() const override { return public_key_.algorithm(); }
    [[nodiscard]] Result<protocol::PublicKey> publicKey() const override { return public_key_; }

    [[nodiscard]] Result<std::string> sign(std::string_view message) const override {
        const bool rsa = algorithm() == Algorithm::RS256;
        std::string input(rsa ? kSha256Info : std::string_view());
        std::array<unsigned char, 32> hash{};
        if (EVP_Digest(message.data(), message.size(), hash.data(), nullptr, EVP_sha256(),
                       nullptr) != 1)
            return Error{"signing failed"};
        input.append(reinterpret_cast<const char*>(hash.data()), hash.size());
        const Pkcs11Token::Use use(*token_);
        Pkcs11Token::Session session(*token_);
        if (!session.ok()) return Error{token_->name() + " gives no session"};
        CK_MECHANISM mechanism{rsa ? CKM_RSA_PKCS : CKM_ECDSA, nullptr, 0};
        const auto& call = token_->calls();
        CK_RV rv = call.C_SignInit(session.handle(), &mechanism, key_);
        // ECDSA comes as r || s of full width, which is what we write.
        std::string out(rsa ? 256 : 64, '\0');
        CK_ULONG size = out.size();
        if (rv == CKR_OK)
            rv = call.C_Sign(session.handle(), reinterpret_cast<CK_BYTE*>(input.data()),
                             input.size(), reinterpret_cast<CK_BYTE*>(out.data()), &size);
        if (rv != CKR_OK || size != out.size()) {
            session.spoil();
            return Error{pkcs11Error("signing with " + token_->name() + " failed", rv)};
        }
        return out;
    }

  private:
    const std::shared_ptr<Pkcs11Token> token_;
    const CK_OBJECT_HANDLE key_;
    const protocol::PublicKey public_key_;
};

class Pkcs11KeyStore final : public KeyStore {
  public:
    Pkcs11KeyStore(std::shared_ptr<Pkcs11Token> token, std::string label, std::string request_file)
        : token_(std::move(token)),
          label_(std::move(label)),
          request_file_(std::move(request_file)) {}

    Result<std::shared_ptr<const DomainKey>> load(Slot slot, std::int64_t now_ms) override {
        if (slot == Slot::Current)
            if (auto error = finishPromotion(); !error.empty()) return Error{std::move(error)};
        const auto key = token_->find(CKO_PRIVATE_KEY, labelOf(slot));
        if (!key) return Error{key.error()};
        if (!*key) return std::shared_ptr<const DomainKey>();
        auto public_key = publicKey(**key, labelOf(slot));
        if (!public_key) return Error{public_key.error()};
        // Tokens keep dates at best; the public file remembers when a key was first seen.
        return std::make_shared<const DomainKey>(DomainKey{
            std::make_shared<const Pkcs11Signer>(token_, **key, *public_key), *public_key, now_ms});
    }

    std::string generate(Slot slot, Algorithm algorithm) override {
        const auto there = token_->find(CKO_PRIVATE_KEY, labelOf(slot));
        if (!there) return there.error();
        if (*there) return "";
        // What is left when making a pair was interrupted would be a second object of that label.
        if (auto error = destroy(CKO_PUBLIC_KEY, slot); !error.empty()) return error;
        return generatePair(labelOf(slot), algorithm);
    }

    /// Each half by itself, and only when there is one to take the place: so it may be called again
    /// after any of its steps. The private half first, as it decides which key is the current one.
    std::string promote() override {
        const auto next = token_->find(CKO_PRIVATE_KEY, labelOf(Slot::Next));
        if (!next) return next.error();
        if (*next)
            if (auto error = replace(CKO_PRIVATE_KEY, **next); !error.empty()) return error;
        const auto key = token_->find(CKO_PRIVATE_KEY, labelOf(Slot::Current)),
                   half = token_->find(CKO_PUBLIC_KEY, labelOf(Slot::Next));
        if (!key || !half) return key ? half.error() : key.error();
        // One that belongs to no private half is what is left of making a pair.
        return *key && *half && belong(**key, **half) ? replace(CKO_PUBLIC_KEY, **half) : "";
    }

    bool takeRequest() override { return ::unlink(request_file_.c_str()) == 0; }

  private:
    [[nodiscard]] std::string labelOf(Slot slot) const {
        return slot == Slot::Current ? label_ : label_ + ".next";
    }

    std::string generatePair(std::string label, Algorithm algorithm) {
        const bool rsa = algorithm == Algorithm::RS256;
        CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
        CK_ULONG bits = 2048;
        CK_BYTE exponent[] = {1, 0, 1};
        std::string curve(kP256);
        std::vector<CK_ATTRIBUTE> common{{CKA_TOKEN, &yes, sizeof yes},
                                         {CKA_LABEL, label.data(), label.size()}};
        auto open = common, secret = common;
        open.push_back({CKA_VERIFY, &yes, sizeof yes});
        if (rsa) {
            open.push_back({CKA_MODULUS_BITS, &bits, sizeof bits});
            open.push_back({CKA_PUBLIC_EXPONENT, exponent, sizeof exponent});
        } else {
            open.push_back({CKA_EC_PARAMS, curve.data(), curve.size()});
        }
        for (const auto type : {CKA_PRIVATE, CKA_SENSITIVE, CKA_SIGN})
            secret.push_back({type, &yes, sizeof yes});
        secret.push_back({CKA_EXTRACTABLE, &no, sizeof no});
        Pkcs11Token::Session session(*token_);
        if (!session.ok()) return token_->name() + " gives no session";
        CK_MECHANISM mechanism{rsa ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN, nullptr, 0};
        CK_OBJECT_HANDLE made_public = 0, made_private = 0;
        const CK_RV rv = token_->calls().C_GenerateKeyPair(
            session.handle(), &mechanism, open.data(), open.size(), secret.data(), secret.size(),
            &made_public, &made_private);
        if (rv == CKR_OK) return "";
        session.spoil();
        return pkcs11Error("cannot make a key in " + token_->name(), rv);
    }

    /// `next` becomes the current one of its kind.
    std::string replace(CK_OBJECT_CLASS kind, CK_OBJECT_HANDLE next) {
        const auto error = destroy(kind, Slot::Current);
        return error.empty() ? relabel(next) : error;
    }

    std::string destroy(CK_OBJECT_CLASS kind, Slot slot) {
        const auto old = token_->find(kind, labelOf(slot));
        if (!old) return old.error();
        if (!*old) return "";
        const Pkcs11Token::Change change(*token_);
        const Pkcs11Token::Session session(*token_);
        const CK_RV rv = session.ok() ? token_->calls().C_DestroyObject(session.handle(), **old)
                                      : CKR_SESSION_COUNT;
        if (rv == CKR_OK) return "";
        return pkcs11Error("cannot destroy the old '" + labelOf(slot) + "' in " + token_->name(),
                           rv);
    }

    /// Gives an object the current label.
    std::string relabel(CK_OBJECT_HANDLE next) {
        std::string label = labelOf(Slot::Current);
        CK_ATTRIBUTE a{CKA_LABEL, label.data(), static_cast<CK_ULONG>(label.size())};
        const Pkcs11Token::Change change(*token_);
        const Pkcs11Token::Session session(*token_);
        const CK_RV rv = session.ok()
                             ? token_->calls().C_SetAttributeValue(session.handle(), next, &a, 1)
                             : CKR_SESSION_COUNT;
        if (rv == CKR_OK) return "";
        return pkcs11Error("cannot label the next key in " + token_->name(), rv);
    }

    /// A promotion that was interrupted is done: unless both private halves are there, nothing
    /// waits for its turn.
    std::string finishPromotion() {
        const auto key = token_->find(CKO_PRIVATE_KEY, labelOf(Slot::Current)),
                   next = token_->find(CKO_PRIVATE_KEY, labelOf(Slot::Next));
        if (!key || !next) return key ? next.error() : key.error();
        return *key && *next ? "" : promote();
    }

    /// Whether they are halves of one pair: what the private one signs, the public one verifies.
    bool belong(CK_OBJECT_HANDLE key, CK_OBJECT_HANDLE half) {
        const auto public_key = publicKeyOf(half);
        return public_key && signsFor(key, *public_key);
    }

    bool signsFor(CK_OBJECT_HANDLE key, const protocol::PublicKey& public_key) {
        constexpr std::string_view kMessage = "do these halves belong together?";
        const auto signature = Pkcs11Signer(token_, key, public_key).sign(kMessage);
        return signature &&
               public_key.verify(kMessage, *signature) == protocol::PublicKey::Verdict::Good;
    }

    Result<protocol::PublicKey> publicKey(CK_OBJECT_HANDLE key, const std::string& label) {
        auto public_key = publicKeyOf(key);  // RSA: the private half has the public numbers
        if (!public_key) {
            const auto half = token_->find(CKO_PUBLIC_KEY, label);
            if (!half) return Error{half.error()};
            if (*half) public_key = publicKeyOf(**half);
        }
        if (!public_key)
            return Error{"the key '" + label + "' in " + token_->name() +
                         " is neither RSA of 2048 bits nor P-256 with its public half beside it"};
        if (!signsFor(key, *public_key))
            return Error{"the key '" + label + "' in " + token_->name() +
                         " does not sign, or the public half of that label is another key's"};
        return public_key;
    }

    /// From an object that has the public numbers.
    Result<protocol::PublicKey> publicKeyOf(CK_OBJECT_HANDLE object) {
        protocol::KeyOptions options;
        options.allow_es256 = true;
        auto jwk = protocol::Json::object();
        const auto n = token_->attribute(object, CKA_MODULUS),
                   e = token_->attribute(object, CKA_PUBLIC_EXPONENT);
        if (n && e && !n->empty()) {
            jwk.add("kty", "RSA")
                .add("n", protocol::encodeBase64Url(*n))
                .add("e", protocol::encodeBase64Url(*e));
        } else {
            // DER OCTET STRING of 0x04 || x || y; some tokens leave the wrapping away.
            const auto point = token_->attribute(object, CKA_EC_POINT);
            if (!point || (point->size() != 65 && point->size() != 67))
                return Error{"no public key"};
            const std::string_view xy = std::string_view(*point).substr(point->size() - 64);
            jwk.add("kty", "EC")
                .add("crv", "P-256")
                .add("x", protocol::encodeBase64Url(xy.substr(0, 32)))
                .add("y", protocol::encodeBase64Url(xy.substr(32)));
        }
        auto parsed = protocol::PublicKey::parse(jwk, options);
        if (parsed && parsed->algorithm() != Algorithm::RS256 &&
            parsed->algorithm() != Algorithm::ES256)
            return Error{"neither RSA of 2048 bits nor P-256"};
        return parsed;
    }

    const std::shared_ptr<Pkcs11Token> token_;
    const std::string label_, request_file_;
};

}  // namespace

Result<std::unique_ptr<KeyStore>> pkcs11KeyStore(const Pkcs11Options& options,
                                                 std::string_view pin) {
    auto token = Pkcs11Token::open(options.module, options.token, pin);
    if (!token) return Error{token.error()};
    return std::unique_ptr<KeyStore>(
        std::make_unique<Pkcs11KeyStore>(*token, options.label, options.request_file));
}

}  // namespace persona::domainkey
