#include "tests/conformance/secret_keys.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <memory>

namespace persona::conformance {

namespace {

using Bn = std::unique_ptr<BIGNUM, decltype(&::BN_free)>;
using Ctx = std::unique_ptr<BN_CTX, decltype(&::BN_CTX_free)>;

Bn made() {
    return {::BN_new(), ::BN_free};
}

std::string fromBase64(const std::string& text) {
    std::string out;
    unsigned buffer = 0;
    int bits = 0;
    for (const char c : text) {
        int v = -1;
        if (c >= 'A' && c <= 'Z') v = c - 'A';
        if (c >= 'a' && c <= 'z') v = c - 'a' + 26;
        if (c >= '0' && c <= '9') v = c - '0' + 52;
        if (c == '+' || c == '-') v = 62;
        if (c == '/' || c == '_') v = 63;
        if (v < 0) continue;
        buffer = (buffer << 6) | static_cast<unsigned>(v);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out.push_back(static_cast<char>((buffer >> bits) & 0xff));
        }
    }
    return out;
}

/// A number in whichever way this encoding writes it: decimal (RS), hex (DS), base64 (2012.08.15).
Bn numberOf(const protocol::Json& object, const char* legacy, const char* modern, bool decimal) {
    BIGNUM* n = nullptr;
    if (object.find("version") != nullptr) {
        const auto* text = object.findText(modern);
        if (text != nullptr) {
            const auto octets = fromBase64(*text);
            n = ::BN_bin2bn(reinterpret_cast<const unsigned char*>(octets.data()),
                            static_cast<int>(octets.size()), nullptr);
        }
    } else if (const auto* text = object.findText(legacy); text != nullptr) {
        if (decimal)
            ::BN_dec2bn(&n, text->c_str());
        else
            ::BN_hex2bn(&n, text->c_str());
    }
    return {n, ::BN_free};
}

/// A factor of n, from a pair of exponents (the probabilistic way of NIST SP 800-56B, C).
Bn factorOf(const BIGNUM* n, const BIGNUM* e, const BIGNUM* d) {
    const Ctx ctx(::BN_CTX_new(), ::BN_CTX_free);
    auto k = made(), r = made(), g = made(), y = made(), x = made(), less = made();
    ::BN_mul(k.get(), e, d, ctx.get());
    ::BN_sub_word(k.get(), 1);
    ::BN_copy(less.get(), n);
    ::BN_sub_word(less.get(), 1);
    int twos = 0;
    while (!::BN_is_bit_set(k.get(), twos)) ++twos;
    ::BN_rshift(r.get(), k.get(), twos);
    for (unsigned base = 2; base < 200; ++base) {
        ::BN_set_word(g.get(), base);
        ::BN_mod_exp(y.get(), g.get(), r.get(), n, ctx.get());
        for (int i = 0; i < twos && !::BN_is_one(y.get()) && ::BN_cmp(y.get(), less.get()) != 0;
             ++i) {
            ::BN_mod_sqr(x.get(), y.get(), n, ctx.get());
            if (::BN_is_one(x.get())) {
                ::BN_sub_word(y.get(), 1);
                auto p = made();
                ::BN_gcd(p.get(), y.get(), n, ctx.get());
                return p;
            }
            ::BN_swap(x.get(), y.get());
        }
    }
    return {nullptr, ::BN_free};
}

Result<protocol::SecretKey> built(const char* type, OSSL_PARAM_BLD* builder) {
    const std::unique_ptr<OSSL_PARAM, decltype(&::OSSL_PARAM_free)> params(
        ::OSSL_PARAM_BLD_to_param(builder), ::OSSL_PARAM_free);
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&::EVP_PKEY_CTX_free)> ctx(
        ::EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr), ::EVP_PKEY_CTX_free);
    EVP_PKEY* key = nullptr;
    if (!params || !ctx || ::EVP_PKEY_fromdata_init(ctx.get()) != 1 ||
        ::EVP_PKEY_fromdata(ctx.get(), &key, EVP_PKEY_KEYPAIR, params.get()) != 1)
        return Error{"the numbers do not make a private key"};
    const std::unique_ptr<BIO, decltype(&::BIO_free)> out(::BIO_new(::BIO_s_mem()), ::BIO_free);
    ::PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
    ::EVP_PKEY_free(key);
    char* text = nullptr;
    const auto size = ::BIO_get_mem_data(out.get(), &text);
    return protocol::SecretKey::fromPem({text, static_cast<std::size_t>(size)});
}

}  // namespace

Result<protocol::SecretKey> secretKeyOf(const protocol::Json& o) {
    const auto* algorithm = o.findText("algorithm");
    const Ctx ctx(::BN_CTX_new(), ::BN_CTX_free);
    const std::unique_ptr<OSSL_PARAM_BLD, decltype(&::OSSL_PARAM_BLD_free)> builder(
        ::OSSL_PARAM_BLD_new(), ::OSSL_PARAM_BLD_free);
    const auto push = [&](const char* name, const Bn& n) {
        ::OSSL_PARAM_BLD_push_BN(builder.get(), name, n.get());
    };
    if (algorithm != nullptr && algorithm->starts_with("RS")) {
        const auto n = numberOf(o, "n", "modulus", true), e = numberOf(o, "e", "exponent", true),
                   d = numberOf(o, "d", "secretExponent", true);
        if (!n || !e || !d) return Error{"n, e or d is missing"};
        const auto p = factorOf(n.get(), e.get(), d.get());
        if (!p) return Error{"n has no factor that fits e and d"};
        auto q = made(), dp = made(), dq = made(), qi = made(), t = made();
        ::BN_div(q.get(), nullptr, n.get(), p.get(), ctx.get());
        ::BN_sub(t.get(), p.get(), ::BN_value_one());
        ::BN_mod(dp.get(), d.get(), t.get(), ctx.get());
        ::BN_sub(t.get(), q.get(), ::BN_value_one());
        ::BN_mod(dq.get(), d.get(), t.get(), ctx.get());
        ::BN_mod_inverse(qi.get(), q.get(), p.get(), ctx.get());
        push(OSSL_PKEY_PARAM_RSA_N, n);
        push(OSSL_PKEY_PARAM_RSA_E, e);
        push(OSSL_PKEY_PARAM_RSA_D, d);
        push(OSSL_PKEY_PARAM_RSA_FACTOR1, p);
        push(OSSL_PKEY_PARAM_RSA_FACTOR2, q);
        push(OSSL_PKEY_PARAM_RSA_EXPONENT1, dp);
        push(OSSL_PKEY_PARAM_RSA_EXPONENT2, dq);
        push(OSSL_PKEY_PARAM_RSA_COEFFICIENT1, qi);
        return built("RSA", builder.get());
    }
    if (algorithm != nullptr && algorithm->starts_with("DS")) {
        const auto x = numberOf(o, "x", "x", false), p = numberOf(o, "p", "p", false),
                   q = numberOf(o, "q", "q", false), g = numberOf(o, "g", "g", false);
        if (!x || !p || !q || !g) return Error{"x, p, q or g is missing"};
        auto y = made();
        ::BN_mod_exp(y.get(), g.get(), x.get(), p.get(), ctx.get());
        push(OSSL_PKEY_PARAM_FFC_P, p);
        push(OSSL_PKEY_PARAM_FFC_Q, q);
        push(OSSL_PKEY_PARAM_FFC_G, g);
        push(OSSL_PKEY_PARAM_PUB_KEY, y);
        push(OSSL_PKEY_PARAM_PRIV_KEY, x);
        return built("DSA", builder.get());
    }
    return Error{"neither RS nor DS"};
}

}  // namespace persona::conformance
