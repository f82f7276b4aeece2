#include <gtest/gtest.h>

#include <map>

#include "libs/protocol/names.h"
#include "libs/protocol/token.h"
#include "libs/protocol/verify.h"

/// The rules of protocol.md 3.2 to 3.5 and 4.1, 4.3 that are about who may speak for whom, one test
/// each.
namespace persona::protocol {
namespace {

constexpr std::int64_t kNow = 1'400'000'000'000;

class Rules : public ::testing::Test {
  protected:
    Rules() {
        options_.hostname = "login.example.org";
        options_.keys.allow_es256 = true;
        options_.own_keys = {*own_.publicKey()};
        options_.forcible_issuers = {"fxos.login.example.org"};
        primary("idp.example", "idp.example");
        primary("del.example", "idp.example");
        found_["disabled.example"].type = Discovered::Type::Disabled;
    }
    static SecretKey make() {
        auto key = SecretKey::generate(Algorithm::ES256);
        EXPECT_TRUE(key.ok());
        return *key;
    }
    void primary(const std::string& domain, const std::string& authority) {
        auto& d = found_[domain];
        d.type = Discovered::Type::Primary;
        d.authority = authority;
        d.keys = {*idp_.publicKey()};
    }
    struct Cert {
        std::string issuer, principal;
        const SecretKey* key;
        std::string more;
    };
    Cert byIdp(const std::string& email, const std::string& more = "") {
        return {"idp.example", R"({"email":")" + email + "\"}", &idp_, more};
    }
    Cert byUs(const std::string& email) {
        return {"login.example.org", R"({"email":")" + email + "\"}", &own_, ""};
    }
    Cert byForced(const std::string& principal) {
        return {"fxos.login.example.org", principal, &own_, ""};
    }
    VerifyResult ask(const Cert& c, Api api = Api::V1, VerifyRequest r = {}) {
        const auto cert =
            signToken(*c.key, R"({"public-key":)" + user_.publicKey()->canonical() +
                                  (c.principal.empty() ? "" : ",\"principal\":" + c.principal) +
                                  c.more + R"(,"exp":1400000060000,"iss":")" + c.issuer + "\"}");
        const auto assertion =
            signToken(user_, R"({"aud":"https://rp.example","exp":1400000060000})");
        r.assertion = *cert + "~" + *assertion;
        r.audience = "https://rp.example";
        asked_.clear();
        return verify(r, api, options_, kNow, [&](const std::string& domain) {
            asked_.push_back(domain);
            return found_[domain];
        });
    }
    static VerifyRequest forcing(const std::string& issuer, bool unverified = false) {
        VerifyRequest r;
        r.force_issuer = issuer;
        r.allow_unverified = unverified;
        return r;
    }
    static VerifyRequest trusting(std::vector<std::string> issuers) {
        VerifyRequest r;
        r.trusted_issuers = std::move(issuers);
        return r;
    }
    SecretKey idp_ = make(), own_ = make(), user_ = make();
    VerifyOptions options_;
    std::map<std::string, Discovered> found_;
    std::vector<std::string> asked_;
};

TEST_F(Rules, Auth1TheEndOfTheChainSpeaks) {
    EXPECT_TRUE(ask(byIdp("a@idp.example")).ok);
    EXPECT_TRUE(ask(byIdp("a@del.example")).ok);
    EXPECT_TRUE(ask(byUs("a@nosupport.example")).ok);
    EXPECT_EQ(ask(byIdp("a@nosupport.example")).reason,
              "issuer 'idp.example' may not speak for emails from 'nosupport.example'");
    EXPECT_EQ(ask(byIdp("a@nosupport.example"), Api::V2).reason,
              "untrusted issuer, expected 'login.example.org', got 'idp.example'");
}

TEST_F(Rules, Auth2TheFallbackMayNotSpeakForAPrimary) {
    EXPECT_FALSE(ask(byUs("a@idp.example")).ok);
    EXPECT_FALSE(ask(byUs("a@del.example"), Api::V2).ok);
}

