#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <array>

#include "libs/protocol/base64url.h"
#include "libs/protocol/key.h"
#include "libs/protocol/key_detail.h"

/// Signatures: checking (protocol.md 1.3) and making.
namespace persona::protocol {

using detail::Bn;

namespace {

const EVP_MD* sha256() {
    static EVP_MD* const kMd = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    return kMd;
}
const EVP_MD* sha1() {
    static EVP_MD* const kMd = EVP_MD_fetch(nullptr, "SHA1", nullptr);
    return kMd;
}

bool digestVerify(EVP_PKEY* key, const EVP_MD* md, std::string_view message,
                  std::string_view signature) {
    // One context for each thread: setting one up anew costs more than resetting it.
    struct Context {
        EVP_MD_CTX* ctx = EVP_MD_CTX_new();
        ~Context() { EVP_MD_CTX_free(ctx); }
    };
    thread_local Context context;
    EVP_MD_CTX_reset(context.ctx);
    const bool good =
        EVP_DigestVerifyInit(context.ctx, nullptr, md, nullptr, key) == 1 &&
        EVP_DigestVerify(context.ctx, reinterpret_cast<const unsigned char*>(signature.data()),
                         signature.size(), reinterpret_cast<const unsigned char*>(message.data()),
                         message.size()) == 1;
    ERR_clear_error();
    return good;
}

/// r || s, left-padded to 2 * width; nothing when r or s is out of 1 .. order - 1.
std::string rangeCheckedDer(std::string_view signature, std::size_t width, const BIGNUM* order) {
    std::string padded(2 * width - signature.size(), '\0');
    padded.append(signature);
    const Bn r = detail::bnFromOctets(std::string_view(padded).substr(0, width));
    const Bn s = detail::bnFromOctets(std::string_view(padded).substr(width));
    if (BN_is_zero(r.get()) || BN_is_zero(s.get()) || BN_cmp(r.get(), order) >= 0 ||
        BN_cmp(s.get(), order) >= 0)
        return "";
    return detail::derFromPair(r.get(), s.get());
}

const BIGNUM* p256Order() {
    static const Bn kOrder = [] {
        BIGNUM* n = nullptr;
        BN_hex2bn(&n, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
        return Bn(n);
    }();
    return kOrder.get();
}

Bn numberOf(EVP_PKEY* key, const char* name) {
    BIGNUM* n = nullptr;
    EVP_PKEY_get_bn_param(key, name, &n);
    return Bn(n);
}

Result<Algorithm> algorithmOf(EVP_PKEY* key) {
    const int bits = EVP_PKEY_get_bits(key);
    if (EVP_PKEY_is_a(key, "RSA") && (bits == 2048 || bits == 2047)) return Algorithm::RS256;
    if (EVP_PKEY_is_a(key, "RSA") && (bits == 1024 || bits == 1023)) return Algorithm::RS128;
    if (EVP_PKEY_is_a(key, "RSA") && (bits == 512 || bits == 511)) return Algorithm::RS64;
    if (EVP_PKEY_is_a(key, "DSA") && bits == 1024) return Algorithm::DS128;
    if (EVP_PKEY_is_a(key, "DSA") && bits == 2048) return Algorithm::DS256;
    std::array<char, 64> group{};
    std::size_t n = 0;
    if (EVP_PKEY_is_a(key, "EC") &&
        EVP_PKEY_get_group_name(key, group.data(), group.size(), &n) == 1 &&
        std::string_view(group.data(), n) == "prime256v1")
        return Algorithm::ES256;
    if (EVP_PKEY_is_a(key, "ED25519")) return Algorithm::Ed25519;
    return Error{"the key is none of RSA 2048, RSA 1024, DSA 1024, DSA 2048, P-256, Ed25519"};
}

EVP_PKEY* generateDsa(const detail::Group& group) {
    // y = g^x for a random x: the group is fixed, so only the pair is made.
    const Bn x(BN_new()), y(BN_new()), limit(BN_dup(group.q.get()));
    BN_sub_word(limit.get(), 1);
    BN_CTX* ctx = BN_CTX_secure_new();
    bool ok = BN_priv_rand_range(x.get(), limit.get()) == 1 && BN_add_word(x.get(), 1) == 1;
    BN_set_flags(x.get(), BN_FLG_CONSTTIME);
    ok = ok && BN_mod_exp(y.get(), group.g.get(), x.get(), group.p.get(), ctx) == 1;
    BN_CTX_free(ctx);
    EVP_PKEY* key = nullptr;
    if (!ok) return nullptr;
    const auto size = [](const BIGNUM* n) { return static_cast<std::size_t>(BN_num_bytes(n)); };
    std::array<std::string, 5> octets;
    const std::array<const BIGNUM*, 5> numbers{group.p.get(), group.q.get(), group.g.get(), y.get(),
                                               x.get()};
    static constexpr std::array<const char*, 5> kNames{
        OSSL_PKEY_PARAM_FFC_P, OSSL_PKEY_PARAM_FFC_Q, OSSL_PKEY_PARAM_FFC_G,
        OSSL_PKEY_PARAM_PUB_KEY, OSSL_PKEY_PARAM_PRIV_KEY};
    std::array<OSSL_PARAM, 6> params;
    for (std::size_t i = 0; i < 5; ++i) {
        octets[i].resize(size(numbers[i]));
        auto* at = reinterpret_cast<unsigned char*>(octets[i].data());
        BN_bn2nativepad(numbers[i], at, static_cast<int>(octets[i].size()));
        params[i] = OSSL_PARAM_construct_BN(kNames[i], at, octets[i].size());
    }
    params[5] = OSSL_PARAM_construct_end();
    EVP_PKEY_CTX* pctx = EVP_PKEY_CTX_new_from_name(nullptr, "DSA", nullptr);
    if (EVP_PKEY_fromdata_init(pctx) != 1 ||
        EVP_PKEY_fromdata(pctx, &key, EVP_PKEY_KEYPAIR, params.data()) != 1)
        key = nullptr;
    EVP_PKEY_CTX_free(pctx);
    OPENSSL_cleanse(octets[4].data(), octets[4].size());
    return key;
}

}  // namespace

PublicKey::Verdict PublicKey::verify(std::string_view message, std::string_view signature) const {
    if (signature.empty()) return Verdict::Bad;
    const auto result = [](bool good) { return good ? Verdict::Good : Verdict::Bad; };
    switch (algorithm_) {
        case Algorithm::RS64:
        case Algorithm::RS128:
        case Algorithm::RS256: {
            const auto size = static_cast<std::size_t>(EVP_PKEY_get_size(key_.get()));
            if (signature.size() > size) return Verdict::Bad;
            if (signature.size() == size)
                return result(digestVerify(key_.get(), sha256(), message, signature));
            std::string padded(size - signature.size(), '\0');
            padded.append(signature);
            return result(digestVerify(key_.get(), sha256(), message, padded));
        }
        case Algorithm::DS128:
        case Algorithm::DS256: {
            const bool small = algorithm_ == Algorithm::DS128;
            const std::size_t width = small ? 20 : 32;
            if (signature.size() > 2 * width) return Verdict::Malformed;
            const auto der = rangeCheckedDer(
                signature, width, (small ? detail::groupDs128() : detail::groupDs256()).q.get());
            return result(!der.empty() &&
                          digestVerify(key_.get(), small ? sha1() : sha256(), message, der));
        }
        case Algorithm::ES256: {
            if (signature.size() != 64) return Verdict::Bad;
            const auto der = rangeCheckedDer(signature, 32, p256Order());
            return result(!der.empty() && digestVerify(key_.get(), sha256(), message, der));
        }
        case Algorithm::Ed25519:
            return result(signature.size() == 64 &&
                          digestVerify(key_.get(), nullptr, message, signature));
    }
    return Verdict::Bad;
}

Result<SecretKey> SecretKey::generate(Algorithm algorithm) {
    SecretKey out;
    out.algorithm_ = algorithm;
    EVP_PKEY* key = nullptr;
    switch (algorithm) {
        case Algorithm::RS128:
            key = EVP_RSA_gen(1024);
            break;
        case Algorithm::RS256:
            key = EVP_RSA_gen(2048);
            break;
        case Algorithm::ES256:
            key = EVP_EC_gen("prime256v1");
            break;
        case Algorithm::DS128:
            key = generateDsa(detail::groupDs128());
            break;
        case Algorithm::DS256:
            key = generateDsa(detail::groupDs256());
            break;
        default:
            return Error{"keys of this kind are not made here"};
    }
    if (key == nullptr) return Error{"key generation failed"};
    out.key_ = {key, [](EVP_PKEY* k) { EVP_PKEY_free(k); }};
    return out;
}

Result<SecretKey> SecretKey::fromPem(std::string_view pem) {
    BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    EVP_PKEY* key = PEM_read_bio_PrivateKey(
        bio, nullptr, [](char*, int, int, void*) { return 0; }, nullptr);
    BIO_free(bio);
    ERR_clear_error();
    if (key == nullptr) return Error{"no unencrypted PEM private key"};
    SecretKey out;
    out.key_ = {key, [](EVP_PKEY* k) { EVP_PKEY_free(k); }};
    const auto algorithm = algorithmOf(key);
    if (!algorithm) return Error{algorithm.error()};
    out.algorithm_ = *algorithm;
    return out;
}

std::string SecretKey::toPem() const {
    BIO* bio = BIO_new(BIO_s_secmem());
    PEM_write_bio_PrivateKey(bio, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    char* data = nullptr;
    const long n = BIO_get_mem_data(bio, &data);
    std::string out(data, static_cast<std::size_t>(n));
    BIO_free(bio);
    return out;
}

Result<std::string> SecretKey::sign(std::string_view message) const {
    const EVP_MD* md = algorithm_ == Algorithm::Ed25519 ? nullptr
                       : algorithm_ == Algorithm::DS128 ? sha1()
                                                        : sha256();
    EVP_MD_CTX* ctx = EVP_MD_CTX_new();
    std::size_t size = 0;
    std::string out;
    const auto* data = reinterpret_cast<const unsigned char*>(message.data());
    bool ok = EVP_DigestSignInit(ctx, nullptr, md, nullptr, key_.get()) == 1 &&
              EVP_DigestSign(ctx, nullptr, &size, data, message.size()) == 1;
    if (ok) {
        out.resize(size);
        ok = EVP_DigestSign(ctx, reinterpret_cast<unsigned char*>(out.data()), &size, data,
                            message.size()) == 1;
        out.resize(size);
    }
    EVP_MD_CTX_free(ctx);
    if (!ok) {
        ERR_clear_error();
        return Error{"signing failed"};
    }
    if (algorithm_ == Algorithm::DS128) out = detail::pairFromDer(out, 20);
    if (algorithm_ == Algorithm::DS256 || algorithm_ == Algorithm::ES256)
        out = detail::pairFromDer(out, 32);
    if (out.empty()) return Error{"signing failed"};
    return out;
}

Result<PublicKey> SecretKey::publicKey() const {
    Json o = Json::object();
    switch (algorithm_) {
        case Algorithm::RS64:
        case Algorithm::RS128:
        case Algorithm::RS256:
            o.add("algorithm", "RS");
            o.add("n", detail::toDecimal(numberOf(key_.get(), OSSL_PKEY_PARAM_RSA_N).get()));
            o.add("e", detail::toDecimal(numberOf(key_.get(), OSSL_PKEY_PARAM_RSA_E).get()));
            break;
        case Algorithm::DS128:
        case Algorithm::DS256:
            o.add("algorithm", "DS");
            o.add("y", detail::toHex(numberOf(key_.get(), OSSL_PKEY_PARAM_PUB_KEY).get()));
            o.add("p", detail::toHex(numberOf(key_.get(), OSSL_PKEY_PARAM_FFC_P).get()));
            o.add("q", detail::toHex(numberOf(key_.get(), OSSL_PKEY_PARAM_FFC_Q).get()));
            o.add("g", detail::toHex(numberOf(key_.get(), OSSL_PKEY_PARAM_FFC_G).get()));
            break;
        case Algorithm::ES256: {
            const auto coordinate = [&](const char* name) {
                std::string octets(32, '\0');
                BN_bn2binpad(numberOf(key_.get(), name).get(),
                             reinterpret_cast<unsigned char*>(octets.data()), 32);
                return encodeBase64Url(octets);
            };
            o.add("algorithm", "ES").add("crv", "P-256");
            o.add("x", coordinate(OSSL_PKEY_PARAM_EC_PUB_X))
                .add("y", coordinate(OSSL_PKEY_PARAM_EC_PUB_Y));
            break;
        }
        case Algorithm::Ed25519: {
            std::string octets(32, '\0');
            std::size_t n = 32;
            EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(octets.data()),
                                        &n);
            o.add("algorithm", "Ed").add("crv", "Ed25519").add("x", encodeBase64Url(octets));
            break;
        }
    }
    KeyOptions all;
    all.allow_rs64 = all.allow_es256 = all.allow_ed25519 = true;
    return PublicKey::parse(o, all);
}

}  // namespace persona::protocol
