#include "tests/conformance/vectors.h"

#include <cstdio>
#include <stdexcept>

namespace persona::conformance {

const Json& at(const Json& o, std::string_view name) {
    static const Json kNull;
    const auto* v = o.isObject() ? o.find(name) : nullptr;
    return v == nullptr ? kNull : *v;
}

bool isTrue(const Json& v) {
    return v.isBool() && v.boolean();
}

std::int64_t number(const Json& v, std::int64_t absent) {
    return v.isNumber() ? static_cast<std::int64_t>(v.number()) : absent;
}

Json merged(const Json& base, const Json& over) {
    Json out = Json::object();
    for (const auto& [n, v] : base.members())
        out.add(n, over.isObject() && over.find(n) != nullptr ? *over.find(n) : v);
    for (const auto& [n, v] : over.members())
        if (!base.isObject() || base.find(n) == nullptr) out.add(n, v);
    return out;
}

std::string labelOf(const Json& c) {
    std::string out;
    for (const auto* member : {"id", "name", "domain", "email"})
        if (at(c, member).isString()) out += (out.empty() ? "" : " ") + at(c, member).text();
    return out.empty() ? c.dump().substr(0, 120) : out;
}

bool reasonFits(const std::string& got, const Json& expect) {
    const auto& match = at(expect, "reason_match");
    const auto& wanted = at(expect, "reason");
    if (!wanted.isString() || (match.isString() && match.text() == "any")) return true;
    if (match.isString() && match.text().starts_with("prefix")) {
        const auto colon = wanted.text().find(':');
        return got.substr(0, got.find(':')) == wanted.text().substr(0, colon) &&
               (colon == std::string::npos || got.find(':') != std::string::npos);
    }
    return got == wanted.text();
}

protocol::KeyOptions keyOptions(const Json& verifier) {
    protocol::KeyOptions o;
    o.allow_rs64 = isTrue(at(verifier, "allow_rs64"));
    for (const auto& a : at(verifier, "extension_algorithms").items()) {
        o.allow_es256 = o.allow_es256 || a.text() == "ES256";
        o.allow_ed25519 = o.allow_ed25519 || a.text() == "Ed25519";
    }
    return o;
}

protocol::VerifyOptions verifyOptions(const Json& v) {
    protocol::VerifyOptions o;
    o.hostname = at(v, "hostname").text();
    o.keys = keyOptions(v);
    if (at(v, "own_public_key").isObject()) {
        auto own = protocol::PublicKey::parse(at(v, "own_public_key"), o.keys);
        if (!own) throw std::runtime_error("own_public_key: " + own.error());
        o.own_keys = {std::move(*own)};
    }
    for (const auto& f : at(v, "forcible_issuers").items()) o.forcible_issuers.push_back(f.text());
    o.clock_skew_ms = number(at(v, "clock_skew_ms"));
    o.max_cert_lifetime_ms = number(at(v, "max_cert_lifetime_ms"));
    o.max_assertion_lifetime_ms = number(at(v, "max_assertion_lifetime_ms"));
    o.disable_primary_support = isTrue(at(v, "disable_primary_support"));
    o.allow_ports = isTrue(at(v, "allow_domains_with_port"));
    o.idp_offline_grace_period_ms =
        number(at(v, "idp_offline_grace_period_ms"), o.idp_offline_grace_period_ms);
    if (const auto& seen = at(v, "idp_last_seen"); seen.isObject())
        o.idp_last_seen = [seen](const std::string& d) -> std::optional<std::int64_t> {
            const auto& when = at(seen, d);
            return when.isNumber() ? std::optional(number(when)) : std::nullopt;
        };
    return o;
}

protocol::DiscoveryOptions discoveryOptions(const Json& v) {
    protocol::DiscoveryOptions o;
    o.keys = keyOptions(v);
    o.allow_ports = isTrue(at(v, "allow_domains_with_port"));
    o.max_delegations = static_cast<unsigned>(number(at(v, "max_delegations"), o.max_delegations));
    for (const auto& [domain, authority] : at(v, "proxy_idps").members())
        o.proxy_idps[domain] = authority.text();
    return o;
}

protocol::Fetched World::fetch(const std::string& domain, const std::string& principal) const {
    const Json* entry = &at(world_, domain);
    if (entry->isNull()) entry = &unlisted_;
    if (const auto& special = at(at(*entry, "by_query_domain"), principal); !special.isNull())
        entry = &special;
    protocol::Fetched f;
    f.timed_out = isTrue(at(*entry, "timeout")) ||
                  (at(*entry, "error").isString() && at(*entry, "error").text() == "timeout");
    f.reached = at(*entry, "status").isNumber() && !f.timed_out && at(*entry, "error").isNull();
    f.status = static_cast<unsigned>(number(at(*entry, "status")));
    f.content_type = at(*entry, "content_type").text();
    f.body = at(*entry, "body").text();
    return f;
}

discovery::FetchPort World::port() const {
    return [*this](const discovery::FetchRequest& r,
                   const std::function<void(discovery::FetchResponse)>& done) {
        constexpr std::string_view kQuery = "?domain=";
        discovery::FetchResponse response;
        response.fetched = fetch(r.host, r.url.substr(r.url.find(kQuery) + kQuery.size()));
        done(std::move(response));
    };
}

void Report::check(bool good, const std::string& why) {
    ++checks_;
    if (good) return;
    ++mismatches_;
    std::printf("MISMATCH %s: %s: %s\n", file_.c_str(), label_.c_str(), why.c_str());
}

void Report::print() const {
    std::printf(
        "%-24s %4zu cases, %5zu comparisons, %zu mismatches%s\n", file_.c_str(), cases_, checks_,
        mismatches_,
        skipped_ == 0 ? "" : (", " + std::to_string(skipped_) + " left to the project").c_str());
}

Json verifierOf(const Json& file, const Json& c) {
    return merged(at(at(file, "defaults"), "verifier"), at(c, "verifier"));
}

std::int64_t nowOf(const Json& file, const Json& c) {
    return number(at(c, "now"), number(at(file, "now"), 1'400'000'000'000));
}

World worldOf(const Json& file, const Json& c) {
    const auto& defaults = at(file, "defaults");
    const auto& unlisted = at(defaults, "unlisted_domain");
    if (at(file, "world").isObject()) return {at(file, "world"), unlisted};
    const auto& own = at(c, "world");
    if (own.isObject()) return {own, unlisted};
    const auto& common = at(defaults, "world");
    const std::string name = own.isString()      ? own.text()
                             : common.isString() ? common.text()
                                                 : std::string("base");
    return {at(at(file, "worlds"), name), unlisted};
}

}  // namespace persona::conformance
