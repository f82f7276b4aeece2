#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <array>
#include <memory>

#include "libs/protocol/base64url.h"
#include "libs/protocol/evp.h"

/// Private keys: making, loading, signing.
namespace persona::protocol {

using detail::Bn;

namespace {

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

/// Whether an RSA key's numbers belong together (RFC 8017, 3.2): n = p q, d is inverse to e, and
/// what is kept for speed follows from these. That p and q are primes is not tested: it takes a
/// hundred times as long, and no damage to a file passes by the rest.
bool rsaBelongs(EVP_PKEY* key) {
    const Bn n = numberOf(key, OSSL_PKEY_PARAM_RSA_N), e = numberOf(key, OSSL_PKEY_PARAM_RSA_E),
             d = numberOf(key, OSSL_PKEY_PARAM_RSA_D),
             p = numberOf(key, OSSL_PKEY_PARAM_RSA_FACTOR1),
             q = numberOf(key, OSSL_PKEY_PARAM_RSA_FACTOR2),
             dp = numberOf(key, OSSL_PKEY_PARAM_RSA_EXPONENT1),
             dq = numberOf(key, OSSL_PKEY_PARAM_RSA_EXPONENT2),
             qinv = numberOf(key, OSSL_PKEY_PARAM_RSA_COEFFICIENT1);
    const std::unique_ptr<BN_CTX, decltype(&BN_CTX_free)> ctx(BN_CTX_secure_new(), &BN_CTX_free);
    const Bn x(BN_secure_new()), less(BN_secure_new());
    if (!n || !e || !d || !p || !q || !dp || !dq || !qinv || !ctx || !x || !less) return false;
    for (const auto* secret : {d.get(), p.get(), q.get(), less.get()})
        BN_set_flags(const_cast<BIGNUM*>(secret), BN_FLG_CONSTTIME);
    const auto derived = [&](const BIGNUM* prime, const BIGNUM* exponent) {
        return BN_sub(less.get(), prime, BN_value_one()) == 1 &&
               BN_mod_mul(x.get(), d.get(), e.get(), less.get(), ctx.get()) == 1 &&
               BN_is_one(x.get()) &&
               BN_div(nullptr, x.get(), d.get(), less.get(), ctx.get()) == 1 &&
               BN_cmp(x.get(), exponent) == 0;
    };
    return BN_is_odd(p.get()) && BN_is_odd(q.get()) && BN_cmp(p.get(), q.get()) != 0 &&
           BN_mul(x.get(), p.get(), q.get(), ctx.get()) == 1 && BN_cmp(x.get(), n.get()) == 0 &&
           derived(p.get(), dp.get()) && derived(q.get(), dq.get()) &&
           BN_mod_mul(x.get(), qinv.get(), q.get(), p.get(), ctx.get()) == 1 && BN_is_one(x.get());
}

/// A signature made with numbers that do not belong together (a damaged file) gives RSA away.
bool belongs(EVP_PKEY* key) {
    if (EVP_PKEY_is_a(key, "DSA")) return true;
    if (EVP_PKEY_is_a(key, "RSA")) return rsaBelongs(key);
    const detail::PkeyCtx check(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    return check && EVP_PKEY_pairwise_check(check.get()) == 1;
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

Result<SecretKey> SecretKey::generate(Algorithm algorithm) {
    SecretKey out;
    out.algorithm_ = algorithm;
    detail::Pkey key;
    switch (algorithm) {
        case Algorithm::RS128:
            key.reset(EVP_RSA_gen(1024));
            break;
        case Algorithm::RS256:
            key.reset(EVP_RSA_gen(2048));
            break;
        case Algorithm::ES256:
            key.reset(EVP_EC_gen("prime256v1"));
            break;
        case Algorithm::DS128:
            key.reset(generateDsa(detail::groupDs128()));
            break;
        case Algorithm::DS256:
            key.reset(generateDsa(detail::groupDs256()));
            break;
        default:
            return Error{"keys of this kind are not made here"};
    }
    if (!key) return Error{"key generation failed"};
    out.key_ = std::make_shared<detail::SignKey>(std::move(key));
    return out;
}

Result<SecretKey> SecretKey::fromPem(std::string_view pem) {
    BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    detail::Pkey key(PEM_read_bio_PrivateKey(
        bio, nullptr, [](char*, int, int, void*) { return 0; }, nullptr));
    BIO_free(bio);
    ERR_clear_error();
    if (!key) return Error{"no unencrypted PEM private key"};
    const auto algorithm = algorithmOf(key.get());
    if (!algorithm) return Error{algorithm.error()};
    if (!belongs(key.get())) {
        ERR_clear_error();
        return Error{"the numbers of the private key do not belong together; the file is damaged"};
    }
    SecretKey out;
    out.algorithm_ = *algorithm;
    out.key_ = std::make_shared<detail::SignKey>(std::move(key));
    return out;
}

std::string SecretKey::toPem() const {
    BIO* bio = BIO_new(BIO_s_secmem());
    PEM_write_bio_PrivateKey(bio, key_->key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    char* data = nullptr;
    const long n = BIO_get_mem_data(bio, &data);
    std::string out(data, static_cast<std::size_t>(n));
    BIO_free(bio);
    return out;
}

Result<std::string> SecretKey::sign(std::string_view message) const {
    std::array<unsigned char, detail::SignKey::kMaxSignature> octets;
    const std::string_view made(reinterpret_cast<const char*>(octets.data()),
                                key_ ? key_->sign(algorithm_, message, octets) : 0);
    const bool pair = algorithm_ == Algorithm::DS128 || algorithm_ == Algorithm::DS256 ||
                      algorithm_ == Algorithm::ES256;
    auto out = pair ? detail::pairFromDer(made, algorithm_ == Algorithm::DS128 ? 20 : 32)
                    : std::string(made);
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
            o.add("n", detail::toDecimal(numberOf(key_->key.get(), OSSL_PKEY_PARAM_RSA_N).get()));
            o.add("e", detail::toDecimal(numberOf(key_->key.get(), OSSL_PKEY_PARAM_RSA_E).get()));
            break;
        case Algorithm::DS128:
        case Algorithm::DS256:
            o.add("algorithm", "DS");
            o.add("y", detail::toHex(numberOf(key_->key.get(), OSSL_PKEY_PARAM_PUB_KEY).get()));
            o.add("p", detail::toHex(numberOf(key_->key.get(), OSSL_PKEY_PARAM_FFC_P).get()));
            o.add("q", detail::toHex(numberOf(key_->key.get(), OSSL_PKEY_PARAM_FFC_Q).get()));
            o.add("g", detail::toHex(numberOf(key_->key.get(), OSSL_PKEY_PARAM_FFC_G).get()));
            break;
        case Algorithm::ES256: {
            const auto coordinate = [&](const char* name) {
                std::string octets(32, '\0');
                BN_bn2binpad(numberOf(key_->key.get(), name).get(),
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
            EVP_PKEY_get_raw_public_key(key_->key.get(),
                                        reinterpret_cast<unsigned char*>(octets.data()), &n);
            o.add("algorithm", "Ed").add("crv", "Ed25519").add("x", encodeBase64Url(octets));
            break;
        }
    }
    KeyOptions all;
    all.allow_rs64 = all.allow_es256 = all.allow_ed25519 = true;
    return PublicKey::parse(o, all);
}

}  // namespace persona::protocol
