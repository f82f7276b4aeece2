#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <cctype>
#include <map>
#include <vector>

#include "libs/protocol/base64url.h"
#include "libs/protocol/key.h"
#include "libs/protocol/key_cache.h"
#include "libs/protocol/key_detail.h"

/// protocol.md 1.2 and 6: which key objects are keys (KEY-1 to KEY-7, attacks A4, A7, A8).
namespace persona::protocol {
namespace {

KeyOptions all() {
    KeyOptions o;
    o.allow_rs64 = o.allow_es256 = o.allow_ed25519 = true;
    return o;
}

PublicKey made(Algorithm a) {
    static std::map<Algorithm, PublicKey> keys;
    auto it = keys.find(a);
    if (it == keys.end()) it = keys.emplace(a, *SecretKey::generate(a)->publicKey()).first;
    return it->second;
}

Json objectOf(Algorithm a) {
    return *Json::parse(made(a).canonical());
}

/// The object with one member replaced, added or (null) removed.
Json with(const Json& o, const std::string& name, const Json& value) {
    Json out = Json::object();
    bool found = false;
    for (const auto& [n, v] : o.members()) {
        found = found || n == name;
        if (n != name)
            out.add(n, v);
        else if (!value.isNull())
            out.add(n, value);
    }
    if (!found && !value.isNull()) out.add(name, value);
    return out;
}

void refused(const Json& o, const char* why) {
    EXPECT_FALSE(PublicKey::parse(o, all()).ok()) << why << ": " << o.dump();
}
void accepted(const Json& o, const char* why) {
    const auto key = PublicKey::parse(o, all());
    EXPECT_TRUE(key.ok()) << why << ": " << key.error();
}

TEST(KeyRules, Key1SyntaxOfDecimal) {
    const auto rs = objectOf(Algorithm::RS256);
    const auto& n = *rs.findText("n");
    for (const auto& bad :
         {"0" + n, " " + n, n + " ", "+" + n, "-" + n, "0x" + n, n + ".0", std::string(), n + "e0"})
        refused(with(rs, "n", bad), "n");
    refused(with(rs, "n", std::string(621, '9')), "n of 621 digits");
    refused(with(rs, "e", "065537"), "leading zero in e");
    refused(with(rs, "e", "12345678901"), "e of 11 digits");
    refused(with(rs, "n", Json()), "no n");
    refused(with(rs, "e", Json()), "no e");
    refused(with(rs, "e", Json::array()), "e is a list");
    accepted(with(rs, "comment", "x"), "unknown members are ignored");
    accepted(with(rs, "algorithm", "RSA"), "RSA is RS");
    for (const auto* a : {"rs", "RS256", "", "R", "ES256", "none"})
        refused(with(rs, "algorithm", a), "algorithm");
}

TEST(KeyRules, Key1SyntaxOfHex) {
    const auto ds = objectOf(Algorithm::DS128);
    const auto& y = *ds.findText("y");
    std::string upper = y;
    for (auto& c : upper) c = static_cast<char>(std::toupper(c));
    const auto key = PublicKey::parse(with(ds, "y", "000" + upper), all());
    ASSERT_TRUE(key.ok()) << key.error();
    EXPECT_EQ(key->canonical(), made(Algorithm::DS128).canonical()) << "KEY-7";
    for (const auto& bad : {"0x" + y, "-" + y, "+" + y, y + " ", std::string(), y + "g"})
        refused(with(ds, "y", bad), "y");
    refused(with(ds, "y", std::string(641 - y.size(), '0') + y), "641 digits");
    accepted(with(ds, "y", std::string(640 - y.size(), '0') + y), "640 digits");
    accepted(with(ds, "algorithm", "DSA"), "DSA is DS");
}

/// A7: a number where a text must be is what the reference takes as "make a prime of that size".
TEST(KeyRules, Key1NumbersAreTexts) {
    const auto rs = objectOf(Algorithm::RS256), ds = objectOf(Algorithm::DS128);
    refused(with(rs, "n", std::int64_t{2048}), "n is a number");
    refused(with(rs, "e", std::int64_t{65537}), "e is a number");
    for (const auto* m : {"y", "p", "q", "g"})
        refused(with(ds, m, std::int64_t{1024}), "a number of DS");
}

TEST(KeyRules, Key2SizesOfRsa) {
    const auto ofBits = [](int bits) {
        detail::Bn n(BN_new());
        BN_rand(n.get(), bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD);
        return Json::object()
            .add("algorithm", "RS")
            .add("n", detail::toDecimal(n.get()))
            .add("e", "65537");
    };
    for (const int bits : {2048, 2047, 1024, 1023, 512, 511}) accepted(ofBits(bits), "size");
    for (const int bits : {64, 510, 513, 768, 1022, 1025, 1536, 2046, 2049})
        refused(ofBits(bits), "size");
    EXPECT_FALSE(PublicKey::parse(ofBits(512), KeyOptions{}).ok()) << "RS64 only in tests";
    EXPECT_EQ(PublicKey::parse(ofBits(2047), all())->algorithm(), Algorithm::RS256);
    EXPECT_EQ(PublicKey::parse(ofBits(1023), all())->algorithm(), Algorithm::RS128);
}

/// A4.
TEST(KeyRules, Key3ExponentAndModulus) {
    const auto rs = objectOf(Algorithm::RS256);
    for (const auto* e : {"0", "1", "2", "65536", "4294967296", "4294967297"})
        refused(with(rs, "e", e), "e");
    for (const auto* e : {"3", "17", "65537", "4294967295"}) accepted(with(rs, "e", e), "e");
    auto even = *rs.findText("n");
    even.back() = '0';
    refused(with(rs, "n", even), "n is even");
}

/// A4.
TEST(KeyRules, Key4GroupAndSubgroup) {
    for (const auto a : {Algorithm::DS128, Algorithm::DS256}) {
        const auto ds = objectOf(a);
        const auto& group = a == Algorithm::DS128 ? detail::groupDs128() : detail::groupDs256();
        const auto& other = a == Algorithm::DS128 ? detail::groupDs256() : detail::groupDs128();
        const auto number = [](const detail::Bn& from, long plus) {
            detail::Bn n(BN_dup(from.get()));
            plus < 0 ? BN_sub_word(n.get(), static_cast<BN_ULONG>(-plus))
                     : BN_add_word(n.get(), static_cast<BN_ULONG>(plus));
            return detail::toHex(n.get());
        };
        for (const auto& y : {std::string("0"), std::string("1"), number(group.p, -1), group.p_hex,
                              number(group.p, 1), std::string("2"), number(group.p, -2)})
            refused(with(ds, "y", y), "y");
        // -y has the order 2q: right size, wrong subgroup.
        detail::Bn y(nullptr);
        BIGNUM* raw = nullptr;
        BN_hex2bn(&raw, ds.findText("y")->c_str());
        y.reset(raw);
        detail::Bn negative(BN_new());
        BN_sub(negative.get(), group.p.get(), y.get());
        refused(with(ds, "y", detail::toHex(negative.get())), "-y");
        refused(with(ds, "g", "1"), "g = 1");
        refused(with(ds, "g", number(group.g, 1)), "another generator");
        refused(with(ds, "q", other.q_hex), "mixed groups");
        refused(with(with(with(ds, "p", other.p_hex), "q", other.q_hex), "g", other.g_hex),
                "y of the other group");
        accepted(with(ds, "y", group.g_hex), "y = g is in the group");
        EXPECT_EQ(PublicKey::parse(with(ds, "y", group.g_hex), all())->algorithm(), a)
            << "the label comes from the group";
    }
}

TEST(KeyRules, Key5Jwk) {
    const auto rs = *Json::parse(made(Algorithm::RS256).jwk());
    const auto key = PublicKey::parse(rs, all());
    ASSERT_TRUE(key.ok()) << key.error();
    EXPECT_EQ(key->canonical(), made(Algorithm::RS256).canonical());
    accepted(with(rs, "use", "sig"), "use");
    refused(with(rs, "use", "enc"), "use");
    refused(with(rs, "use", Json::array().push("sig")), "use");
    accepted(with(rs, "alg", "none"), "alg is ignored");
    refused(with(rs, "algorithm", "RS"), "A8: both families");
    refused(with(rs, "kty", "DSA"), "kty");
    refused(with(rs, "kty", Json::array().push("RSA")), "kty");
    refused(with(rs, "n", *rs.findText("n") + "="), "padding");
    refused(with(rs, "n", made(Algorithm::RS256).canonical()), "n");
    for (const auto a : {Algorithm::ES256}) {
        const auto back = PublicKey::parse(std::string_view(made(a).jwk()), all());
        ASSERT_TRUE(back.ok()) << back.error();
        EXPECT_EQ(back->canonical(), made(a).canonical());
    }
}

TEST(KeyRules, Key6PrivateMembers) {
    for (const auto* m : {"d", "p", "q", "dp", "dq", "qi", "secretExponent"})
        refused(with(objectOf(Algorithm::RS256), m, "1"), m);
    refused(with(objectOf(Algorithm::DS128), "x", "1"), "x");
    refused(with(objectOf(Algorithm::ES256), "d", "1"), "d");
    for (const auto* m : {"d", "p", "q", "dp", "dq", "qi"})
        refused(with(*Json::parse(made(Algorithm::RS256).jwk()), m, "1"), m);
}

TEST(KeyRules, Key7CanonicalForm) {
    const auto text = made(Algorithm::RS256).canonical();
    EXPECT_TRUE(text.starts_with(R"({"algorithm":"RS","n":")"));
    EXPECT_TRUE(text.ends_with(R"(","e":"65537"})"));
    const auto o = objectOf(Algorithm::RS256);
    const auto shuffled = Json::object()
                              .add("e", *o.findText("e"))
                              .add("other", std::int64_t{1})
                              .add("n", *o.findText("n"))
                              .add("algorithm", "RSA");
    EXPECT_EQ(PublicKey::parse(shuffled, all())->canonical(), text);
    EXPECT_EQ(made(Algorithm::DS128).canonical(),
              R"({"algorithm":"DS","y":")" + *objectOf(Algorithm::DS128).findText("y") +
                  R"(","p":")" + detail::groupDs128().p_hex + R"(","q":")" +
                  detail::groupDs128().q_hex + R"(","g":")" + detail::groupDs128().g_hex + "\"}");
}

TEST(KeyRules, EveryDecimalComesBack) {
    // The conversion of ours against OpenSSL's, over sizes and over digits that carry.
    for (int i = 0; i < 200; ++i) {
        detail::Bn n(BN_new());
        BN_rand(n.get(), 2048, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD);
        if (i == 0) BN_set_word(n.get(), 0);
        if (i < 2) {
            // 2^2047 + 1 and 2^2048 - 1
            BN_zero(n.get());
            BN_set_bit(n.get(), i == 0 ? 2047 : 2048);
            i == 0 ? BN_add_word(n.get(), 1) : BN_sub_word(n.get(), 1);
        }
        const auto key = PublicKey::parse(Json::object()
                                              .add("algorithm", "RS")
                                              .add("n", detail::toDecimal(n.get()))
                                              .add("e", "65537"),
                                          all());
        ASSERT_TRUE(key.ok()) << key.error();
        EXPECT_EQ(*Json::parse(key->jwk())->findText("n"),
                  encodeBase64Url(detail::toOctets(n.get())));
    }
}

TEST(KeyRules, Es256) {
    const auto es = objectOf(Algorithm::ES256);
    EXPECT_FALSE(PublicKey::parse(es, KeyOptions{}).ok()) << "off unless switched on";
    refused(with(es, "crv", "P-384"), "crv");
    refused(with(es, "crv", Json()), "crv is mandatory");
    refused(with(es, "version", "2012.08.15"), "no version");
    refused(with(es, "y", Json()), "y");
    refused(with(es, "x", *es.findText("y")), "off the curve");
    const std::string zero = encodeBase64Url(std::string(32, '\0'));
    refused(with(with(es, "x", zero), "y", zero), "0, 0");
    refused(with(es, "x", *es.findText("x") + "A"), "33 octets");
    refused(with(es, "x", encodeBase64Url(std::string(31, 'x'))), "31 octets");
    // The generator with x + p, which is the same point to whoever forgets to compare with p.
    const std::string p_minus_1 =
        encodeBase64Url(std::string("\xff\xff\xff\xff\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0", 20) +
                        std::string(12, '\xff'));
    refused(with(es, "x", p_minus_1), "x = p");
    EXPECT_EQ(made(Algorithm::ES256).canonical(), es.dump());
}

TEST(KeyRules, AnEs256KeyIsTheSameReadWhereItStandsOrAsAnObject) {
    const auto same = [](const std::string& text) {
        const auto object = Json::parse(text);
        const auto slow = object ? PublicKey::parse(*object, all())
                                 : Result<PublicKey>(Error{"a key is a JSON object"});
        const auto fast = PublicKey::parse(std::string_view(text), all());
        ASSERT_EQ(fast.ok(), slow.ok()) << text;
        ASSERT_EQ(fast.error(), slow.error()) << text;
        if (fast.ok()) {
            ASSERT_EQ(fast->canonical(), slow->canonical());
        }
    };
    const auto text = made(Algorithm::ES256).canonical();
    EXPECT_FALSE(PublicKey::parse(std::string_view(text), KeyOptions{}).ok()) << "off";
    EXPECT_TRUE(PublicKey::parse(std::string_view(text), all()).ok());
    for (std::size_t i = 0; i < text.size(); ++i) {
        for (const char c : {'A', 'B', '"', '\\', ' ', '=', '+', '\x80', '\0', '}'}) {
            auto other = text;
            other[i] = c;
            same(other);
            other = text;
            same(other.insert(i, 1, c));
        }
        same(text.substr(0, i));
        same(text.substr(0, i) + text.substr(i + 1));
    }
    same(text + " ");
    const auto x = text.find("\"x\":\"") + 5, y = text.find("\"y\":\"") + 5;
    auto swapped = text;
    swapped.replace(x, 43, text.substr(y, 43)).replace(y, 43, text.substr(x, 43));
    same(swapped);
}

TEST(KeyRules, Ed25519) {
    const auto key = [](const std::string& octets) {
        return Json::object()
            .add("algorithm", "Ed")
            .add("crv", "Ed25519")
            .add("x", encodeBase64Url(octets));
    };
    std::string good(32, '\0');
    good[0] = 9;
    accepted(key(good), "a key");
    EXPECT_FALSE(PublicKey::parse(key(good), KeyOptions{}).ok()) << "off unless switched on";
    refused(key(std::string(31, 'x')), "31 octets");
    refused(with(key(good), "y", "x"), "y");
    refused(with(key(good), "crv", "Ed448"), "crv");
    std::string y(32, '\0');
    for (int first : {0, 1}) {
        y[0] = static_cast<char>(first);
        refused(key(y), "low order");
        y[31] = '\x80';
        refused(key(y), "low order, other sign");
        y[31] = 0;
    }
    std::string high(32, '\xff');
    high[31] = '\x7f';
    for (int first = 0xec; first <= 0xff; ++first) {
        high[0] = static_cast<char>(first);
        refused(key(high), "p - 1 and beyond the prime");
    }
    high[0] = '\xeb';
    accepted(key(high), "p - 2");
}

TEST(KeyCacheTest, RemembersAndForgets) {
    KeyCache cache(64);
    const auto rs = objectOf(Algorithm::RS256);
    const auto first = PublicKey::parse(rs, all(), &cache);
    ASSERT_TRUE(first.ok());
    const auto id = first->canonical();
    ASSERT_TRUE(cache.find(id).has_value());
    EXPECT_EQ(cache.find(id)->canonical(), id);
    EXPECT_FALSE(cache.find(id.substr(1)).has_value());
    EXPECT_FALSE(cache.find("").has_value());
    for (unsigned i = 0; i < 2'000; ++i) {
        std::string x(32, '\0');
        x[0] = static_cast<char>(9 + i % 200);
        x[1] = static_cast<char>(i / 200);
        const auto filler = Json::object()
                                .add("algorithm", "Ed")
                                .add("crv", "Ed25519")
                                .add("x", encodeBase64Url(x));
        ASSERT_TRUE(PublicKey::parse(filler, all(), &cache).ok());
    }
    EXPECT_FALSE(cache.find(id).has_value()) << "it is bounded";
    // What does not pass is not remembered, and passing once does not excuse another key.
    const auto ds = objectOf(Algorithm::DS128);
    EXPECT_TRUE(PublicKey::parse(ds, all(), &cache).ok());
    EXPECT_FALSE(PublicKey::parse(with(ds, "y", "2"), all(), &cache).ok());
    EXPECT_FALSE(PublicKey::parse(with(ds, "y", "2"), all(), &cache).ok());
    EXPECT_TRUE(PublicKey::parse(ds, all(), &cache).ok());
    // Nor one that differs from it in a member only.
    EXPECT_FALSE(PublicKey::parse(with(ds, "x", "1"), all(), &cache).ok());
    EXPECT_FALSE(PublicKey::parse(with(ds, "kty", "RSA"), all(), &cache).ok());
    // Other spellings of a key are the same key.
    const auto known = PublicKey::parse(ds, all(), &cache);
    std::string upper = *ds.findText("p");
    for (auto& c : upper) c = c >= 'a' && c <= 'f' ? static_cast<char>(c - 32) : c;
    for (const auto& other : {with(ds, "p", upper), with(ds, "comment", "none")})
        EXPECT_EQ(PublicKey::parse(other, all(), &cache)->canonical(), known->canonical());
}

TEST(SecretKeys, PemRoundTripAndDamage) {
    for (const auto a : {Algorithm::RS256, Algorithm::ES256, Algorithm::DS128, Algorithm::DS256}) {
        const auto key = SecretKey::generate(a);
        ASSERT_TRUE(key.ok()) << key.error();
        const auto back = SecretKey::fromPem(key->toPem());
        ASSERT_TRUE(back.ok()) << back.error();
        EXPECT_EQ(back->publicKey()->canonical(), key->publicKey()->canonical());
        const auto signature = back->sign("message");
        ASSERT_TRUE(signature.ok());
        EXPECT_EQ(key->publicKey()->verify("message", *signature), PublicKey::Verdict::Good);
    }
    EXPECT_FALSE(SecretKey::fromPem("").ok());
    EXPECT_FALSE(SecretKey::fromPem("-----BEGIN PRIVATE KEY-----\nAAAA\n").ok());
    EXPECT_FALSE(SecretKey::generate(Algorithm::RS64).ok());
}

std::string rsaPem(const std::string& der) {
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio(bio, "RSA PRIVATE KEY", "", reinterpret_cast<const unsigned char*>(der.data()),
                  static_cast<long>(der.size()));
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    std::string out(data, static_cast<std::size_t>(size));
    BIO_free(bio);
    return out;
}

TEST(SecretKeys, NoNumberOfAnRsaKeyMayBeAnother) {
    EVP_PKEY* key = EVP_RSA_gen(2048);
    unsigned char* octets = nullptr;
    const int size = i2d_PrivateKey(key, &octets);
    ASSERT_GT(size, 0);
    const std::string der(reinterpret_cast<char*>(octets), static_cast<std::size_t>(size));
    OPENSSL_free(octets);
    EVP_PKEY_free(key);
    ASSERT_TRUE(SecretKey::fromPem(rsaPem(der)).ok());
    // RSAPrivateKey (RFC 8017, A.1.2): a sequence of version, n, e, d, p, q, dp, dq, qinv.
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(der[i]); };
    std::size_t from = 4;
    std::vector<std::string> tried;
    for (const char* name : {"version", "n", "e", "d", "p", "q", "dp", "dq", "qinv"}) {
        ASSERT_EQ(at(from), 2) << name;
        std::size_t length = at(from + 1), start = from + 2;
        if (length == 0x81) length = at(from + 2), start = from + 3;
        if (length == 0x82) length = at(from + 2) * 256U + at(from + 3), start = from + 4;
        from = start + length;
        if (length < 2) continue;  // the version
        for (const auto octet : {start + length - 1, start + length / 2, start + 1}) {
            auto damaged = der;
            damaged[octet] = static_cast<char>(at(octet) ^ 2U);
            EXPECT_FALSE(SecretKey::fromPem(rsaPem(damaged)).ok())
                << name << ", octet " << octet - start << " of " << length;
        }
        tried.emplace_back(name);
    }
    EXPECT_EQ(from, der.size());
    EXPECT_EQ(tried.size(), 8U);
}

}  // namespace
}  // namespace persona::protocol
