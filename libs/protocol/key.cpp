#include "libs/protocol/key.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <array>
#include <initializer_list>

#include "libs/protocol/base64url.h"
#include "libs/protocol/key_detail.h"

namespace persona::protocol {

using detail::Bn;

namespace {

std::shared_ptr<EVP_PKEY> share(EVP_PKEY* key) {
    return {key, [](EVP_PKEY* k) { EVP_PKEY_free(k); }};
}

/// A public key from its numbers.
std::shared_ptr<EVP_PKEY> fromNumbers(
    const char* type, std::initializer_list<std::pair<const char*, const BIGNUM*>> numbers) {
    OSSL_PARAM_BLD* build = OSSL_PARAM_BLD_new();
    for (const auto& [name, n] : numbers) OSSL_PARAM_BLD_push_BN(build, name, n);
    OSSL_PARAM* params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX* ctx = EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr);
    EVP_PKEY* key = nullptr;
    if (EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = nullptr;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    return key == nullptr ? nullptr : share(key);
}

std::shared_ptr<EVP_PKEY> p256FromPoint(const std::string& point) {
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
                                         const_cast<char*>("prime256v1"), 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, const_cast<char*>(point.data()),
                                          point.size()),
        OSSL_PARAM_construct_end()};
    EVP_PKEY_CTX* ctx = EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr);
    EVP_PKEY* key = nullptr;
    if (EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = nullptr;
    EVP_PKEY_CTX_free(ctx);
    if (key == nullptr) return nullptr;
    auto shared = share(key);
    EVP_PKEY_CTX* check = EVP_PKEY_CTX_new(key, nullptr);
    const bool good = EVP_PKEY_public_check(check) == 1;
    EVP_PKEY_CTX_free(check);
    return good ? shared : nullptr;
}

Bn decimal(const std::string* text, std::size_t max) {
    if (text == nullptr || text->empty() || text->size() > max ||
        (text->size() > 1 && text->front() == '0'))
        return nullptr;
    if (!std::all_of(text->begin(), text->end(), [](char c) { return c >= '0' && c <= '9'; }))
        return nullptr;
    BIGNUM* n = nullptr;
    BN_dec2bn(&n, text->c_str());
    return Bn(n);
}

Bn hexadecimal(const std::string* text) {
    if (text == nullptr || text->empty() || text->size() > 640) return nullptr;
    if (!std::all_of(text->begin(), text->end(), [](char c) {
            return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        }))
        return nullptr;
    BIGNUM* n = nullptr;
    BN_hex2bn(&n, text->c_str());
    return Bn(n);
}

Bn base64Number(const std::string* text, bool strict) {
    if (text == nullptr || text->empty() || text->size() > 480) return nullptr;
    const auto octets = strict ? decodeBase64Url(*text) : decodeBase64Lenient(*text);
    if (!octets || octets->empty()) return nullptr;
    return detail::bnFromOctets(*octets);
}

bool hasAny(const Json& object, std::initializer_list<std::string_view> names) {
    return std::any_of(names.begin(), names.end(),
                       [&](auto n) { return object.find(n) != nullptr; });
}

/// y encodings of the points of small order on Ed25519, canonical or not; the sign bit is ignored.
bool isLowOrder(const std::string& x) {
    static const std::array<std::string, 7> kPoints = [] {
        std::array<std::string, 7> p;
        for (auto& s : p) s.assign(32, '\0');
        p[1][0] = 1;
        const unsigned char a[] = {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
                                   0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
                                   0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05};
        const unsigned char b[] = {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
                                   0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
                                   0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a};
        std::copy(std::begin(a), std::end(a), p[2].begin());
        std::copy(std::begin(b), std::end(b), p[3].begin());
        for (std::size_t i = 4; i < 7; ++i) {
            p[i].assign(32, static_cast<char>(0xff));
            p[i][31] = 0x7f;
            p[i][0] = static_cast<char>(0xec + (i - 4));  // p-1, p, p+1
        }
        return p;
    }();
    std::string y = x;
    y[31] = static_cast<char>(y[31] & 0x7f);
    return std::find(kPoints.begin(), kPoints.end(), y) != kPoints.end();
}

struct Parsed {
    Algorithm algorithm;
    std::shared_ptr<EVP_PKEY> key;
    std::string canonical;
};

