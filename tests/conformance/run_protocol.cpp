#include "libs/protocol/base64url.h"
#include "libs/protocol/names.h"
#include "libs/protocol/token.h"
#include "plugins/verifier/verifier_api.h"
#include "tests/conformance/secret_keys.h"
#include "tests/conformance/vectors.h"

namespace persona::conformance {

using protocol::PublicKey;
using protocol::Token;

namespace {

/// A private key signs what its public half takes, and nothing else of it.
void checkPair(Report& report, const protocol::SecretKey& secret, const PublicKey& half,
               const std::string& form) {
    const auto derived = secret.publicKey();
    report.check(derived.ok() && derived->canonical() == half.canonical(),
                 form + ": its public half is another one");
    const auto signature = secret.sign("text");
    report.check(signature.ok() && half.verify("text", *signature) == PublicKey::Verdict::Good &&
                     half.verify("texT", *signature) != PublicKey::Verdict::Good,
                 form + ": signing and verifying do not fit");
}

void runKeyPair(const Json& k, Report& report) {
    protocol::KeyOptions all;
    all.allow_rs64 = all.allow_es256 = all.allow_ed25519 = true;
    const auto legacy = PublicKey::parse(at(k, "public_key"), all);
    report.check(legacy.ok(), "public_key: " + legacy.error());
    if (!legacy) return;
    if (at(k, "alg").isString())
        report.equal(std::string(nameOf(legacy->algorithm())), at(k, "alg").text(), "alg");
    for (const auto* form : {"public_key_2012", "public_jwk"}) {
        if (!at(k, form).isObject()) continue;
        const auto other = PublicKey::parse(at(k, form), all);
        report.check(other.ok() && other->canonical() == legacy->canonical(),
                     std::string(form) + ": not the same key " + other.error());
    }
    for (const auto* form : {"secret_key", "secret_key_2012"}) {
        if (!at(k, form).isObject()) continue;
        report.check(!PublicKey::parse(at(k, form), all).ok(),
                     std::string(form) + " was taken for a public key (KEY-6)");
        const auto secret = secretKeyOf(at(k, form));
        report.check(secret.ok(), std::string(form) + ": " + secret.error());
        if (secret) checkPair(report, *secret, *legacy, form);
    }
    if (at(k, "pkcs8_pem").isString()) {
        const auto secret = protocol::SecretKey::fromPem(at(k, "pkcs8_pem").text());
        report.check(secret.ok(), "pkcs8_pem: " + secret.error());
        if (secret) checkPair(report, *secret, *legacy, "pkcs8_pem");
    }
}

}  // namespace

void runKeys(const Json& file, Report& report) {
    for (const auto& c : at(file, "parse_cases").items()) {
        report.begin(labelOf(c));
        const auto& expect = at(c, "expect");
        const auto key = PublicKey::parse(std::string_view(at(c, "key_json").text()),
                                          keyOptions(verifierOf(file, c)));
        report.equal(key.ok(), isTrue(at(expect, "accept")), "accept " + key.error());
        if (key.ok() && at(expect, "alg").isString())
            report.equal(std::string(nameOf(key->algorithm())), at(expect, "alg").text(), "alg");
    }
    for (const auto& k : at(file, "keys").items()) {
        report.begin(labelOf(k));
        runKeyPair(k, report);
    }
}

void runJws(const Json& file, Report& report) {
    for (const auto& c : at(file, "cases").items()) {
        report.begin(labelOf(c));
        const auto key = PublicKey::parse(at(c, "key"), keyOptions(verifierOf(file, c)));
        const auto token = Token::parse(at(c, "token").text());
        const bool valid = key.ok() && token && token->verify(*key) == Token::Check::Good;
        report.equal(valid, isTrue(at(at(c, "expect"), "valid")), "valid " + key.error());
        if (valid && c.find("payload") != nullptr)
            report.equal(token->payload, at(c, "payload"), "payload");
        if (!at(c, "secret_key").isObject() || !at(c, "signing_input").isString()) continue;
        const auto secret = secretKeyOf(at(c, "secret_key"));
        report.check(secret.ok(), "secret_key: " + secret.error());
        if (!secret) continue;
        const auto& input = at(c, "signing_input").text();
        const auto signature = secret->sign(input);
        report.check(signature.ok(), "signing: " + signature.error());
        if (!signature) continue;
        const auto ours = input + "." + protocol::encodeBase64Url(*signature);
        if (isTrue(at(c, "deterministic"))) report.equal(ours, at(c, "token").text(), "signed");
        const auto again = Token::parse(ours);
        report.check(key.ok() && again && again->verify(*key) == Token::Check::Good,
                     "what we sign is not valid");
    }
}

void runBundles(const Json& file, Report& report) {
    for (const auto& c : at(file, "cases").items()) {
        report.begin(labelOf(c));
        const auto verifier = verifierOf(file, c);
        auto options = verifyOptions(verifier);
        // The second time the certificate and the key are remembered: nothing else may change.
        options.certificates = std::make_shared<protocol::CertificateCache>(64);
        options.seen_keys = std::make_shared<protocol::KeyCache>(64);
        const auto discovery = discoveryOptions(verifier);
        const auto world = worldOf(file, c);
        for (const auto api : {protocol::Api::V1, protocol::Api::V2}) {
            const bool v1 = api == protocol::Api::V1;
            const auto& expect = at(at(c, "expect"), v1 ? "v1" : "v2");
            if (!expect.isObject()) continue;
            const auto body = at(c, "request").dump();
            const auto read = verifier::readRequest(
                {"POST", v1 ? "/verify" : "/v2", "", "application/json", body});
            for (int round = 0; round < 2; ++round) {
                verifier::ApiAnswer answer;
                if (const auto* early = std::get_if<verifier::ApiAnswer>(&read)) {
                    answer = *early;
                } else {
                    const auto& q = std::get<verifier::Question>(read);
                    answer = verifier::answerOf(
                        verify(q.request, api, options, nowOf(file, c),
                               [&](const std::string& domain) {
                                   return protocol::discover(
                                       domain, discovery,
                                       [&](const std::string& d, const std::string& p) {
                                           return world.fetch(d, p);
                                       });
                               }),
                        api);
                }
                compareVerdict(report, Json::parse(answer.body).value_or(Json()), expect, api);
            }
        }
    }
}

void runAudiences(const Json& file, Report& report) {
    for (const auto& c : at(file, "cases").items()) {
        report.begin(c.dump().substr(0, 120));
        for (const auto* api : {"v1", "v2"}) {
            const auto& expect = at(at(c, "expect"), api);
            if (!expect.isObject()) continue;
            const auto &asserted = at(c, "assertion_audience"), &given = at(c, "rp_audience");
            const auto reason = asserted.isString() && given.isString()
                                    ? protocol::compareAudience(asserted.text(), given.text(),
                                                                std::string_view(api) == "v2")
                                    : std::string("not a text");
            report.equal(reason.empty(), isTrue(at(expect, "match")),
                         std::string(api) + " match (" + reason + ")");
            if (!reason.empty())
                report.check(reasonFits(reason, expect), std::string(api) + " reason: wanted \"" +
                                                             at(expect, "reason").text() +
                                                             "\", got \"" + reason + "\"");
        }
    }
}

void runWellknown(const Json& file, Report& report) {
    using Type = protocol::SupportDocument::Type;
    for (const auto& c : at(file, "cases").items()) {
        report.begin(labelOf(c));
        const auto d =
            protocol::parseSupportDocument(at(c, "body").text(), keyOptions(verifierOf(file, c)));
        const auto& expect = at(c, "expect");
        static constexpr const char* kTypes[] = {"invalid", "supported", "delegation", "disabled"};
        report.equal(std::string(kTypes[static_cast<int>(d.type)]), at(expect, "type").text(),
                     "type (" + d.error + ")");
        if (d.type == Type::Supported) {
            report.equal(static_cast<std::int64_t>(d.keys.size()), number(at(expect, "key_count")),
                         "key_count");
            report.equal(d.authentication, at(expect, "authentication").text(), "authentication");
            report.equal(d.provisioning, at(expect, "provisioning").text(), "provisioning");
        }
        if (d.type == Type::Delegation)
            report.equal(d.authority, at(expect, "authority").text(), "authority");
        if (d.type == Type::Invalid)
            report.check(reasonFits(d.error, expect), "reason: got \"" + d.error + "\"");
    }
}

void runEmails(const Json& file, Report& report) {
    for (const auto& c : at(file, "cases").items()) {
        report.begin(at(c, "email").dump());
        const auto& email = at(c, "email");
        const auto& expect = at(c, "expect");
        const auto domain = email.isString() ? protocol::emailDomain(email.text()) : std::nullopt;
        report.equal(domain.has_value(), isTrue(at(expect, "valid")), "valid");
        if (domain && at(expect, "lookup_domain").isString())
            report.equal(*domain, at(expect, "lookup_domain").text(), "lookup_domain");
    }
}

}  // namespace persona::conformance
