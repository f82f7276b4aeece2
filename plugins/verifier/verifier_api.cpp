#include "plugins/verifier/verifier_api.h"

#include <optional>

#include "libs/wsapi/form.h"
#include "libs/wsapi/providers.h"

namespace persona::verifier {

namespace {

using protocol::Json;

ApiAnswer failure(unsigned status, std::string reason) {
    ApiAnswer a;
    a.status = status;
    a.body = Json::object().add("status", "failure").add("reason", std::move(reason)).dump();
    return a;
}

/// What a client sent, fit for a message: ASCII, and not long.
std::string printable(std::string_view text) {
    std::string out(text.substr(0, 200));
    for (auto& c : out)
        if (c < 0x20 || c > 0x7e) c = '?';
    return out;
}

const Json* present(const Json* v) {
    if (v == nullptr || v->isNull() || (v->isString() && v->text().empty())) return nullptr;
    return v;
}

bool truthy(const Json* v) {
    if (v == nullptr) return false;
    if (v->isBool()) return v->boolean();
    return v->isString() && !v->text().empty() && v->text() != "false" && v->text() != "0";
}

using Read = std::variant<ApiAnswer, Question>;

/// Parameters of a JSON body; empty: it is neither an object nor an array (which has none). No
/// octet at all is no parameter.
std::optional<Json> jsonParameters(std::string_view body) {
    if (body.empty()) return Json::object();
    auto parsed = Json::parse(body);
    if (!parsed || !(parsed->isObject() || parsed->isArray())) return std::nullopt;
    return parsed->isObject() ? std::move(*parsed) : Json::object();
}

Read version1(const ApiRequest& q) {
    const auto type = wsapi::mediaType(q.content_type);
    const bool is_json = type == "application/json",
               is_form = type == "application/x-www-form-urlencoded";
    Json params = Json::object();
    if (is_json) {
        auto parsed = jsonParameters(q.body);
        if (!parsed) return failure(400, "the body is not a JSON object");
        params = std::move(*parsed);
    } else if (is_form) {
        const auto pairs = wsapi::parseForm(q.body);
        if (!pairs) return failure(400, "the body is not a form");
        for (const auto& [n, v] : *pairs)
            if (params.find(n) == nullptr) params.add(n, v);
    }
    const auto query = wsapi::parseForm(q.query);
    if (!query) return failure(400, "the query is malformed");
    Json over = Json::object();
    for (const auto& [n, v] : *query)
        if (!v.empty() && over.find(n) == nullptr)
            over.add(n, v == "true" || v == "false" ? Json(v == "true") : Json(v));
    const auto get = [&](std::string_view name) {
        const auto* v = present(over.find(name));
        return v != nullptr ? v : present(params.find(name));
    };
    const auto *assertion = get("assertion"), *audience = get("audience");
    if (assertion == nullptr || audience == nullptr) {
        if (is_json || is_form) return failure(400, "need assertion and audience");
        return failure(415,
                       "Content-Type expected to be one of: application/x-www-form-urlencoded, "
                       "application/json");
    }
    if (!assertion->isString()) return failure(200, "malformed backed assertion");
    if (!audience->isString()) return failure(200, "audience mismatch: domain missing");
    protocol::VerifyRequest r;
    if (const auto* issuer = get("experimental_forceIssuer");
        issuer != nullptr && issuer->isString())
        r.force_issuer = issuer->text();
    r.allow_unverified = truthy(get("experimental_allowUnverified"));
    const auto take = [&](std::string_view name) {
        return (present(over.find(name)) != nullptr ? over : params).takeText(name);
    };
    r.assertion = take("assertion");
    r.audience = take("audience");
    return Question{protocol::Api::V1, std::move(r)};
}

Read version2(const ApiRequest& q) {
    if (wsapi::mediaType(q.content_type) != "application/json")
        return failure(415, "Unsupported Content-Type: " +
                                (q.content_type.empty() ? "none" : printable(q.content_type)) +
                                " (expected application/json)");
    auto params = jsonParameters(q.body);
    if (!params) return failure(400, "the body is not a JSON object");
    const auto *assertion = present(params->find("assertion")),
               *audience = present(params->find("audience"));
    if (assertion == nullptr) return failure(400, "missing assertion parameter");
    if (audience == nullptr) return failure(400, "missing audience parameter");
    protocol::VerifyRequest r;
    if (const auto* trusted = params->find("trustedIssuers");
        trusted != nullptr && !trusted->isNull()) {
        if (!trusted->isArray()) return failure(400, "trusted issuers must be an array");
        for (const auto& t : trusted->items()) {
            if (!t.isString()) return failure(400, "trusted issuers must be an array of strings");
            r.trusted_issuers.push_back(t.text());
        }
    }
    if (!assertion->isString()) return failure(200, "malformed backed assertion");
    if (!audience->isString()) return failure(200, "audience mismatch: malformed audience");
    r.assertion = params->takeText("assertion");
    r.audience = params->takeText("audience");
    return Question{protocol::Api::V2, std::move(r)};
}

}  // namespace

std::variant<ApiAnswer, Question> readRequest(const ApiRequest& request) {
    if (request.method != "POST") {
        auto a = failure(405, "only POST is served here");
        a.allow_post = true;
        return a;
    }
    if (request.body.size() > kMaxBody) return failure(413, "the body is larger than 10240 octets");
    return request.path == "/v2" ? version2(request) : version1(request);
}

ApiAnswer answerOf(const protocol::VerifyResult& r, protocol::Api api) {
    if (!r.ok) {
        auto a = failure(200, r.reason);
        a.report.outcomes.note(wsapi::outcomeOf(r));
        return a;
    }
    Json o = Json::object();
    o.add("status", "okay");
    if (!r.email.empty()) o.add("email", r.email);
    if (!r.unverified_email.empty()) o.add("unverified-email", r.unverified_email);
    o.add("audience", r.audience).add("expires", r.expires).add("issuer", r.issuer);
    if (api == protocol::Api::V2) {
        if (!r.idp_claims.members().empty()) o.add("idpClaims", r.idp_claims);
        if (!r.user_claims.members().empty()) o.add("userClaims", r.user_claims);
    }
    ApiAnswer a;
    a.body = o.dump();
    a.verified = true;
    a.report.outcomes.note(wsapi::outcomeOf(r));
    return a;
}

ApiAnswer tooBusy(protocol::Api api) {
    if (api == protocol::Api::V2) return failure(503, "too busy");
    ApiAnswer a;
    a.status = 503;
    a.content_type = "text/plain; charset=utf-8";
    a.body = "server is too busy";
    return a;
}

ApiAnswer unavailable() {
    return failure(503, "service unavailable");
}

wsapi::AnswerFields headersOf(const ApiAnswer& a, bool https) {
    wsapi::AnswerFields out;
    out.reserve(8);
    out.emplace_back("Content-Type", a.content_type);
    out.emplace_back("Cache-Control", "private, no-cache, no-store, must-revalidate, max-age=0");
    out.emplace_back("X-Content-Type-Options", "nosniff");
    out.emplace_back("X-Frame-Options", "DENY");
    if (a.allow_post) out.emplace_back("Allow", "POST");
    if (a.status == 503) out.emplace_back("Retry-After", "1");
    if (https) out.emplace_back("Strict-Transport-Security", "max-age=31536000; includeSubDomains");
    a.report.appendTo(out);
    return out;
}

}  // namespace persona::verifier
