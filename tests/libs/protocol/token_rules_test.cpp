#include <gtest/gtest.h>

#include <cctype>
#include <functional>
#include <map>

#include "libs/protocol/base64url.h"
#include "libs/protocol/json.h"
#include "libs/protocol/key_detail.h"
#include "libs/protocol/token.h"
#include "libs/protocol/verify.h"

/// protocol.md 1.3 to 1.7: tokens, signatures, times, bundles; attacks A1 to A3, A5, A6, A8, A9,
/// A21.
namespace persona::protocol {
namespace {

constexpr std::int64_t kNow = 1'400'000'000'000;

SecretKey key(Algorithm a) {
    static std::map<Algorithm, SecretKey> keys;
    auto it = keys.find(a);
    if (it == keys.end()) it = keys.emplace(a, *SecretKey::generate(a)).first;
    return it->second;
}

PublicKey::Verdict check(Algorithm a, std::string_view message, const std::string& signature) {
    return key(a).publicKey()->verify(message, signature);
}

TEST(Base64, OneSpellingForEachValue) {
    for (std::size_t n = 0; n < 70; ++n) {
        std::string octets;
        for (std::size_t i = 0; i < n; ++i) octets.push_back(static_cast<char>(i * 37 + n));
        const auto text = encodeBase64Url(octets);
        ASSERT_EQ(decodeBase64Url(text), octets) << text;
        std::string room(octets.size() + 1, '\0');
        ASSERT_TRUE(decodeBase64Url(text, room));
        EXPECT_EQ(room.substr(0, n), octets);
        EXPECT_FALSE(decodeBase64Url(text, std::span(room).first(n))) << "no room";
        EXPECT_FALSE(decodeBase64Url(text + "=").has_value()) << "B64-1";
        // Every other last character gives the same octets to a lax decoder, or other ones.
        if (n % 3 != 0)
            for (const char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef0189-_")) {
                const auto other = decodeBase64Url(text.substr(0, text.size() - 1) + c);
                EXPECT_TRUE(c == text.back() || !other || *other != octets) << "B64-2 " << text;
            }
    }
    for (const char* bad : {"A", "AAAAA", "AA==", "AA A", "AA\n", "AA+A", "AA/A", "AB", "AAB"})
        EXPECT_FALSE(decodeBase64Url(bad).has_value()) << bad;
    for (int c = 0; c < 256; ++c) {
        const char one = static_cast<char>(c);
        const bool inside = std::isalnum(c) != 0 || one == '-' || one == '_';
        for (int at = 0; at < 4; ++at) {
            std::string text = "AAAA";
            text[static_cast<std::size_t>(at)] = one;
            EXPECT_EQ(decodeBase64Url(text).has_value(), inside && c < 128) << c;
        }
    }
    EXPECT_EQ(decodeBase64Lenient("AQAB"), decodeBase64Url("AQAB"));
    EXPECT_EQ(decodeBase64Lenient("+/8="), decodeBase64Url("-_8"));
    EXPECT_FALSE(decodeBase64Lenient("AQAB====").has_value());
}

TEST(JsonRules, StrictSyntax) {
    for (const char* good :
         {"{}", " {} ", "[]", "0", "-0", "1.5e3", "\"\\u00e9\"", "\"\\ud83d\\ude00\"", "null",
          "[[[]]]", "{\"a\":{\"a\":1}}", "9007199254740992"})
        EXPECT_TRUE(Json::parse(good).has_value()) << good;
    for (const char* bad : {"",
                            " ",
                            "{",
                            "}",
                            "{]",
                            "[1,]",
                            "{\"a\":1,}",
                            "{a:1}",
                            "{'a':1}",
                            "01",
                            "+1",
                            "1.",
                            ".5",
                            "1e",
                            "0x10",
                            "NaN",
                            "Infinity",
                            "tru",
                            "nulll",
                            "{} {}",
                            "{}x",
                            "\"\t\"",
                            "\"\x01\"",
                            "\"\\x\"",
                            "\"\\u12\"",
                            "\"\\u-123\"",
                            "\"\\ud800\"",
                            "\"\\udc00\"",
                            "\"\\ud800\\u0041\"",
                            "\"\xc0\x80\"",
                            "\"\xed\xa0\x80\"",
                            "\"\xf4\x90\x80\x80\"",
                            "\"\xe2\x82\"",
                            "\"\xff\"",
                            "\xef\xbb\xbf{}",
                            "//x\n{}",
                            "{\"a\" 1}"})
        EXPECT_FALSE(Json::parse(bad).has_value()) << bad;
    EXPECT_FALSE(Json::parse(std::string_view("{}\0", 3)).has_value());
    for (const char* beyond :
         {"9007199254740993", "-9007199254740994", "1e16", "1e300", "1e400", "1e-400"})
        EXPECT_FALSE(Json::parse(beyond).has_value()) << beyond;
}

/// A6.
TEST(JsonRules, Json2Duplicates) {
    for (const char* bad : {R"({"a":1,"a":1})", R"({"a":1,"\u0061":2})", R"([{"b":{"x":1,"x":2}}])",
                            R"({"":1,"":2})"})
        EXPECT_FALSE(Json::parse(bad).has_value()) << bad;
    // Many members, where the names are found by a table.
    std::string many = "{";
    for (int i = 0; i < 3'000; ++i) many += "\"n" + std::to_string(i) + "\":0,";
    const auto good = Json::parse(many + "\"last\":0}");
    ASSERT_TRUE(good.has_value());
    EXPECT_EQ(good->members().size(), 3'001u);
    for (const char* again : {"n0", "n16", "n17", "n1499", "n2999", "\\u006e2999"})
        EXPECT_FALSE(Json::parse(many + "\"" + again + "\":0}").has_value()) << again;
}

/// A21.
TEST(JsonRules, Json3Depth) {
    const auto nested = [](std::size_t n, char open, char close) {
        return std::string(n, open) + std::string(n, close);
    };
    EXPECT_TRUE(Json::parse(nested(32, '[', ']')).has_value());
    EXPECT_FALSE(Json::parse(nested(33, '[', ']')).has_value());
    EXPECT_FALSE(Json::parse(std::string(5'000, '[')).has_value());
    std::string objects = "{}";
    for (int i = 1; i < 32; ++i) objects = "{\"a\":" + objects + "}";
    EXPECT_TRUE(Json::parse(objects).has_value());
    EXPECT_FALSE(Json::parse("{\"a\":" + objects + "}").has_value());
}

TEST(JsonRules, DumpsWhatItParsed) {
    for (const char* text : {R"({"a":[1,2.5,true,null,"x\"\\\u0001\u007f"],"é":{}})", "[]", "-7"}) {
        const auto json = Json::parse(text);
        ASSERT_TRUE(json.has_value()) << text;
        EXPECT_TRUE(*Json::parse(json->dump()) == *json) << json->dump();
    }
}

/// Strings are scanned in blocks: no octet hides at any place of one, or behind the last.
TEST(JsonRules, EveryOctetAtEveryPlace) {
    for (std::size_t at = 0; at < 40; ++at)
        for (unsigned octet = 0; octet < 256; ++octet) {
            std::string text(40, 'x');
            text[at] = static_cast<char>(octet);
            const bool plain = octet >= 0x20 && octet < 0x80 && octet != '"' && octet != '\\';
            const auto read = Json::parse("[\"" + text + "\"]");
            ASSERT_EQ(read.has_value(), plain) << octet << " at " << at;
            if (plain) {
                ASSERT_EQ(read->items()[0].text(), text);
            }
            if (octet >= 0x80) continue;
            const auto written = Json(text).dump();
            ASSERT_EQ(written.size() == text.size() + 2, plain && octet != 0x7f) << written;
            const auto again = Json::parse(written);
            ASSERT_TRUE(again.has_value()) << written;
            ASSERT_EQ(again->text(), text);
        }
}

std::string token(std::string_view header, std::string_view payload, const SecretKey& k) {
    const auto text = encodeBase64Url(header) + "." + encodeBase64Url(payload);
    return text + "." + encodeBase64Url(*k.sign(text));
}

TEST(TokenRules, HeaderIsComparedNeverBelieved) {
    const auto k = key(Algorithm::ES256);
    const auto verdict = [&](std::string_view header) {
        const auto text = token(header, "{}", k);
        const auto t = Token::parse(text);
        return t ? t->verify(*k.publicKey()) : Token::Check::Malformed;
    };
    EXPECT_EQ(verdict(R"({"alg":"ES256"})"), Token::Check::Good);
    EXPECT_EQ(verdict(R"({"alg":"ES256","kid":"x","jwk":{},"x5c":[],"jku":"http://x"})"),
              Token::Check::Good)
        << "HDR-2";
    for (const char* bad :
         {R"({"alg":"es256"})", R"({"alg":["ES256"]})", R"({"alg":"none"})", R"({"alg":null})",
          R"({})", R"({"alg":"RS256"})", R"({"alg":"ES256 "})", R"({"ALG":"ES256"})"})
        EXPECT_EQ(verdict(bad), Token::Check::OtherAlgorithm) << "HDR-1 " << bad;
    EXPECT_EQ(verdict(R"({"alg":"ES256","crit":[]})"), Token::Check::OtherAlgorithm) << "HDR-3";
    EXPECT_EQ(verdict(R"({"alg":"ES256","alg":"ES256"})"), Token::Check::Malformed) << "JSON-2";
    EXPECT_EQ(verdict(R"(["alg","ES256"])"), Token::Check::Malformed) << "JSON-1";
}

TEST(TokenRules, SegmentsAndSignedText) {
    const auto k = key(Algorithm::ES256);
    const auto good = *signToken(k, "{\"a\":1}");
    const auto count = [](std::string_view text) {
        std::size_t n = 0;
        EXPECT_FALSE(Token::parse(text, &n).has_value()) << text;
        return n;
    };
    EXPECT_EQ(count(""), 1u);
    EXPECT_EQ(count("a"), 1u);
    EXPECT_EQ(count("a.b"), 2u);
    EXPECT_EQ(count("a.b.c.d"), 4u);
    EXPECT_EQ(count(".."), 3u);
    EXPECT_EQ(count(good + "="), 3u);
    EXPECT_EQ(count(good.substr(0, good.find('.')) + "\n" + good.substr(good.find('.'))), 3u)
        << "A9";
    EXPECT_EQ(good.substr(0, good.find('.')), encodeBase64Url(R"({"alg":"ES256"})"));
    const auto empty = good.substr(0, good.rfind('.') + 1);
    const auto t = Token::parse(empty);
    ASSERT_TRUE(t.has_value());
    EXPECT_EQ(t->verify(*k.publicKey()), Token::Check::Bad) << "an empty signature never verifies";
}

/// A2, A3.
TEST(Signatures, Sig1Sig2Rsa) {
    for (const auto a : {Algorithm::RS256, Algorithm::RS128}) {
        const std::size_t k = a == Algorithm::RS256 ? 256 : 128;
        std::string message, signature;
        // A message whose signature begins with a zero octet, as one in 256 does.
        for (int i = 0; i < 20'000; ++i) {
            message = "message " + std::to_string(i);
            signature = *key(a).sign(message);
            ASSERT_EQ(signature.size(), k) << "we always write k octets";
            if (signature[0] == 0 || a == Algorithm::RS256) break;
        }
        EXPECT_EQ(check(a, message, signature), PublicKey::Verdict::Good);
        if (signature[0] == 0) {
            EXPECT_EQ(check(a, message, signature.substr(1)), PublicKey::Verdict::Good)
                << "the reference drops zeros";
        } else {
            EXPECT_EQ(check(a, message, signature.substr(1)), PublicKey::Verdict::Bad);
        }
        EXPECT_EQ(check(a, message, '\0' + signature), PublicKey::Verdict::Bad) << "k + 1 octets";
        EXPECT_EQ(check(a, message, ""), PublicKey::Verdict::Bad);
        EXPECT_EQ(check(a, message, std::string(k, '\0')), PublicKey::Verdict::Bad);
        EXPECT_EQ(check(a, message, std::string(k, '\xff')), PublicKey::Verdict::Bad) << ">= n";
        EXPECT_EQ(check(a, message + "x", signature), PublicKey::Verdict::Bad);
        // s + n is the same number to whoever forgets to compare with n.
        const auto n = decodeBase64Url(*Json::parse(key(a).publicKey()->jwk())->findText("n"));
        const auto sum = detail::bnFromOctets(signature);
        BN_add(sum.get(), sum.get(), detail::bnFromOctets(*n).get());
        EXPECT_EQ(check(a, message, detail::toOctets(sum.get())), PublicKey::Verdict::Bad);
        for (std::size_t bit = 0; bit < 8 * k; bit += 97) {
            auto bad = signature;
            bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
            EXPECT_EQ(check(a, message, bad), PublicKey::Verdict::Bad) << bit;
        }
    }
}

/// A1: r = 1, s = q and its relatives make the check come out as 1 = 1.
TEST(Signatures, Sig3Sig4Dsa) {
    for (const auto a : {Algorithm::DS128, Algorithm::DS256, Algorithm::ES256}) {
        const std::size_t width = a == Algorithm::DS128 ? 20 : 32;
        const std::string order = a == Algorithm::DS128   ? detail::groupDs128().q_octets
                                  : a == Algorithm::DS256 ? detail::groupDs256().q_octets
                                                          : detail::p256Order();
        const std::string zero(width, '\0'), high(width, '\xff');
        std::string one = zero, less = order;
        one.back() = 1;
        less.back() = static_cast<char>(less.back() - 1);
        const auto good = *key(a).sign("message");
        ASSERT_EQ(good.size(), 2 * width);
        EXPECT_EQ(check(a, "message", good), PublicKey::Verdict::Good);
        const auto r = good.substr(0, width), s = good.substr(width);
        for (const auto& forged : {one + order, one + zero, zero + one, zero + zero, order + one,
                                   order + order, r + zero, zero + s, r + order, order + s,
                                   high + high, r + high, one + one, less + less, s + r})
            EXPECT_EQ(check(a, "message", forged), PublicKey::Verdict::Bad);
        const auto longer = check(a, "message", '\0' + good);
        EXPECT_EQ(longer,
                  a == Algorithm::ES256 ? PublicKey::Verdict::Bad : PublicKey::Verdict::Malformed);
        EXPECT_EQ(check(a, "message", good.substr(1)) == PublicKey::Verdict::Good,
                  a != Algorithm::ES256 && good[0] == 0);
        EXPECT_EQ(check(a, "message", detail::rangeCheckedDer(good, order)),
                  a == Algorithm::ES256 ? PublicKey::Verdict::Bad : PublicKey::Verdict::Malformed)
            << "not DER";
    }
}

/// The sign bit of r and s, and short ones: DER as OpenSSL writes it.
TEST(Signatures, DerOfAnyPair) {
    const auto& order = detail::groupDs128().q_octets;
    for (int i = 0; i < 500; ++i) {
        detail::Bn r(BN_new()), s(BN_new());
        BN_rand_range(r.get(), detail::groupDs128().q.get());
        BN_rand_range(s.get(), detail::groupDs128().q.get());
        BN_rshift(r.get(), r.get(), i % 160);
        if (BN_is_zero(r.get())) BN_one(r.get());
        std::string pair(40, '\0');
        auto* at = reinterpret_cast<unsigned char*>(pair.data());
        BN_bn2binpad(r.get(), at, 20);
        BN_bn2binpad(s.get(), at + 20, 20);
        EXPECT_EQ(detail::pairFromDer(detail::rangeCheckedDer(pair, order), 20), pair);
    }
}

TEST(Signatures, OnlyDerOfAPair) {
    const auto& order = detail::p256Order();
    const std::string pair = std::string(32, '\x81') + std::string(32, '\x01');
    const auto der = detail::rangeCheckedDer(pair, order);
    ASSERT_EQ(detail::pairFromDer(der, 32), pair);
    for (std::size_t n = 0; n < der.size(); ++n)
        EXPECT_EQ(detail::pairFromDer(der.substr(0, n), 32), "") << n;
    EXPECT_EQ(detail::pairFromDer(der + '\0', 32), "");
    EXPECT_EQ(detail::pairFromDer(der, 20), "") << "numbers longer than that";
    for (const std::size_t at : {0U, 1U, 2U, 3U, 37U, 38U}) {  // tags and lengths
        auto other = der;
        other[at] = static_cast<char>(other[at] ^ 1);
        EXPECT_EQ(detail::pairFromDer(other, 32), "") << at;
    }
}

TEST(Times, Time2Forms) {
    for (const char* good : {"0", "1400000000000", "8640000000000000", "\"0\"", "\"1400000000000\"",
                             "\"8640000000000000\"", "1.4e12", "5.0"})
        EXPECT_TRUE(parseTime(*Json::parse(good)).has_value()) << good;
    for (const char* bad : {"-1", "1.5", "8640000000000001", "true", "false", "null", "{}", "[]",
                            "\"\"", "\"never\"", "\"-1\"", "\"01\"", "\" 1\"", "\"1 \"", "\"1e3\"",
                            "\"8640000000000001\"", "\"+1\"", "\"99999999999999999\"", "\"1.0\""})
        EXPECT_FALSE(parseTime(*Json::parse(bad)).has_value()) << "A5 " << bad;
}

class Bundles : public ::testing::Test {
  protected:
    Bundles() {
        options_.hostname = "login.example";
        options_.own_keys = {*key(Algorithm::RS256).publicKey()};
        options_.keys.allow_es256 = true;
        options_.disable_primary_support = true;
    }
    /// A certificate whose payload is made of these members, over the good ones.
    static std::string certificate(const Json& over = Json::object()) {
        Json p = Json::object();
        p.add("public-key", *Json::parse(key(Algorithm::ES256).publicKey()->canonical()));
        p.add("principal", Json::object().add("email", "a@mail.example"));
        p.add("iat", kNow - 1000).add("exp", kNow + 1000).add("iss", "login.example");
        return *signToken(key(Algorithm::RS256), merged(p, over).dump());
    }
    static std::string assertion(const Json& over = Json::object()) {
        Json p = Json::object();
        p.add("exp", kNow + 1000).add("aud", "https://site.example");
        return *signToken(key(Algorithm::ES256), merged(p, over).dump());
    }
    static Json merged(const Json& base, const Json& over) {
        Json out = Json::object();
        for (const auto& [n, v] : base.members())
            if (over.find(n) == nullptr) out.add(n, v);
        for (const auto& [n, v] : over.members())
            if (!v.isNull()) out.add(n, v);
        return out;
    }
    VerifyResult verify(const std::string& bundle, Api api = Api::V1) {
        VerifyRequest r;
        r.assertion = bundle;
        r.audience = "https://site.example";
        return protocol::verify(r, api, options_, kNow,
                                [](const std::string&) { return Discovered{}; });
    }
    std::string reason(const std::string& bundle, Api api = Api::V1) {
        const auto r = verify(bundle, api);
        return r.ok ? "okay" : r.reason;
    }
    static Json one(const char* name, Json value) {
        return Json::object().add(name, std::move(value));
    }
    VerifyOptions options_;
};

TEST_F(Bundles, Fmt2Fmt3Versions) {
    const auto user = *Json::parse(key(Algorithm::ES256).publicKey()->canonical());
    EXPECT_EQ(reason(certificate() + "~" + assertion()), "okay");
    EXPECT_EQ(reason(certificate() + "~" + assertion(one("version", "2012.08.15"))), "okay");
    const auto modern =
        one("version", "2012.08.15").add("public-key", Json()).add("publicKey", user);
    EXPECT_EQ(reason(certificate(modern) + "~" + assertion()), "okay");
    for (const Json& version : {Json("2013.01.01"), Json(std::int64_t{1}), Json("")}) {
        EXPECT_NE(reason(certificate(one("version", version)) + "~" + assertion()), "okay") << "A8";
        EXPECT_NE(reason(certificate() + "~" + assertion(one("version", version))), "okay");
    }
    EXPECT_NE(reason(certificate(one("publicKey", user)) + "~" + assertion()), "okay");
    EXPECT_NE(
        reason(certificate(one("public-key", Json()).add("publicKey", user)) + "~" + assertion()),
        "okay")
        << "without version only public-key counts";
    EXPECT_EQ(reason("eyJjZXJ0aWZpY2F0ZXMiOltdfQ"), "no certificates provided") << "FMT-4";
}

/// A3: everything is parsed before it is used.
TEST_F(Bundles, Chain1AndShapes) {
    EXPECT_EQ(reason(certificate() + "~" + certificate() + "~" + assertion()),
              "certificate chaining is not yet allowed");
    EXPECT_EQ(reason(""), "no certificates provided");
    EXPECT_EQ(reason(certificate()), "no certificates provided");
    EXPECT_EQ(reason(certificate() + "~"), "malformed signature");
    EXPECT_EQ(reason("~" + assertion()), "malformed signature");
    EXPECT_EQ(reason(std::string(3'000, '~')), "malformed signature");
    EXPECT_EQ(reason(certificate() + "~" + certificate()), "invalid signature");
    EXPECT_EQ(reason(certificate(one("public-key", Json())) + "~" + assertion()),
              "malformed signature");
    EXPECT_EQ(reason(certificate(one("iss", Json())) + "~" + assertion()), "missing issuer");
    EXPECT_EQ(reason(certificate() + "~x.y", Api::V2),
              "signed object must have three parts, this one has 2");
}

TEST_F(Bundles, Time1Time3Time4) {
    const auto late = "assertion issued later than verification date";
    const auto expired = "assertion has expired";
    const auto cert = [&](const Json& over) {
        return reason(certificate(over) + "~" + assertion());
    };
    const auto asrt = [&](const Json& over) {
        return reason(certificate() + "~" + assertion(over));
    };
    for (const auto& f : {std::function<std::string(const Json&)>(cert),
                          std::function<std::string(const Json&)>(asrt)}) {
        EXPECT_EQ(f(one("exp", kNow)), "okay");
        EXPECT_EQ(f(one("exp", kNow - 1)), expired);
        EXPECT_EQ(f(one("iat", kNow)), "okay");
        EXPECT_EQ(f(one("iat", kNow + 1)), late);
        EXPECT_EQ(f(one("nbf", kNow)), "okay");
        EXPECT_EQ(f(one("nbf", kNow + 1)), late);
        EXPECT_EQ(f(one("iat", kNow + 1).add("exp", kNow - 1)), late) << "iat first";
        EXPECT_EQ(f(one("exp", std::to_string(kNow))), "okay") << "a text";
        for (const char* bad : {"0", "\"never\"", "{}", "-1", "1.5", "true", "[]"})
            EXPECT_NE(f(one("exp", *Json::parse(bad))), "okay") << "A5 exp " << bad;
        EXPECT_NE(f(one("exp", Json())), "okay") << "exp is required";
        for (const char* bad : {"\"x\"", "{}", "true", "-1"}) {
            EXPECT_NE(f(one("iat", *Json::parse(bad))), "okay") << "iat " << bad;
            EXPECT_NE(f(one("nbf", *Json::parse(bad))), "okay") << "nbf " << bad;
        }
        options_.clock_skew_ms = 5;
        EXPECT_EQ(f(one("exp", kNow - 5)), "okay");
        EXPECT_EQ(f(one("exp", kNow - 6)), expired);
        EXPECT_EQ(f(one("iat", kNow + 5)), "okay");
        EXPECT_EQ(f(one("iat", kNow + 6)), late);
        options_.clock_skew_ms = 0;
    }
    EXPECT_EQ(cert(one("iat", Json())), "okay") << "iat is optional";
    options_.max_cert_lifetime_ms = 1'999;
    EXPECT_EQ(cert(Json::object()), "lifetime too long");
    options_.max_cert_lifetime_ms = 2'000;
    EXPECT_EQ(cert(Json::object()), "okay");
    options_.max_assertion_lifetime_ms = 999;
    EXPECT_EQ(cert(Json::object()), "lifetime too long");
}

/// A6, with the signature good: only the parser stands in the way.
TEST_F(Bundles, DuplicateMembersAreRefused) {
    const auto sign = [](const SecretKey& k, const std::string& payload) {
        return *signToken(k, payload);
    };
    const std::string exp = std::to_string(kNow + 1000);
    for (const auto& payload :
         {"{\"exp\":" + exp +
              ",\"aud\":\"https://evil.example\",\"aud\":"
              "\"https://site.example\"}",
          "{\"exp\":1,\"e\\u0078p\":" + exp + ",\"aud\":\"https://site.example\"}"})
        EXPECT_EQ(reason(certificate() + "~" + sign(key(Algorithm::ES256), payload)),
                  "malformed signature");
}

TEST_F(Bundles, RememberedKeysAndCertificatesChangeNoVerdict) {
    options_.seen_keys = std::make_shared<KeyCache>(64);
    options_.certificates = std::make_shared<CertificateCache>(64);
    const auto good = certificate() + "~" + assertion();
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(reason(good), "okay");
        EXPECT_EQ(reason(certificate() + "~" + assertion(one("exp", kNow - 1))),
                  "assertion has expired");
        auto forged = good;
        forged[forged.size() - 9] = forged[forged.size() - 9] == 'A' ? 'B' : 'A';
        EXPECT_EQ(reason(forged), "invalid signature");
        forged = good;
        const auto at = forged.find('~') - 9;
        forged[at] = forged[at] == 'A' ? 'B' : 'A';
        EXPECT_EQ(reason(forged), "bad signature in chain");
    }
    // Another key of the issuer: nothing that the old one signed counts any more.
    options_.own_keys = {*key(Algorithm::RS128).publicKey()};
    EXPECT_EQ(reason(good), "bad signature in chain");
    options_.own_keys = {*key(Algorithm::RS128).publicKey(), *key(Algorithm::RS256).publicKey()};
    EXPECT_EQ(reason(good), "okay") << "several keys are tried in turn";
}

}  // namespace
}  // namespace persona::protocol