TEST_F(Rules, Auth3ADisabledDomainIsTheFallbacks) {
    EXPECT_TRUE(ask(byUs("a@disabled.example")).ok);
    EXPECT_FALSE(ask({"disabled.example", R"({"email":"a@disabled.example"})", &idp_, ""}).ok);
}

TEST_F(Rules, Auth4ADelegatingDomainDoesNotIssue) {
    EXPECT_EQ(ask({"del.example", R"({"email":"a@del.example"})", &idp_, ""}).reason,
              "can't get public key for del.example");
}

TEST_F(Rules, Auth5OurKeySignsInNobodyElsesName) {
    for (const auto* issuer : {"idp.example", "nosupport.example", "disabled.example"}) {
        const Cert forged{issuer, R"({"email":"a@nosupport.example"})", &own_, ""};
        EXPECT_FALSE(ask(forged).ok) << issuer;
        // A trusted issuer whose look-up fails is not checked with our key either (A20).
        EXPECT_FALSE(ask(forged, Api::V2, trusting({issuer})).ok) << issuer;
        EXPECT_FALSE(ask(forged, Api::V1, forcing(issuer)).ok) << issuer;
    }
    EXPECT_FALSE(ask({"login.example.org", R"({"email":"a@nosupport.example"})", &idp_, ""}).ok);
}

TEST_F(Rules, Auth6WithinTheGraceNobodySpeaks) {
    options_.idp_offline_grace_period_ms = 1'000;
    options_.idp_last_seen = [](const std::string& d) -> std::optional<std::int64_t> {
        if (d == "recent.example" || d == "disabled.example") return kNow - 999;
        if (d == "long.example") return kNow - 1'000;
        return std::nullopt;
    };
    EXPECT_EQ(ask(byUs("a@recent.example")).reason,
              "issuer 'login.example.org' may not speak for emails from 'recent.example'");
    EXPECT_FALSE(ask(byUs("a@recent.example"), Api::V2).ok);
    EXPECT_TRUE(ask(byUs("a@long.example")).ok);
    EXPECT_TRUE(ask(byUs("a@never.example")).ok);
    EXPECT_TRUE(ask(byUs("a@disabled.example")).ok);
}

TEST_F(Rules, Unv1UnverifiedOnlyForWhoAsks) {
    const Cert c{"login.example.org", R"({"unverified-email":"a@nosupport.example"})", &own_, ""};
    EXPECT_EQ(ask(c).reason, "unverified email");
    const auto r = ask(c, Api::V1, forcing("", true));
    EXPECT_TRUE(r.ok) << r.reason;
    EXPECT_EQ(r.unverified_email, "a@nosupport.example");
    EXPECT_EQ(r.email, "");
}

TEST_F(Rules, Unv2BothIsAFailure) {
    const Cert c{"login.example.org",
                 R"({"unverified-email":"a@nosupport.example","email":"a@nosupport.example"})",
                 &own_, ""};
    EXPECT_FALSE(ask(c).ok);
    EXPECT_FALSE(ask(c, Api::V1, forcing("", true)).ok);
}

TEST_F(Rules, Unv3AuthorityAppliesToUnverifiedToo) {
    const Cert c{"login.example.org", R"({"unverified-email":"a@idp.example"})", &own_, ""};
    EXPECT_EQ(ask(c, Api::V1, forcing("", true)).reason,
              "issuer 'login.example.org' may not speak for emails from 'idp.example'");
}

TEST_F(Rules, Force1ForcedIssuersAreConfiguredAndAskedFor) {
    const auto c = byForced(R"({"email":"a@idp.example"})");
    EXPECT_TRUE(ask(c, Api::V1, forcing("fxos.login.example.org")).ok);
    EXPECT_TRUE(ask(c).reason.starts_with("can't get public key for fxos.login.example.org"));
    options_.forcible_issuers.clear();
    EXPECT_EQ(ask(c, Api::V1, forcing("fxos.login.example.org")).reason,
              "this verifier won't force issuer for fxos.login.example.org");
}

