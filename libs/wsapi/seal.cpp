#include "libs/wsapi/seal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <memory>
#include <stdexcept>

namespace persona::wsapi {

namespace {

constexpr std::size_t kNonce = 12, kTag = 16, kDigest = 32;

struct FreeCipher {
    void operator()(EVP_CIPHER_CTX* c) const { EVP_CIPHER_CTX_free(c); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

unsigned char* bytes(std::string& s) {
    return reinterpret_cast<unsigned char*>(s.data());
}
const unsigned char* bytes(std::string_view s) {
    return reinterpret_cast<const unsigned char*>(s.data());
}
void must(bool ok) {
    if (!ok) throw std::runtime_error("a cryptographic operation failed");
}

/// Fetched once: a lookup by name costs more than the cipher.
const EVP_CIPHER* aes() {
    static EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    return cipher;
}

}  // namespace

std::string hmacSha256(std::string_view key, std::string_view text) {
    static EVP_MAC* const mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    struct Free {
        void operator()(EVP_MAC_CTX* c) const { EVP_MAC_CTX_free(c); }
    };
    const std::unique_ptr<EVP_MAC_CTX, Free> c(EVP_MAC_CTX_new(mac));
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0),
                                 OSSL_PARAM_construct_end()};
    std::string out(kDigest, '\0');
    std::size_t size = 0;
    must(c != nullptr && EVP_MAC_init(c.get(), bytes(key), key.size(), params) == 1 &&
         EVP_MAC_update(c.get(), bytes(text), text.size()) == 1 &&
         EVP_MAC_final(c.get(), bytes(out), &size, out.size()) == 1 && size == kDigest);
    return out;
}

std::string sha256(std::string_view text) {
    std::string out(kDigest, '\0');
    must(EVP_Q_digest(nullptr, "SHA256", nullptr, text.data(), text.size(), bytes(out), nullptr) ==
         1);
    return out;
}

bool equalSecrets(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

KeyRing deriveKeys(const KeyRing& ring, std::string_view purpose) {
    KeyRing out;
    for (const auto& secret : ring) out.push_back(hmacSha256(secret, purpose));
    return out;
}

Sealed seal(std::string_view key, std::string_view text, std::string_view bound) {
    Sealed out{randomOctets(kNonce), std::string(text.size(), '\0'), std::string(kTag, '\0')};
    const Cipher c(EVP_CIPHER_CTX_new());
    int n = 0;
    must(c != nullptr && key.size() == 32 &&
         EVP_EncryptInit_ex2(c.get(), aes(), bytes(key), bytes(out.nonce), nullptr) == 1 &&
         EVP_EncryptUpdate(c.get(), nullptr, &n, bytes(bound), static_cast<int>(bound.size())) ==
             1 &&
         EVP_EncryptUpdate(c.get(), bytes(out.text), &n, bytes(text),
                           static_cast<int>(text.size())) == 1 &&
         EVP_EncryptFinal_ex(c.get(), bytes(out.text) + n, &n) == 1 &&
         EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_GCM_GET_TAG, static_cast<int>(kTag),
                             out.tag.data()) == 1);
    return out;
}

std::optional<std::string> open(std::string_view key, const Sealed& sealed,
                                std::string_view bound) {
    if (key.size() != 32 || sealed.nonce.size() != kNonce || sealed.tag.size() != kTag)
        return std::nullopt;
    std::string tag = sealed.tag, out(sealed.text.size(), '\0');
    const Cipher c(EVP_CIPHER_CTX_new());
    int n = 0;
    if (c == nullptr ||
        EVP_DecryptInit_ex2(c.get(), aes(), bytes(key), bytes(sealed.nonce), nullptr) != 1 ||
        EVP_DecryptUpdate(c.get(), nullptr, &n, bytes(bound), static_cast<int>(bound.size())) !=
            1 ||
        EVP_DecryptUpdate(c.get(), bytes(out), &n, bytes(sealed.text),
                          static_cast<int>(sealed.text.size())) != 1 ||
        EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_GCM_SET_TAG, static_cast<int>(kTag), tag.data()) !=
            1 ||
        EVP_DecryptFinal_ex(c.get(), bytes(out) + n, &n) != 1)
        return std::nullopt;
    return out;
}

std::string randomOctets(std::size_t n) {
    std::string out(n, '\0');
    must(RAND_bytes(bytes(out), static_cast<int>(n)) == 1);
    return out;
}

std::string encodeBase64(std::string_view octets) {
    std::string out((octets.size() + 2) / 3 * 4 + 1, '\0');
    out.resize(static_cast<std::size_t>(
        EVP_EncodeBlock(bytes(out), bytes(octets), static_cast<int>(octets.size()))));
    return out;
}

}  // namespace persona::wsapi
