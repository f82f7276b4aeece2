#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "libs/protocol/token.h"
#include "plugins/keysigner/certify.h"

/// keysigner.json of tests/data/vectors.
namespace persona::keysigner {
namespace {

using protocol::Json;

const Json& at(const Json& o, std::string_view name) {
    static const Json kNull;
    const auto* v = o.find(name);
    return v == nullptr ? kNull : *v;
}

std::optional<Json> file(const std::string& name) {
    std::ifstream in(std::string(PERSONA_SOURCE_DIR) + "/tests/data/vectors/" + name);
    std::stringstream text;
    text << in.rdbuf();
    return Json::parse(text.str());
}

/// The PEM form of a key, which keys.json has.
std::string pemOf(const Json& public_key) {
    const auto keys = file("keys.json");
    if (keys)
        for (const auto& k : at(*keys, "keys").items())
            if (at(k, "public_key") == public_key) return at(k, "pkcs8_pem").text();
    return "";
}

TEST(Certify, Vectors) {
    const auto json = file("keysigner.json");
    ASSERT_TRUE(json.has_value());
    const auto& defaults = at(*json, "defaults");
    const auto now = static_cast<std::int64_t>(at(*json, "now").number());
    const auto secret =
        protocol::SecretKey::fromPem(pemOf(at(at(defaults, "signing_key"), "public_key")));
    ASSERT_TRUE(secret.ok()) << secret.error();
    const auto public_key = secret->publicKey();
    ASSERT_TRUE(public_key.ok());
    const domainkey::DomainKey key{std::make_shared<const protocol::SecretKey>(*secret),
                                   *public_key, 0};
    CertifyOptions options;
    options.issuer = at(defaults, "hostname").text();
    for (const auto& i : at(defaults, "forcible_issuers").items())
        options.forcible_issuers.push_back(i.text());
    std::size_t n = 0;
    for (const auto& c : at(*json, "cases").items()) {
        const auto& name = at(c, "name").text();
        const auto answer = certify("application/json", at(c, "request").dump(), key, options, now);
        const auto& expect = at(c, "expect");
        EXPECT_EQ(static_cast<double>(answer.status), at(expect, "status").number())
            << name << ": " << answer.body;
        if (at(expect, "body").isString() && at(expect, "reason_match").text() != "any") {
            EXPECT_EQ(answer.body, at(expect, "body").text()) << name;
        }
        const auto& cert = at(expect, "cert");
        if (cert.isObject()) {
            const auto token = protocol::Token::parse(answer.body);
            ASSERT_TRUE(token.has_value()) << name;
            EXPECT_EQ(token->verify(*public_key), protocol::Token::Check::Good) << name;
            EXPECT_EQ(token->header.dump(), at(cert, "header").dump()) << name;
            for (const auto* member : {"iss", "iat", "exp", "principal"})
                EXPECT_EQ(at(token->payload, member).dump(), at(cert, member).dump())
                    << name << " " << member;
            if (at(cert, "public_key").isObject()) {
                EXPECT_EQ(at(token->payload, "public-key").dump(), at(cert, "public_key").dump())
                    << name;
            }
            if (at(cert, "members").isArray()) {
                EXPECT_EQ(token->payload.members().size(), at(cert, "members").items().size())
                    << name;
            }
        }
        ++n;
    }
    EXPECT_GE(n, 20u);
}

}  // namespace
}  // namespace persona::keysigner