Result<Parsed> rsa(const Bn& n, const Bn& e, const KeyOptions& options) {
    if (!n || !e) return Error{"an RSA key needs n and e in their encoding"};
    Algorithm algorithm{};
    switch (BN_num_bits(n.get())) {
        case 2048:
        case 2047:
            algorithm = Algorithm::RS256;
            break;
        case 1024:
        case 1023:
            algorithm = Algorithm::RS128;
            break;
        case 512:
        case 511:
            if (!options.allow_rs64) return Error{"RSA key of 512 bits"};
            algorithm = Algorithm::RS64;
            break;
        default:
            return Error{"RSA modulus of an unsupported size"};
    }
    if (!BN_is_odd(n.get()) || !BN_is_odd(e.get()) || BN_is_one(e.get()) ||
        BN_num_bits(e.get()) > 32)
        return Error{"RSA modulus or exponent out of range"};
    auto key =
        fromNumbers("RSA", {{OSSL_PKEY_PARAM_RSA_N, n.get()}, {OSSL_PKEY_PARAM_RSA_E, e.get()}});
    if (!key) return Error{"RSA key refused"};
    return Parsed{algorithm, key,
                  R"({"algorithm":"RS","n":")" + detail::toDecimal(n.get()) + R"(","e":")" +
                      detail::toDecimal(e.get()) + "\"}"};
}

Result<Parsed> dsa(const Bn& y, const Bn& p, const Bn& q, const Bn& g) {
    if (!y || !p || !q || !g) return Error{"a DSA key needs y, p, q and g in their encoding"};
    Algorithm algorithm{};
    const detail::Group* group = nullptr;
    for (const auto a : {Algorithm::DS128, Algorithm::DS256}) {
        const auto& candidate = a == Algorithm::DS128 ? detail::groupDs128() : detail::groupDs256();
        if (BN_cmp(candidate.p.get(), p.get()) == 0 && BN_cmp(candidate.q.get(), q.get()) == 0 &&
            BN_cmp(candidate.g.get(), g.get()) == 0) {
            algorithm = a;
            group = &candidate;
        }
    }
    if (group == nullptr) return Error{"DSA group is not one of the published ones"};
    const Bn limit(BN_dup(p.get()));
    BN_sub_word(limit.get(), 2);
    if (BN_is_zero(y.get()) || BN_is_one(y.get()) || BN_cmp(y.get(), limit.get()) > 0)
        return Error{"DSA y out of range"};
    BN_CTX* ctx = BN_CTX_new();
    const Bn power(BN_new());
    const bool computed = BN_mod_exp(power.get(), y.get(), q.get(), p.get(), ctx) == 1;
    BN_CTX_free(ctx);
    if (!computed || !BN_is_one(power.get())) return Error{"DSA y is not in the group"};
    auto key = fromNumbers("DSA", {{OSSL_PKEY_PARAM_FFC_P, p.get()},
                                   {OSSL_PKEY_PARAM_FFC_Q, q.get()},
                                   {OSSL_PKEY_PARAM_FFC_G, g.get()},
                                   {OSSL_PKEY_PARAM_PUB_KEY, y.get()}});
    if (!key) return Error{"DSA key refused"};
    return Parsed{algorithm, key,
                  R"({"algorithm":"DS","y":")" + detail::toHex(y.get()) + R"(","p":")" +
                      detail::toHex(p.get()) + R"(","q":")" + detail::toHex(q.get()) +
                      R"(","g":")" + detail::toHex(g.get()) + "\"}"};
}

Result<Parsed> extension(const Json& object, bool p256, const KeyOptions& options) {
    if (p256 ? !options.allow_es256 : !options.allow_ed25519)
        return Error{"this key family is not enabled here"};
    const auto* curve = object.findText("crv");
    const auto* x_text = object.findText("x");
    if (curve == nullptr || *curve != (p256 ? "P-256" : "Ed25519") || x_text == nullptr)
        return Error{"curve or coordinate missing"};
    const auto x = decodeBase64Url(*x_text);
    if (!x || x->size() != 32) return Error{"coordinate is not 32 octets"};
    if (!p256) {
        if (object.find("y") != nullptr || isLowOrder(*x)) return Error{"Ed25519 key refused"};
        EVP_PKEY* key = EVP_PKEY_new_raw_public_key(
            EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(x->data()), 32);
        if (key == nullptr) return Error{"Ed25519 key refused"};
        return Parsed{Algorithm::Ed25519, share(key),
                      R"({"algorithm":"Ed","crv":"Ed25519","x":")" + *x_text + "\"}"};
    }
    const auto* y_text = object.findText("y");
    const auto y = y_text == nullptr ? std::nullopt : decodeBase64Url(*y_text);
    if (!y || y->size() != 32) return Error{"coordinate is not 32 octets"};
    auto key = p256FromPoint("\x04" + *x + *y);
    if (!key) return Error{"the point is not on P-256"};
    return Parsed{
        Algorithm::ES256, key,
        R"({"algorithm":"ES","crv":"P-256","x":")" + *x_text + R"(","y":")" + *y_text + "\"}"};
}