TEST_F(Rules, Force2AnotherForcedNameChangesNothing) {
    EXPECT_TRUE(ask(byIdp("a@idp.example"), Api::V1, forcing("fxos.login.example.org")).ok);
    EXPECT_FALSE(ask(byUs("a@idp.example"), Api::V1, forcing("fxos.login.example.org")).ok);
}

TEST_F(Rules, Force3OurOwnNameMayBeForced) {
    const auto r = ask(byUs("a@idp.example"), Api::V1, forcing("login.example.org"));
    EXPECT_TRUE(r.ok) << r.reason;
    EXPECT_TRUE(asked_.empty()) << "nothing has to be looked up";
}

TEST_F(Rules, Force4ATrustedIssuerSpeaksForAnybodyButInOrder) {
    EXPECT_TRUE(ask(byIdp("a@nosupport.example"), Api::V2, trusting({"idp.example"})).ok);
    EXPECT_TRUE(ask({"idp.example", "", &idp_, R"(,"sub":"a@x.example")"}, Api::V2,
                    trusting({"idp.example"}))
                    .ok);
    EXPECT_TRUE(ask({"idp.example", "", &idp_, ""}, Api::V2, trusting({"idp.example"})).ok);
    EXPECT_FALSE(ask(byIdp("a@b@x.example"), Api::V2, trusting({"idp.example"})).ok);
    EXPECT_TRUE(
        ask(byForced(R"({"email":"a@idp.example"})"), Api::V2, trusting({"fxos.login.example.org"}))
            .ok);
    EXPECT_FALSE(ask({"idp.example", "", &own_, ""}, Api::V2, trusting({"idp.example"})).ok);
}

TEST_F(Rules, Email1To4AddressesInAsciiAndOnce) {
    for (const auto* bad : {R"({"email":7})", R"({"email":null})", R"({"email":["a@idp.example"]})",
                            R"({"email":"a@b@idp.example"})", R"({"email":"a@idp.example\u0000"})",
                            R"({"email":"a@idp.example\n"})", R"({"email":"\u00e4@idp.example"})",
                            R"({"email":"a@\u212Adp.example"})", R"({"email":"a@idp.example."})",
                            R"({"email":"a..b@idp.example"})", R"({"email":"\"a\"@idp.example"})"})
        EXPECT_EQ(ask({"idp.example", bad, &idp_, ""}).reason, "invalid email") << bad;
    EXPECT_FALSE(ask({"idp.example", R"("a@idp.example")", &idp_, ""}).ok);
    EXPECT_EQ(ask({"idp.example", R"({"host":"idp.example"})", &idp_, ""}).reason, "missing email");
    const auto r = ask(byIdp("A.b@IDP.Example"));
    EXPECT_TRUE(r.ok);
    EXPECT_EQ(r.email, "A.b@IDP.Example") << "as certified";
    EXPECT_EQ(asked_, (std::vector<std::string>{"idp.example"}));
}

TEST_F(Rules, Email5EmailAndSubMayNotDiffer) {
    for (const auto api : {Api::V1, Api::V2}) {
        EXPECT_FALSE(ask(byIdp("a@idp.example", R"(,"sub":"b@idp.example")"), api).ok);
        EXPECT_TRUE(ask(byIdp("a@idp.example", R"(,"sub":"a@idp.example")"), api).ok);
    }
    const Cert only_sub{"idp.example", "", &idp_, R"(,"sub":"a@idp.example")"};
    EXPECT_EQ(ask(only_sub, Api::V2).email, "a@idp.example");
    EXPECT_EQ(ask(only_sub).reason, "missing email");
}

