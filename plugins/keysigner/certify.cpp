#include "plugins/keysigner/certify.h"

#include <algorithm>
#include <array>

#include "libs/protocol/names.h"
#include "libs/protocol/token.h"
#include "libs/wsapi/form.h"

namespace persona::keysigner {

namespace {

using protocol::Json;

CertifyAnswer refuse(std::string reason) {
    return {400, true,
            Json::object().add("success", false).add("reason", std::move(reason)).dump()};
}

bool isHost(const std::string& h) {
    if (h.empty() || h.size() > 253 || h.front() == '.' || h.back() == '.') return false;
    return std::all_of(h.begin(), h.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '.';
    });
}

constexpr std::array<std::string_view, 6> kParameters{"email",      "pubkey",      "ephemeral",
                                                      "unverified", "forceIssuer", "csrf"};

/// Body as a JSON object; forms become objects of texts.
std::optional<Json> parametersOf(std::string_view content_type, std::string_view body) {
    const auto type = wsapi::mediaType(content_type);
    if (type == "application/json") {
        auto json = Json::parse(body);
        if (!json || !json->isObject()) return std::nullopt;
        return json;
    }
    if (type != "application/x-www-form-urlencoded") return Json::object();
    const auto pairs = wsapi::parseForm(body);
    if (!pairs) return std::nullopt;
    Json o = Json::object();
    for (const auto& [n, v] : *pairs) {
        if (o.find(n) != nullptr) return std::nullopt;
        o.add(n, v);
    }
    return o;
}

/// KEY-8. While one key takes another's place, the one that signs is not the one published as the
/// current one.
bool isOwn(const std::string& canonical, const domainkey::DomainKey& key,
           const domainkey::PublicKeys* published) {
    const auto is = [&](const protocol::PublicKey& k) { return k.canonical() == canonical; };
    if (is(key.public_key)) return true;
    return published != nullptr &&
           (is(published->current) ||
            std::any_of(published->others.begin(), published->others.end(),
                        [&](const domainkey::OtherKey& o) { return is(o.key); }));
}

}  // namespace

CertifyAnswer certify(std::string_view content_type, std::string_view body,
                      const domainkey::DomainKey& key, const CertifyOptions& options,
                      std::int64_t now_ms, const domainkey::PublicKeys* published) {
    const auto parsed = parametersOf(content_type, body);
    if (!parsed) return {400, false, "Bad Request: malformed body"};
    const Json& p = *parsed;
    for (const auto* name : {"email", "pubkey", "ephemeral"})
        if (p.find(name) == nullptr)
            return refuse(std::string("missing required parameter: '") + name + "'");
    const auto* email = p.findText("email");
    if (email == nullptr || !protocol::emailDomain(*email))
        return refuse("email: ValidatorError: Invalid email");
    const auto* pubkey = p.findText("pubkey");
    if (pubkey == nullptr || pubkey->size() < 50 || pubkey->size() > 10'240)
        return refuse("pubkey: ValidatorError: String is not in range");
    const auto* ephemeral = p.find("ephemeral");
    if (!ephemeral->isBool()) return refuse("ephemeral: boolean required");
    const auto* unverified = p.find("unverified");
    if (unverified != nullptr && !unverified->isBool())
        return refuse("unverified: boolean required");
    const auto* force = p.find("forceIssuer");
    if (force != nullptr && (!force->isString() || !isHost(force->text())))
        return refuse("forceIssuer: ValidatorError: Invalid characters");
    std::string extra;
    for (const auto& [n, v] : p.members())
        if (std::find(kParameters.begin(), kParameters.end(), std::string_view(n)) ==
            kParameters.end())
            extra += (extra.empty() ? "" : ", ") + n;
    if (!extra.empty()) return refuse("extra parameters are not allowed: " + extra);
    if (force != nullptr &&
        std::find(options.forcible_issuers.begin(), options.forcible_issuers.end(),
                  force->text()) == options.forcible_issuers.end())
        return {400, false, "Bad Request: Invalid issuer, unable to issue certificate"};
    const auto user_key = protocol::PublicKey::parse(std::string_view(*pubkey), options.keys);
    if (!user_key) return refuse("pubkey: " + user_key.error());
    if (isOwn(user_key->canonical(), key, published))
        return refuse("pubkey: the domain's own key is not certified");
    protocol::CertificateRequest c;
    c.issuer = force != nullptr ? force->text() : options.issuer;
    c.email = *email;
    c.unverified = unverified != nullptr && unverified->boolean();
    // Clients drop certificates that seem older than the domain key (protocol.md section 2).
    c.issued_at_ms = std::min(now_ms, std::max(now_ms - options.iat_backdate_ms, key.created_ms));
    c.expires_at_ms = now_ms + (ephemeral->boolean() ? options.ephemeral_session_duration_ms
                                                     : options.certificate_validity_ms);
    auto token = protocol::signToken(*key.signer, protocol::certificatePayload(c, *user_key));
    if (!token) return {500, false, "Server Error: certification generation error", token.error()};
    return {200, false, std::move(*token)};
}

}  // namespace persona::keysigner
