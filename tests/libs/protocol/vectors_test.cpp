#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "libs/protocol/authority.h"
#include "libs/protocol/names.h"
#include "libs/protocol/token.h"
#include "libs/protocol/verify.h"

/// Runs the files of tests/data/vectors through the library; README.md there says how each is read.
namespace persona::protocol {
namespace {

Json file(const std::string& name) {
    std::ifstream in(std::string(PERSONA_SOURCE_DIR) + "/tests/data/vectors/" + name);
    std::stringstream text;
    text << in.rdbuf();
    // The files are far larger than anything a request may hold, so their lists are parsed one by
    // one.
    auto json = Json::parse(text.str());
    EXPECT_TRUE(json.has_value()) << name;
    return json ? *json : Json();
}

KeyOptions keyOptions(const Json& verifier) {
    KeyOptions o;
    if (const auto* v = verifier.find("allow_rs64")) o.allow_rs64 = v->isBool() && v->boolean();
    if (const auto* list = verifier.find("extension_algorithms"))
        for (const auto& a : list->items()) {
            o.allow_es256 = o.allow_es256 || a.text() == "ES256";
            o.allow_ed25519 = o.allow_ed25519 || a.text() == "Ed25519";
        }
    return o;
}

const Json& at(const Json& o, std::string_view name) {
    static const Json kNull;
    const auto* v = o.find(name);
    return v == nullptr ? kNull : *v;
}

Json merged(const Json& base, const Json& over) {
    Json out = Json::object();
    for (const auto& [n, v] : base.members())
        out.add(n, over.find(n) != nullptr ? *over.find(n) : v);
    for (const auto& [n, v] : over.members())
        if (base.find(n) == nullptr) out.add(n, v);
    return out;
}

Fetched answerOf(const Json& world, const Json& unlisted, const std::string& domain,
                 const std::string& principal) {
    const Json* entry = world.find(domain);
    if (entry == nullptr) entry = &unlisted;
    if (const auto* by = entry->find("by_query_domain");
        by != nullptr && by->find(principal) != nullptr)
        entry = by->find(principal);
    Fetched f;
    if (at(*entry, "timeout").isBool() || at(*entry, "error").isString()) {
        f.timed_out = at(*entry, "timeout").isBool() || at(*entry, "error").text() == "timeout";
        return f;
    }
    f.reached = at(*entry, "status").isNumber();
    f.status = static_cast<unsigned>(at(*entry, "status").number());
    f.content_type = at(*entry, "content_type").text();
    f.body = at(*entry, "body").text();
    return f;
}

TEST(Vectors, Keys) {
    const auto json = file("keys.json");
    std::size_t n = 0;
    for (const auto& c : at(json, "parse_cases").items()) {
        const auto key = PublicKey::parse(std::string_view(at(c, "key_json").text()),
                                          keyOptions(at(c, "verifier")));
        EXPECT_EQ(key.ok(), at(at(c, "expect"), "accept").boolean())
            << at(c, "name").text() << ": " << key.error();
        if (key.ok()) {
            EXPECT_EQ(nameOf(key->algorithm()), at(at(c, "expect"), "alg").text())
                << at(c, "name").text();
        }
        ++n;
    }
    EXPECT_GE(n, 31u);
    KeyOptions all;
    all.allow_rs64 = all.allow_es256 = all.allow_ed25519 = true;
    for (const auto& k : at(json, "keys").items()) {
        const auto& id = at(k, "id").text();
        const auto legacy = PublicKey::parse(at(k, "public_key"), all);
        ASSERT_TRUE(legacy.ok()) << id;
        for (const auto* form : {"public_key_2012", "public_jwk"}) {
            if (k.find(form) == nullptr || at(k, form).isNull()) continue;
            const auto other = PublicKey::parse(at(k, form), all);
            ASSERT_TRUE(other.ok()) << id << " " << form << ": " << other.error();
            EXPECT_EQ(other->canonical(), legacy->canonical()) << id << " " << form;
        }
        if (at(k, "pkcs8_pem").isString()) {
            const auto secret = SecretKey::fromPem(at(k, "pkcs8_pem").text());
            ASSERT_TRUE(secret.ok()) << id << ": " << secret.error();
            const auto derived = secret->publicKey();
            ASSERT_TRUE(derived.ok()) << id << ": " << derived.error();
            EXPECT_EQ(derived->canonical(), legacy->canonical()) << id;
            const auto signature = secret->sign("text");
            ASSERT_TRUE(signature.ok()) << id;
            EXPECT_EQ(legacy->verify("text", *signature), PublicKey::Verdict::Good) << id;
            EXPECT_NE(legacy->verify("texT", *signature), PublicKey::Verdict::Good) << id;
        }
    }
}

TEST(Vectors, Jws) {
    const auto json = file("jws.json");
    std::size_t n = 0;
    for (const auto& c : at(json, "cases").items()) {
        const auto& name = at(c, "name").text();
        const auto options = keyOptions(at(c, "verifier"));
        const auto key = PublicKey::parse(at(c, "key"), options);
        const auto token = Token::parse(at(c, "token").text());
        const bool valid = key.ok() && token && token->verify(*key) == Token::Check::Good;
        EXPECT_EQ(valid, at(at(c, "expect"), "valid").boolean()) << name << " " << key.error();
        if (valid && c.find("payload") != nullptr) {
            EXPECT_TRUE(token->payload == at(c, "payload")) << name;
        }
        ++n;
    }
    EXPECT_GE(n, 68u);
}

TEST(Vectors, Bundles) {
    const auto json = file("bundles.json");
    const auto& defaults = at(json, "defaults");
    const auto now = static_cast<std::int64_t>(at(json, "now").number());
    std::size_t n = 0;
    for (const auto& c : at(json, "cases").items()) {
        const auto verifier = merged(at(defaults, "verifier"), at(c, "verifier"));
        VerifyOptions options;
        options.hostname = at(verifier, "hostname").text();
        options.keys = keyOptions(verifier);
        const auto own = PublicKey::parse(at(verifier, "own_public_key"), options.keys);
        ASSERT_TRUE(own.ok());
        options.own_keys = {*own};
        for (const auto& f : at(verifier, "forcible_issuers").items())
            options.forcible_issuers.push_back(f.text());
        if (at(verifier, "clock_skew_ms").isNumber())
            options.clock_skew_ms =
                static_cast<std::int64_t>(at(verifier, "clock_skew_ms").number());
        if (at(verifier, "idp_offline_grace_period_ms").isNumber())
            options.idp_offline_grace_period_ms =
                static_cast<std::int64_t>(at(verifier, "idp_offline_grace_period_ms").number());
        if (at(verifier, "disable_primary_support").isBool())
            options.disable_primary_support = at(verifier, "disable_primary_support").boolean();
        const auto last_seen = at(verifier, "idp_last_seen");
        if (last_seen.isObject())
            options.idp_last_seen = [&](const std::string& d) -> std::optional<std::int64_t> {
                const auto& v = at(last_seen, d);
                return v.isNumber() ? std::optional(static_cast<std::int64_t>(v.number()))
                                    : std::nullopt;
            };
        DiscoveryOptions discovery;
        discovery.keys = options.keys;
        for (const auto& [d, a] : at(verifier, "proxy_idps").members())
            discovery.proxy_idps[d] = a.text();
        const auto& world = at(at(json, "worlds"), "base");
        const DiscoverFn find = [&](const std::string& domain) {
            return discover(domain, discovery, [&](const std::string& d, const std::string& p) {
                return answerOf(world, at(defaults, "unlisted_domain"), d, p);
            });
        };
        const auto& request = at(c, "request");
        VerifyRequest r;
        r.assertion = at(request, "assertion").text();
        r.audience = at(request, "audience").text();
        r.force_issuer = at(request, "experimental_forceIssuer").text();
        r.allow_unverified = at(request, "experimental_allowUnverified").isBool() &&
                             at(request, "experimental_allowUnverified").boolean();
        for (const auto& t : at(request, "trustedIssuers").items())
            r.trusted_issuers.push_back(t.text());
        if (!at(request, "assertion").isString()) continue;  // the HTTP layer's case
        for (const auto api : {Api::V1, Api::V2}) {
            const auto& expect = at(at(c, "expect"), api == Api::V1 ? "v1" : "v2");
            if (!expect.isObject()) continue;
            const std::string label =
                at(c, "id").text() + " " + at(c, "name").text() + (api == Api::V1 ? " v1" : " v2");
            const auto got = verify(r, api, options, now, find);
            EXPECT_EQ(got.ok ? "okay" : "failure", at(expect, "status").text())
                << label << ": " << got.reason;
            ++n;
            if (!got.ok) {
                const auto& wanted = at(expect, "reason").text();
                const auto& match = at(expect, "reason_match").text();
                if (match == "any" || wanted.empty()) continue;
                if (match.starts_with("prefix"))
                    EXPECT_EQ(got.reason.substr(0, got.reason.find(':')),
                              wanted.substr(0, wanted.find(':')))
                        << label;
                else
                    EXPECT_EQ(got.reason, wanted) << label;
                continue;
            }
            EXPECT_EQ(got.email, at(expect, "email").text()) << label;
            EXPECT_EQ(got.unverified_email, at(expect, "unverified-email").text()) << label;
            EXPECT_EQ(got.issuer, at(expect, "issuer").text()) << label;
            EXPECT_EQ(static_cast<double>(got.expires), at(expect, "expires").number()) << label;
            EXPECT_EQ(got.audience, at(expect, "audience").text()) << label;
            if (api == Api::V2) {
                EXPECT_EQ(got.idp_claims.dump(), expect.find("idpClaims") != nullptr
                                                     ? at(expect, "idpClaims").dump()
                                                     : "{}")
                    << label;
                EXPECT_EQ(got.user_claims.dump(), expect.find("userClaims") != nullptr
                                                      ? at(expect, "userClaims").dump()
                                                      : "{}")
                    << label;
            }
        }
    }
    EXPECT_GE(n, 100u);
}

TEST(Vectors, Audiences) {
    const auto json = file("audiences.json");
    std::size_t n = 0;
    for (const auto& c : at(json, "cases").items())
        for (const auto* api : {"v1", "v2"}) {
            const auto& expect = at(at(c, "expect"), api);
            if (!expect.isObject()) continue;
            const auto& asserted = at(c, "assertion_audience");
            const auto& given = at(c, "rp_audience");
            const auto reason =
                asserted.isString() && given.isString()
                    ? compareAudience(asserted.text(), given.text(), std::string_view(api) == "v2")
                    : "not a text";
            EXPECT_EQ(reason.empty(), at(expect, "match").boolean())
                << c.dump() << " " << api << ": " << reason;
            if (!reason.empty() && at(expect, "reason").isString() &&
                at(expect, "reason_match").text() != "any") {
                EXPECT_EQ(reason, at(expect, "reason").text()) << c.dump() << " " << api;
            }
            ++n;
        }
    EXPECT_GE(n, 20u);
}

TEST(Vectors, SupportDocuments) {
    const auto json = file("wellknown.json");
    std::size_t n = 0;
    for (const auto& c : at(json, "cases").items()) {
        const auto d = parseSupportDocument(at(c, "body").text(), keyOptions(at(c, "verifier")));
        const auto& expect = at(c, "expect");
        const char* kTypes[] = {"invalid", "supported", "delegation", "disabled"};
        EXPECT_EQ(kTypes[static_cast<int>(d.type)], at(expect, "type").text())
            << at(c, "name").text() << ": " << d.error;
        if (d.type == SupportDocument::Type::Supported) {
            EXPECT_EQ(static_cast<double>(d.keys.size()), at(expect, "key_count").number())
                << at(c, "name").text();
            EXPECT_EQ(d.authentication, at(expect, "authentication").text())
                << at(c, "name").text();
            EXPECT_EQ(d.provisioning, at(expect, "provisioning").text()) << at(c, "name").text();
        }
        if (d.type == SupportDocument::Type::Delegation) {
            EXPECT_EQ(d.authority, at(expect, "authority").text()) << at(c, "name").text();
        }
        ++n;
    }
    EXPECT_GE(n, 20u);
}

TEST(Vectors, Discovery) {
    const auto json = file("discovery.json");
    std::size_t n = 0;
    for (const auto& c : at(json, "cases").items()) {
        const auto d = discover(at(c, "domain").text(), DiscoveryOptions{},
                                [&](const std::string& domain, const std::string& principal) {
                                    return answerOf(at(json, "world"),
                                                    at(at(json, "defaults"), "unlisted_domain"),
                                                    domain, principal);
                                });
        const auto& expect = at(c, "expect");
        const char* kTypes[] = {"primary", "disabled", "unsupported"};
        EXPECT_EQ(kTypes[static_cast<int>(d.type)], at(expect, "result").text())
            << at(c, "name").text() << ": " << d.reason;
        if (d.type == Discovered::Type::Primary) {
            EXPECT_EQ(d.authority, at(expect, "authority").text()) << at(c, "name").text();
            EXPECT_EQ(d.authentication, at(at(expect, "urls"), "auth").text())
                << at(c, "name").text();
            EXPECT_EQ(d.provisioning, at(at(expect, "urls"), "prov").text())
                << at(c, "name").text();
            EXPECT_EQ(d.chain.size(), at(expect, "chain").items().size()) << at(c, "name").text();
        }
        if (d.type == Discovered::Type::Unsupported && at(expect, "reason").isString() &&
            at(expect, "reason_match").text() == "exact") {
            EXPECT_EQ(d.reason, at(expect, "reason").text()) << at(c, "name").text();
        }
        ++n;
    }
    EXPECT_GE(n, 10u);
}

TEST(Vectors, Emails) {
    const auto json = file("emails.json");
    std::size_t n = 0;
    for (const auto& c : at(json, "cases").items()) {
        const auto& email = at(c, "email");
        const auto domain = email.isString() ? emailDomain(email.text()) : std::nullopt;
        const auto& expect = c.find("expect") != nullptr ? at(c, "expect") : c;
        EXPECT_EQ(domain.has_value(), at(expect, "valid").boolean()) << c.dump();
        if (domain && at(expect, "lookup_domain").isString()) {
            EXPECT_EQ(*domain, at(expect, "lookup_domain").text()) << c.dump();
        }
        ++n;
    }
    EXPECT_GE(n, 16u);
}

}  // namespace
}  // namespace persona::protocol