TEST_F(Rules, Iss1Iss2NamesOfIssuers) {
    for (const auto* bad :
         {"localhost", "127.0.0.1", "idp.example:443", "idp.example/x", "a@idp.example",
          "idp.example.", ".example", "i_dp.example", "-a.example", "a-.example", "a..example",
          "IDP.example", "idp.example\\r\\nx", "1.0x7f", "a.123", "[::1]", ""}) {
        const auto r = ask({bad, R"({"email":"a@idp.example"})", &idp_, ""});
        EXPECT_FALSE(r.ok) << bad;
        EXPECT_TRUE(asked_.empty()) << bad << ": the network is not steered by it (A13)";
    }
    EXPECT_TRUE(isHostName(std::string(63, 'a') + ".example"));
    EXPECT_FALSE(isHostName(std::string(64, 'a') + ".example"));
    options_.hostname = "localhost";
    EXPECT_TRUE(ask({"localhost", R"({"email":"a@nosupport.example"})", &own_, ""}).ok);
    EXPECT_FALSE(isHostName("rp.example:8443"));
    EXPECT_TRUE(isHostName("rp.example:8443", true));
}

TEST_F(Rules, Aud1To3TheAudience) {
    for (const auto* want : {"https://rp.example/", "https://rp.example/x", "https://u@rp.example",
                             "https://RP.example", "rp.example", "ftp://rp.example",
                             "https://rp.example\\x", "", "https://rp.example:"})
        EXPECT_NE(compareAudience(want, "https://rp.example", false), "") << want;
    for (const auto* got : {"https://u@rp.example", "https://rp.example\\", "https://rp .example"})
        EXPECT_NE(compareAudience("https://rp.example", got, false), "") << got;
    EXPECT_EQ(compareAudience("https://rp.example", "rp.example", false), "");
    EXPECT_EQ(compareAudience("https://rp.example", "rp.example", true), "scheme mismatch");
    EXPECT_EQ(compareAudience("https://rp.example", "https://rp.example:0443", false),
              "port mismatch");
}