Result<Parsed> parseObject(const Json& o, const KeyOptions& options) {
    if (!o.isObject()) return Error{"a key is a JSON object"};
    const bool has_algorithm = o.find("algorithm") != nullptr, has_kty = o.find("kty") != nullptr;
    if (has_algorithm == has_kty) return Error{"a key has either algorithm or kty"};
    if (has_kty) {
        const auto* kty = o.findText("kty");
        if (const auto* use = o.find("use");
            use != nullptr && (!use->isString() || use->text() != "sig"))
            return Error{"the key is not for signatures"};
        if (kty == nullptr) return Error{"kty is not a text"};
        if (hasAny(o, {"d", "p", "q", "dp", "dq", "qi"}))
            return Error{"a public key must not have private members"};
        if (*kty == "RSA")
            return rsa(base64Number(o.findText("n"), true), base64Number(o.findText("e"), true),
                       options);
        if (*kty == "EC") return extension(o, true, options);
        if (*kty == "OKP") return extension(o, false, options);
        return Error{"unknown kty"};
    }
    const auto* algorithm = o.findText("algorithm");
    if (algorithm == nullptr) return Error{"algorithm is not a text"};
    const auto* version = o.find("version");
    if (*algorithm == "ES" || *algorithm == "Ed") {
        if (version != nullptr || o.find("d") != nullptr)
            return Error{"unexpected member in the key"};
        return extension(o, *algorithm == "ES", options);
    }
    if (version != nullptr && (!version->isString() || version->text() != "2012.08.15"))
        return Error{"unknown key version"};
    const bool is2012 = version != nullptr;
    if (*algorithm == "RS" || *algorithm == "RSA") {
        if (hasAny(o, {"d", "p", "q", "dp", "dq", "qi", "secretExponent"}))
            return Error{"a public key must not have private members"};
        if (is2012)
            return rsa(base64Number(o.findText("modulus"), false),
                       base64Number(o.findText("exponent"), false), options);
        return rsa(decimal(o.findText("n"), 620), decimal(o.findText("e"), 10), options);
    }
    if (*algorithm == "DS" || *algorithm == "DSA") {
        if (o.find("x") != nullptr) return Error{"a public key must not have private members"};
        const auto number = [&](std::string_view name) {
            return is2012 ? base64Number(o.findText(name), false) : hexadecimal(o.findText(name));
        };
        return dsa(number("y"), number("p"), number("q"), number("g"));
    }
    return Error{"unknown algorithm"};
}

}  // namespace

std::string_view nameOf(Algorithm a) {
    switch (a) {
        case Algorithm::RS64:
            return "RS64";
        case Algorithm::RS128:
            return "RS128";
        case Algorithm::RS256:
            return "RS256";
        case Algorithm::DS128:
            return "DS128";
        case Algorithm::DS256:
            return "DS256";
        case Algorithm::ES256:
            return "ES256";
        case Algorithm::Ed25519:
            return "Ed25519";
    }
    return "";
}

Result<PublicKey> PublicKey::parse(const Json& object, const KeyOptions& options) {
    auto parsed = parseObject(object, options);
    if (!parsed) return Error{parsed.error()};
    PublicKey out;
    out.algorithm_ = parsed->algorithm;
    out.key_ = std::move(parsed->key);
    out.canonical_ = std::move(parsed->canonical);
    return out;
}

Result<PublicKey> PublicKey::parse(std::string_view json, const KeyOptions& options) {
    const auto object = Json::parse(json);
    if (!object) return Error{"a key is a JSON object"};
    return parse(*object, options);
}

}  // namespace persona::protocol
