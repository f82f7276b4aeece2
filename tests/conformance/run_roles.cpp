#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "libs/protocol/token.h"
#include "libs/wsapi/address_state.h"
#include "plugins/keysigner/certify.h"
#include "tests/conformance/secret_keys.h"
#include "tests/conformance/vectors.h"

namespace persona::conformance {

namespace {

void compareDiscovered(Report& report, const protocol::Discovered& d, const std::string& result,
                       const Json& expect) {
    static constexpr const char* kTypes[] = {"primary", "disabled", "unsupported"};
    report.equal(std::string(kTypes[static_cast<int>(d.type)]), result,
                 "result (" + d.reason + ")");
    const auto& authority = at(expect, "authority");
    if (d.type == protocol::Discovered::Type::Primary) {
        if (authority.isString()) report.equal(d.authority, authority.text(), "authority");
        const auto& urls = at(expect, "urls");
        if (at(urls, "auth").isString())
            report.equal(d.authentication, at(urls, "auth").text(), "auth");
        if (at(urls, "prov").isString())
            report.equal(d.provisioning, at(urls, "prov").text(), "prov");
    }
    if (at(expect, "chain").isArray() && d.type != protocol::Discovered::Type::Unsupported) {
        Json chain = Json::array();
        for (const auto& name : d.chain) chain.push(name);
        report.equal(chain, at(expect, "chain"), "chain");
    }
    if (d.type == protocol::Discovered::Type::Unsupported)
        report.check(
            reasonFits(d.reason, expect),
            "reason: wanted \"" + at(expect, "reason").text() + "\", got \"" + d.reason + "\"");
}

/// What the original said of a look-up, in the words of an expectation.
Json expectationFrom(const Json& persona) {
    Json out = Json::object();
    out.add("result", !isTrue(at(persona, "ok"))        ? "unsupported"
                      : isTrue(at(persona, "disabled")) ? "disabled"
                                                        : "primary");
    out.add("authority", at(persona, "authoritativeDomain"));
    out.add("chain", at(persona, "delegationChain"));
    out.add("urls", at(persona, "urls"));
    out.add("reason", at(persona, "reason"));
    return out;
}

std::shared_ptr<discovery::Discovery> discoveryIn(const World& world,
                                                  protocol::DiscoveryOptions options) {
    discovery::Options o;
    o.protocol = std::move(options);
    discovery::Ports ports;
    ports.fetch = world.port();
    ports.now_ms = [] { return std::int64_t{0}; };
    return std::make_shared<discovery::Discovery>(std::move(o), std::move(ports));
}

/// "never", "N days ago", "exactly the grace period ago", or a time in ms.
std::optional<std::int64_t> lastSeen(const Json& v, std::int64_t now, std::int64_t grace) {
    if (v.isNumber()) return number(v);
    if (!v.isString() || v.text() == "never") return std::nullopt;
    if (v.text().find("grace period") != std::string::npos) return now - grace;
    std::int64_t n = 0;
    const auto& t = v.text();
    const auto r = std::from_chars(t.data(), t.data() + t.size(), n);
    const std::int64_t unit = t.find("day") != std::string::npos      ? 86'400'000
                              : t.find("hour") != std::string::npos   ? 3'600'000
                              : t.find("minute") != std::string::npos ? 60'000
                                                                      : 0;
    if (r.ec != std::errc{} || unit == 0)
        throw std::runtime_error("idp_last_seen: cannot read \"" + t + "\"");
    return now - n * unit;
}

/// The database's spelling of the address, which the vectors have with a capital.
std::string storedSpelling(std::string email) {
    if (!email.empty() && email[0] >= 'a' && email[0] <= 'z')
        email[0] = static_cast<char>(email[0] - 32);
    return email;
}

}  // namespace

void runDiscovery(const Json& file, Report& report) {
    for (const auto& c : at(file, "cases").items()) {
        report.begin(labelOf(c));
        auto options = discoveryOptions(merged(at(file, "defaults"), verifierOf(file, c)));
        const auto found = discoveryIn(worldOf(file, c), options)->find(at(c, "domain").text());
        compareDiscovered(report, *found, at(at(c, "expect"), "result").text(), at(c, "expect"));
    }
    for (const auto& c : at(file, "proxy_cases").items()) {
        report.begin("proxy: " + labelOf(c));
        auto with_proxies = Json::object();
        with_proxies.add("proxy_idps", at(file, "proxy_idps"));
        auto options = discoveryOptions(merged(at(file, "defaults"), with_proxies));
        const auto found = discoveryIn(worldOf(file, c), options)->find(at(c, "domain").text());
        const auto& persona = at(at(c, "reference"), "persona");
        const auto expect = at(c, "expect").isObject() ? at(c, "expect") : expectationFrom(persona);
        compareDiscovered(report, *found, at(expect, "result").text(), expect);
        if (at(persona, "proxied").isBool())
            report.equal(found->proxied, isTrue(at(persona, "proxied")), "proxied");
    }
}

void runKeysigner(const Json& file, Report& report) {
    for (const auto& c : at(file, "cases").items()) {
        report.begin(labelOf(c));
        const auto settings = merged(at(file, "defaults"), at(c, "keysigner"));
        const auto& pair = at(settings, "signing_key");
        const auto secret = secretKeyOf(at(pair, "secret_key"));
        report.check(secret.ok(), "signing_key: " + secret.error());
        if (!secret) return;
        const auto half = secret->publicKey();
        const domainkey::DomainKey key{std::make_shared<const protocol::SecretKey>(*secret), *half,
                                       0};
        keysigner::CertifyOptions options;
        options.issuer = at(settings, "hostname").text();
        options.keys = keyOptions(settings);
        for (const auto& i : at(settings, "forcible_issuers").items())
            options.forcible_issuers.push_back(i.text());
        options.certificate_validity_ms =
            number(at(settings, "certificate_validity_ms"), options.certificate_validity_ms);
        options.ephemeral_session_duration_ms = number(
            at(settings, "ephemeral_session_duration_ms"), options.ephemeral_session_duration_ms);
        options.iat_backdate_ms = number(at(settings, "iat_backdate_ms"));
        const auto& request = at(c, "request");
        const auto answer = keysigner::certify("application/json",
                                               request.isString() ? request.text() : request.dump(),
                                               key, options, nowOf(file, c));
        const auto& expect = at(c, "expect");
        report.equal(static_cast<std::int64_t>(answer.status), number(at(expect, "status")),
                     "status (" + answer.body + ")");
        if (const auto& type = at(expect, "content_type_prefix"); type.isString())
            report.check((answer.json ? std::string("application/json") : std::string("text/plain"))
                             .starts_with(type.text()),
                         "content type: wanted " + type.text());
        if (const auto& body = at(expect, "body"); body.isObject()) {
            const auto got = Json::parse(answer.body).value_or(Json());
            report.equal(at(got, "success"), at(body, "success"), "body.success");
            auto wanted = Json::object();
            wanted.add("reason", at(body, "reason"));
            wanted.add("reason_match", at(expect, "reason_match"));
            report.check(
                reasonFits(at(got, "reason").text(), wanted),
                "reason: wanted \"" + at(body, "reason").text() + "\", got " + answer.body);
        } else if (body.isString()) {
            report.equal(answer.body, body.text(), "body");
        }
        const auto& cert = at(expect, "cert");
        if (!cert.isObject()) continue;
        const auto token = protocol::Token::parse(answer.body);
        report.check(token.has_value(), "the body is no certificate");
        if (!token) continue;
        report.check(token->verify(*half) == protocol::Token::Check::Good,
                     "the certificate's signature is not the signing key's");
        for (const auto& [name, value] : cert.members()) {
            if (name == "header") {
                report.equal(token->header.dump(), value.dump(), "header");
            } else if (name == "public_key") {
                report.equal(at(token->payload, "public-key").dump(), value.dump(), "public-key");
            } else if (name == "members") {
                std::vector<std::string> got, wanted;
                for (const auto& [n, v] : token->payload.members()) got.push_back(n);
                for (const auto& n : value.items()) wanted.push_back(n.text());
                std::sort(got.begin(), got.end());
                std::sort(wanted.begin(), wanted.end());
                report.check(got == wanted, "members: got " + token->payload.dump());
            } else {
                report.equal(at(token->payload, name), value, name);
            }
        }
    }
}

void runAddressInfo(const Json& file, Report& report) {
    using wsapi::Support;
    constexpr std::int64_t kNow = 1'750'000'000'000;
    for (const auto& c : at(file, "cases").items()) {
        report.begin(c.dump().substr(0, 160));
        const auto context = merged(at(file, "context"), at(c, "context"));
        const auto& domain = at(context, "domain").text();
        wsapi::AddressQuestion q;
        q.forced_issuer = at(c, "issuer").text() == "default" ? "" : at(c, "issuer").text();
        q.own_host = at(context, "hostname").text();
        const auto& support = at(c, "support").text();
        q.support = support == "supported"  ? Support::Supported
                    : support == "disabled" ? Support::Disabled
                                            : Support::Error;
        q.issuer = domain;
        q.authentication = "https://" + domain + "/auth";
        q.provisioning = "https://" + domain + "/prov";
        q.now_ms = kNow;
        q.grace_ms = number(at(context, "idp_offline_grace_period_ms"), q.grace_ms);
        q.idp_last_seen_ms = lastSeen(at(c, "idp_last_seen"), kNow, q.grace_ms);
        if (const auto& e = at(c, "email"); e.isObject())
            q.known = wsapi::KnownAddress{
                isTrue(at(e, "hasPassword")), at(e, "lastUsedAs").text() == "primary",
                isTrue(at(e, "verified")), storedSpelling(at(context, "email").text())};
        const auto answer = wsapi::addressInfo(q);
        report.equal(answer.response, at(c, "response"), "response");
        report.equal(answer.forget_idp, isTrue(at(c, "forget_idp")), "forget_idp");
    }
}

}  // namespace persona::conformance