TEST_F(Rules, Wk5PathsCannotBecomeHosts) {
    const auto typeOf = [&](const std::string& path) {
        return parseSupportDocument(R"({"provisioning":"/p","authentication":")" + path +
                                        R"(","public-key":)" + idp_.publicKey()->canonical() + "}",
                                    options_.keys)
            .type;
    };
    for (const auto* bad : {"", "auth", "//evil", "/\\\\evil", ".evil.example/", "@evil/", ":8443/",
                            "https://evil/", "/a b", "/a\\\\b", "/\\u00e4"})
        EXPECT_EQ(typeOf(bad), SupportDocument::Type::Invalid) << bad;
    for (const auto* good : {"/", "/auth", "/auth?x=1#native"})
        EXPECT_EQ(typeOf(good), SupportDocument::Type::Supported) << good;
    EXPECT_EQ(typeOf("/" + std::string(2'047, 'a')), SupportDocument::Type::Supported);
    EXPECT_EQ(typeOf("/" + std::string(2'048, 'a')), SupportDocument::Type::Invalid);
}

TEST_F(Rules, Wk6Wk7Wk8Wk9Documents) {
    const auto key = idp_.publicKey()->canonical();
    const auto parse = [&](const std::string& body) {
        return parseSupportDocument(body, options_.keys);
    };
    const std::string paths = R"({"authentication":"/a","provisioning":"/p",)";
    EXPECT_EQ(parse(paths + R"("public-key":)" + key + R"(,"keys":[)" + key + ",{}]}").keys.size(),
              2u);
    EXPECT_EQ(parse(paths + R"("keys":[{},7,)" + key + "]}").keys.size(), 1u);
    for (const auto& bad :
         {paths + R"("keys":[{}]})", paths + R"("public-key":{},"keys":[)" + key + "]}",
          std::string("[]"), std::string("null"), std::string(R"({"disabled":"true"})"),
          std::string(R"({"disabled":1})"), std::string(R"({"authority":7})"),
          std::string(R"({"authority":"127.0.0.1"})"), std::string(R"({"authority":"a.example/"})"),
          std::string(R"({"authority":"a.example","authority":"b.example"})")})
        EXPECT_EQ(parse(bad).type, SupportDocument::Type::Invalid) << bad;
    EXPECT_EQ(parse(R"({"disabled":true,"authority":7})").type, SupportDocument::Type::Disabled);
    EXPECT_EQ(parse(R"({"authority":"B.example","public-key":{}})").authority, "b.example");
}

/// What a domain publishes costs whoever verifies; see docs/decisions/0169.
class PublishedKeys : public Rules {
  protected:
    static std::string canonical(Algorithm algorithm) {
        return SecretKey::generate(algorithm)->publicKey()->canonical();
    }
    [[nodiscard]] std::string keysOf(const std::vector<std::string>& keys,
                                     const std::string& first = "") const {
        std::string body = R"({"authentication":"/a","provisioning":"/p",)";
        if (!first.empty()) body += R"("public-key":)" + first + ",";
        body += R"("keys":[)";
        for (const auto& k : keys) body += (body.back() == '[' ? "" : ",") + k;
        std::string found;
        for (const auto& k : parseSupportDocument(body + "]}", options_.keys).keys)
            found += (found.empty() ? "" : " ") + std::string(nameOf(k.algorithm()));
        return found;
    }
    const std::string es_ = idp_.publicKey()->canonical(), ds_ = canonical(Algorithm::DS256),
                      ds_2012_ = R"({"version":"2012.08.15","algorithm":"DSA"})";
};

TEST_F(PublishedKeys, SixteenAreLookedAtUsableOrNot) {
    std::vector<std::string> keys(15, "{}");
    EXPECT_EQ(keysOf(keys), "");
    keys.push_back(es_);
    EXPECT_EQ(keysOf(keys), "ES256");
    keys.push_back(es_);
    EXPECT_EQ(keysOf(keys), "ES256") << "the seventeenth";
    EXPECT_EQ(keysOf(keys, es_), "ES256") << "public-key is one of them";
    keys.insert(keys.begin(), "7");
    EXPECT_EQ(keysOf(keys), "");
}

TEST_F(PublishedKeys, TwoOfThemMayBeDsa) {
    const auto ds128 = canonical(Algorithm::DS128);
    EXPECT_EQ(keysOf(std::vector<std::string>(15, ds_), ds_), "DS256 DS256");
    EXPECT_EQ(keysOf({ds_, es_, ds_, es_}, ds128), "DS128 DS256 ES256 ES256");
    // An unusable one costs as much to look at.
    auto outside = ds_;
    const auto y = outside.find("\"y\":\"") + 5;
    outside.replace(y, outside.find('"', y) - y, "2");
    EXPECT_EQ(keysOf({outside, ds_2012_, ds_, es_}), "ES256");
    EXPECT_EQ(keysOf({outside, ds_, ds_, es_}), "DS256 ES256");
}

TEST_F(Rules, StandingAloneTheFallbacksKeysAreThoseItPublishes) {
    options_.own_keys.clear();
    options_.discover_own_keys = true;
    EXPECT_EQ(ask(byUs("a@nosupport.example")).reason,
              "can't get public key for login.example.org");
    auto& d = found_["login.example.org"];
    d.type = Discovered::Type::Primary;
    d.authority = "login.example.org";
    d.keys = {*own_.publicKey()};
    EXPECT_TRUE(ask(byUs("a@nosupport.example")).ok);
    EXPECT_FALSE(ask(byUs("a@idp.example")).ok);
    EXPECT_TRUE(
        ask(byForced(R"({"email":"a@idp.example"})"), Api::V1, forcing("fxos.login.example.org"))
            .ok);
    options_.hostname = "";
    EXPECT_FALSE(ask({"", R"({"email":"a@nosupport.example"})", &own_, ""}).ok);
    EXPECT_FALSE(ask(byUs("a@nosupport.example")).ok) << "no fallback: nobody speaks for it";
}

}  // namespace
}  // namespace persona::protocol
