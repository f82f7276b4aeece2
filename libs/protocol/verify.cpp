#include "libs/protocol/verify.h"

#include <algorithm>

#include "libs/protocol/names.h"
#include "libs/protocol/token.h"

namespace persona::protocol {

namespace {

struct Verification {
    const VerifyRequest& request;
    const bool v2;
    const VerifyOptions& options;
    const std::int64_t now;
    const DiscoverFn& find;
    VerifyResult result;
    std::map<std::string, Discovered> discovered;

    bool fail(std::string v1_text, std::string v2_text) {
        result.reason = v2 ? std::move(v2_text) : std::move(v1_text);
        return false;
    }
    bool fail(const std::string& text) { return fail(text, text); }

    const Discovered& discoverOnce(const std::string& domain) {
        const auto it = discovered.find(domain);
        if (it != discovered.end()) return it->second;
        return discovered[domain] = find(domain);
    }

    bool checkTimes(const Json& payload, std::int64_t max_lifetime) {
        const auto late = [&] {
            return fail("assertion issued later than verification date",
                        "issued later than verification date");
        };
        const auto* exp_value = payload.find("exp");
        std::optional<std::int64_t> iat, nbf, exp;
        if (const auto* v = payload.find("iat"); v != nullptr && !(iat = parseTime(*v)))
            return fail("malformed iat");
        if (const auto* v = payload.find("nbf"); v != nullptr && !(nbf = parseTime(*v)))
            return fail("malformed nbf");
        if (exp_value != nullptr) exp = parseTime(*exp_value);
        if (iat && *iat > now + options.clock_skew_ms) return late();
        if (nbf && *nbf > now + options.clock_skew_ms) return late();
        if (!exp || *exp <= 0) return fail("malformed or missing exp");
        if (*exp < now - options.clock_skew_ms) return fail("assertion has expired", "expired");
        if (max_lifetime > 0 && *exp - iat.value_or(now) > max_lifetime)
            return fail("lifetime too long");
        return true;
    }

    /// FMT-3. The member that holds the user's key, or nullptr.
    static const Json* keyMember(const Json& payload, bool& valid) {
        const auto* version = payload.find("version");
        const auto* legacy = payload.find("public-key");
        const auto* modern = payload.find("publicKey");
        valid =
            !(version != nullptr && (!version->isString() || version->text() != "2012.08.15")) &&
            !(legacy != nullptr && modern != nullptr);
        return version == nullptr ? legacy : (modern != nullptr ? modern : legacy);
    }

    bool findIssuerKeys(const std::string& issuer, std::vector<PublicKey>& keys) {
        if (issuer == options.hostname) {
            keys = options.own_keys;
            return true;
        }
        const bool forcible =
            std::find(options.forcible_issuers.begin(), options.forcible_issuers.end(), issuer) !=
            options.forcible_issuers.end();
        if (!v2 && !request.force_issuer.empty() && issuer == request.force_issuer) {
            if (!forcible) return fail("this verifier won't force issuer for " + issuer);
            keys = options.own_keys;
            return true;
        }
        if (v2 && forcible && isTrusted(issuer)) {
            keys = options.own_keys;
            return true;
        }
        if (options.disable_primary_support)
            return fail("this verifier doesn't respect certs issued from domains other than: " +
                        options.hostname);
        const auto& d = discoverOnce(issuer);
        if (d.type != Discovered::Type::Primary || d.authority != issuer) {
            const std::string why = d.type == Discovered::Type::Unsupported ? d.reason : "";
            return fail("can't get public key for " + issuer + (why.empty() ? "" : ": " + why),
                        why.empty() ? "untrusted issuer" : why);
        }
        keys = d.keys;
        return true;
    }

    [[nodiscard]] bool isTrusted(const std::string& issuer) const {
        return std::find(request.trusted_issuers.begin(), request.trusted_issuers.end(), issuer) !=
               request.trusted_issuers.end();
    }

    /// Who may speak for a domain; empty: nobody.
    std::string authorityOf(const std::string& domain) {
        if (options.disable_primary_support) return options.hostname;
        const auto& d = discoverOnce(domain);
        if (d.type == Discovered::Type::Primary) return d.authority;
        if (d.type == Discovered::Type::Disabled) return options.hostname;
        if (options.idp_last_seen) {
            const auto seen = options.idp_last_seen(domain);
            if (seen && now - *seen < options.idp_offline_grace_period_ms) return "";
        }
        return options.hostname;
    }

    bool checkCertificate(const Token& cert, const std::vector<PublicKey>& keys) {
        auto last = Token::Check::Bad;
        for (const auto& key : keys) {
            last = cert.verify(key);
            if (last == Token::Check::Good) return true;
        }
        switch (last) {
            case Token::Check::OtherAlgorithm:
                return fail("bad signature in chain", "algorithms do not match");
            case Token::Check::Malformed:
                return fail("malformed signature");
            default:
                return fail("bad signature in chain", "invalid signature");
        }
    }

    bool checkPrincipal(const Json& payload, const std::string& issuer) {
        const auto* principal = payload.find("principal");
        const auto* sub = payload.find("sub");
        if (principal != nullptr && !principal->isObject())
            return fail("missing email", "principal is malformed");
        const auto* email = principal == nullptr ? nullptr : principal->find("email");
        const auto* unverified =
            principal == nullptr ? nullptr : principal->find("unverified-email");
        if (email != nullptr && sub != nullptr && !(*email == *sub))
            return fail("email and sub differ");
        std::string address;
        if (!v2) {
            if (unverified != nullptr && !request.allow_unverified) return fail("unverified email");
            if (unverified != nullptr && email != nullptr)
                return fail("both email and unverified-email");
            const auto* chosen = unverified != nullptr ? unverified : email;
            if (chosen == nullptr) return fail("missing email");
            if (!chosen->isString() || !emailDomain(chosen->text())) return fail("invalid email");
            address = chosen->text();
            (unverified != nullptr ? result.unverified_email : result.email) = address;
            if (!request.force_issuer.empty() && issuer == request.force_issuer) return true;
        } else {
            const auto* chosen = email != nullptr ? email : sub;
            const bool present = chosen != nullptr;
            const bool valid = present && chosen->isString() && emailDomain(chosen->text());
            if (isTrusted(issuer)) {
                if (present && !valid) return fail("invalid email");
                if (valid) result.email = chosen->text();
                return true;
            }
            if (!valid)
                return fail(
                    "untrusted assertion, doesn't contain an email, and issuer is untrusted ");
            address = result.email = chosen->text();
        }
        const auto domain = *emailDomain(address);
        const auto authority = authorityOf(domain);
        if (authority.empty() || authority != issuer)
            return fail("issuer '" + issuer + "' may not speak for emails from '" + domain + "'",
                        "untrusted issuer, expected '" + authority + "', got '" + issuer + "'");
        return true;
    }

    void collectClaims(const Json& cert, const Json& assertion) {
        static constexpr std::string_view kReserved[] = {
            "iss", "sub",        "aud",    "exp",       "nbf",     "iat",
            "jti", "public-key", "pubkey", "principal", "version", "publicKey"};
        const auto reserved = [](const std::string& n) {
            return std::find(std::begin(kReserved), std::end(kReserved), n) != std::end(kReserved);
        };
        result.idp_claims = Json::object();
        result.user_claims = Json::object();
        for (const auto& [n, v] : cert.members())
            if (!reserved(n)) result.idp_claims.add(n, v);
        if (const auto* principal = cert.find("principal");
            principal != nullptr && principal->isObject())
            for (const auto& [n, v] : principal->members())
                if (n != "email" && !reserved(n) && result.idp_claims.find(n) == nullptr)
                    result.idp_claims.add(n, v);
        for (const auto& [n, v] : assertion.members())
            if (!reserved(n)) result.user_claims.add(n, v);
    }

    bool run() {
        std::vector<std::string_view> parts;
        for (std::string_view rest = request.assertion;;) {
            const auto tilde = rest.find('~');
            parts.push_back(rest.substr(0, tilde));
            if (tilde == std::string_view::npos || parts.size() > 16) break;
            rest.remove_prefix(tilde + 1);
        }
        if (parts.size() < 2) return fail("no certificates provided");
        std::vector<Token> tokens;
        for (const auto part : parts) {
            std::size_t segments = 0;
            auto t = Token::parse(part, &segments);
            if (!t) {
                if (segments != 3)
                    return fail("malformed signature",
                                "signed object must have three parts, this one has " +
                                    std::to_string(segments));
                return fail("malformed signature");
            }
            tokens.push_back(std::move(*t));
        }
        if (tokens.size() > 2) return fail("certificate chaining is not yet allowed");
        const Token &cert = tokens[0], &assertion = tokens[1];
        bool valid = false;
        const Json* user_key_json = keyMember(cert.payload, valid);
        bool assertion_valid = false;
        keyMember(assertion.payload, assertion_valid);
        if (!valid || !assertion_valid) return fail("unknown format version");
        const auto* iss = cert.payload.findText("iss");
        if (iss == nullptr) return fail("missing issuer");
        const std::string issuer = *iss;
        if (issuer != options.hostname && (!isHostName(issuer) || toLower(issuer) != issuer))
            return fail("invalid issuer");
        std::vector<PublicKey> keys;
        if (!findIssuerKeys(issuer, keys)) return false;
        if (!checkCertificate(cert, keys)) return false;
        if (!checkTimes(cert.payload, options.max_cert_lifetime_ms)) return false;
        if (user_key_json == nullptr)
            return fail("malformed signature", "no public key in the certificate");
        const auto user_key = PublicKey::parse(*user_key_json, options.keys);
        if (!user_key) return fail("malformed signature", user_key.error());
        switch (assertion.verify(*user_key)) {
            case Token::Check::Good:
                break;
            case Token::Check::OtherAlgorithm:
                return fail("invalid signature", "algorithms do not match");
            case Token::Check::Malformed:
                return fail("malformed signature");
            case Token::Check::Bad:
                return fail("invalid signature");
        }
        if (!checkTimes(assertion.payload, options.max_assertion_lifetime_ms)) return false;
        const auto* aud = assertion.payload.findText("aud");
        const auto mismatch = aud == nullptr ? std::string("the assertion has none")
                                             : compareAudience(*aud, request.audience, v2);
        if (!mismatch.empty()) return fail("audience mismatch: " + mismatch);
        if (!checkPrincipal(cert.payload, issuer)) return false;
        result.issuer = issuer;
        result.audience = request.audience;
        result.expires = *parseTime(*assertion.payload.find("exp"));
        if (v2) collectClaims(cert.payload, assertion.payload);
        return true;
    }
};

}  // namespace

VerifyResult verify(const VerifyRequest& request, Api api, const VerifyOptions& options,
                    std::int64_t now_ms, const DiscoverFn& find) {
    Verification v{request, api == Api::V2, options, now_ms, find, {}, {}};
    if (v.run()) {
        v.result.ok = true;
        return std::move(v.result);
    }
    VerifyResult refused;
    refused.reason = std::move(v.result.reason);
    return refused;
}

}  // namespace persona::protocol
