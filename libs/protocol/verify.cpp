#include "libs/protocol/verify.h"

#include <algorithm>

#include "libs/protocol/names.h"
#include "libs/protocol/token.h"

namespace persona::protocol {

/// The numbered steps of 3.2, in their order.
class Verification::Steps {
  public:
    Steps(VerifyRequest r, Api api, const VerifyOptions& o, std::int64_t n)
        : request(std::move(r)), v2(api == Api::V2), options(o), now(n) {}

    std::optional<std::string> advance() {
        while (stage_ != Stage::Done) {
            if (stage_ == Stage::Local) {
                stage_ = parse() ? Stage::Issuer : Stage::Done;
            } else if (stage_ == Stage::Issuer) {
                if (auto domain = missing(issuer_to_discover_)) return domain;
                stage_ = checkTokens() ? Stage::Authority : Stage::Done;
            } else {
                if (auto domain = missing(domain_to_discover_)) return domain;
                if (checkAuthority()) succeed();
                stage_ = Stage::Done;
            }
        }
        return std::nullopt;
    }

    void provide(DiscoveredPtr found) { found_.emplace_back(asked_, std::move(found)); }

    VerifyResult take() {
        if (result.ok) return std::move(result);
        VerifyResult refused;
        refused.bad_key = result.bad_key;
        refused.reason = std::move(result.reason);
        return refused;
    }

  private:
    enum class Stage { Local, Issuer, Authority, Done };

    const VerifyRequest request;
    const bool v2;
    const VerifyOptions& options;
    const std::int64_t now;
    VerifyResult result;
    Stage stage_ = Stage::Local;
    std::string asked_;
    std::vector<std::pair<std::string, DiscoveredPtr>> found_;  ///< two at most
    std::string_view cert_text_;
    std::optional<Token> cert_, assertion_;
    CertificateCache::Found known_;  ///< the certificate was verified before
    std::string issuer_, issuer_to_discover_, domain_to_discover_, domain_;

    [[nodiscard]] const Json& certPayload() const {
        return known_ ? known_->payload : cert_->payload;
    }

    [[nodiscard]] const Discovered* find(const std::string& domain) const {
        for (const auto& [name, found] : found_)
            if (name == domain) return found.get();
        return nullptr;
    }

    /// The domain, when it is one that has to be discovered and has not been.
    std::optional<std::string> missing(const std::string& domain) {
        if (domain.empty() || find(domain) != nullptr) return std::nullopt;
        asked_ = domain;
        return domain;
    }

    bool fail(std::string v1_text, std::string v2_text) {
        result.reason = v2 ? std::move(v2_text) : std::move(v1_text);
        return false;
    }
    bool fail(const std::string& text) { return fail(text, text); }

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

    bool useOwnKeys() {
        if (options.discover_own_keys) issuer_to_discover_ = options.hostname;
        return true;
    }

    /// Step 7: names the domain to discover unless the key is our own.
    bool chooseIssuer() {
        if (issuer_ == options.hostname) return useOwnKeys();
        const bool forcible =
            std::find(options.forcible_issuers.begin(), options.forcible_issuers.end(), issuer_) !=
            options.forcible_issuers.end();
        if (!v2 && !request.force_issuer.empty() && issuer_ == request.force_issuer)
            return forcible ? useOwnKeys()
                            : fail("this verifier won't force issuer for " + issuer_);
        if (v2 && forcible && isTrusted(issuer_)) return useOwnKeys();
        if (options.disable_primary_support)
            return fail("this verifier doesn't respect certs issued from domains other than: " +
                        options.hostname);
        issuer_to_discover_ = issuer_;
        return true;
    }

    /// nullptr: failed.
    const std::vector<PublicKey>* issuerKeys() {
        if (issuer_to_discover_.empty()) return &options.own_keys;
        const auto& d = *find(issuer_to_discover_);
        if (d.type == Discovered::Type::Primary && d.authority == issuer_to_discover_)
            return &d.keys;
        const std::string why = d.type == Discovered::Type::Unsupported ? d.reason : "";
        fail("can't get public key for " + issuer_ + (why.empty() ? "" : ": " + why),
             why.empty() ? "untrusted issuer" : why);
        return nullptr;
    }

    [[nodiscard]] bool isTrusted(const std::string& issuer) const {
        return std::find(request.trusted_issuers.begin(), request.trusted_issuers.end(), issuer) !=
               request.trusted_issuers.end();
    }

    /// Who may speak for the domain of the address; empty: nobody.
    std::string authority() {
        if (options.disable_primary_support) return options.hostname;
        const auto& d = *find(domain_);
        if (d.type == Discovered::Type::Primary) return d.authority;
        if (d.type == Discovered::Type::Disabled) return options.hostname;
        if (options.idp_last_seen) {
            const auto seen = options.idp_last_seen(domain_);
            if (seen && now - *seen < options.idp_offline_grace_period_ms) return "";
        }
        return options.hostname;
    }

    bool checkCertificate(const std::vector<PublicKey>& keys) {
        if (known_) {
            for (const auto& key : keys)
                if (key.canonical() == known_->issuer_key) return true;
            options.certificates->drop(cert_text_);
            known_ = nullptr;
            cert_ = Token::parse(cert_text_);
        }
        auto last = Token::Check::Bad;
        for (const auto& key : keys) {
            last = cert_->verify(key);
            if (last == Token::Check::Good) {
                signed_by_ = &key;
                return true;
            }
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

    /// Step 13; names the domain to discover unless the issuer may speak for anybody (14).
    bool checkPrincipal() {
        const auto& payload = certPayload();
        const auto* principal = payload.find("principal");
        const auto* sub = payload.find("sub");
        if (principal != nullptr && !principal->isObject())
            return fail("missing email", "principal is malformed");
        const auto* email = principal == nullptr ? nullptr : principal->find("email");
        const auto* unverified =
            principal == nullptr ? nullptr : principal->find("unverified-email");
        if (email != nullptr && sub != nullptr && !(*email == *sub))
            return fail("email and sub differ");
        const auto domainOf = [&](const Json& address) {
            return address.isString() ? emailDomain(address.text(), options.allow_ports)
                                      : std::nullopt;
        };
        std::optional<std::string> domain;
        if (!v2) {
            if (unverified != nullptr && !request.allow_unverified) return fail("unverified email");
            if (unverified != nullptr && email != nullptr)
                return fail("both email and unverified-email");
            const auto* chosen = unverified != nullptr ? unverified : email;
            if (chosen == nullptr) return fail("missing email");
            domain = domainOf(*chosen);
            if (!domain) return fail("invalid email");
            (unverified != nullptr ? result.unverified_email : result.email) = chosen->text();
            if (!request.force_issuer.empty() && issuer_ == request.force_issuer) return true;
        } else {
            const auto* chosen = email != nullptr ? email : sub;
            if (chosen != nullptr) domain = domainOf(*chosen);
            if (domain) result.email = chosen->text();
            if (isTrusted(issuer_)) return chosen == nullptr || domain || fail("invalid email");
            if (!domain)
                return fail(
                    "untrusted assertion, doesn't contain an email, and issuer is untrusted ");
        }
        domain_ = *domain;
        if (!options.disable_primary_support) domain_to_discover_ = domain_;
        return true;
    }

    /// Step 14.
    bool checkAuthority() {
        if (domain_.empty()) return true;
        const auto speaker = authority();
        return (!speaker.empty() && speaker == issuer_) ||
               fail("issuer '" + issuer_ + "' may not speak for emails from '" + domain_ + "'",
                    "untrusted issuer, expected '" + speaker + "', got '" + issuer_ + "'");
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

    bool malformedToken(std::size_t segments) {
        return segments == 3 ? fail("malformed signature")
                             : fail("malformed signature",
                                    "signed object must have three parts, this one has " +
                                        std::to_string(segments));
    }

    /// Steps 2 to 7: nothing but the text.
    bool parse() {
        std::vector<std::string_view> parts;
        parts.reserve(3);
        for (std::string_view rest = request.assertion;;) {
            const auto tilde = rest.find('~');
            parts.push_back(rest.substr(0, tilde));
            if (tilde == std::string_view::npos || parts.size() > 16) break;
            rest.remove_prefix(tilde + 1);
        }
        if (parts.size() < 2) return fail("no certificates provided");
        if (parts.size() == 2 && options.certificates)
            known_ = options.certificates->find(parts[0], now);
        for (std::size_t i = 0; i < parts.size(); ++i) {
            if (i == 0 && known_) continue;
            std::size_t segments = 0;
            auto t = Token::parse(parts[i], &segments);
            if (!t) return malformedToken(segments);
            if (i == 0)
                cert_ = std::move(t);
            else
                assertion_ = std::move(t);
        }
        if (parts.size() > 2) return fail("certificate chaining is not yet allowed");
        cert_text_ = parts[0];
        bool cert_valid = false, assertion_valid = false;
        keyMember(certPayload(), cert_valid);
        keyMember(assertion_->payload, assertion_valid);
        if (!cert_valid || !assertion_valid) return fail("unknown format version");
        const auto* iss = certPayload().findText("iss");
        if (iss == nullptr) return fail("missing issuer");
        issuer_ = *iss;
        if ((issuer_.empty() || issuer_ != options.hostname) &&
            (!isHostName(issuer_, options.allow_ports) || toLower(issuer_) != issuer_))
            return fail("invalid issuer");
        return chooseIssuer();
    }

    /// An ordinary certificate takes 0.5 to 2.8 KB. Claims of small values take many times their
    /// text's size in memory, so that longer ones could make the cache large.
    static constexpr std::size_t kLongestRemembered = 3'072;

    /// Step 10: the certified key, and the certificate is remembered.
    std::optional<PublicKey> userKey() {
        if (known_) return known_->user_key;
        bool valid = false;
        const auto* json = keyMember(cert_->payload, valid);
        if (json == nullptr) {
            fail("malformed signature", "no public key in the certificate");
            return std::nullopt;
        }
        auto key = PublicKey::parse(*json, options.keys, options.seen_keys.get());
        if (!key) {
            result.bad_key = true;
            fail("malformed signature", key.error());
            return std::nullopt;
        }
        if (options.certificates && signed_by_ != nullptr &&
            cert_text_.size() <= kLongestRemembered)
            options.certificates->put(cert_text_,
                                      {cert_->payload, *key, signed_by_->canonical(),
                                       *parseTime(*cert_->payload.find("exp"))},
                                      now);
        return std::move(*key);
    }

    /// Steps 8 to 13.
    bool checkTokens() {
        const auto* keys = issuerKeys();
        if (keys == nullptr || !checkCertificate(*keys)) return false;
        if (!checkTimes(certPayload(), options.max_cert_lifetime_ms)) return false;
        const auto user_key = userKey();
        if (!user_key) return false;
        switch (assertion_->verify(*user_key)) {
            case Token::Check::Good:
                break;
            case Token::Check::OtherAlgorithm:
                return fail("invalid signature", "algorithms do not match");
            case Token::Check::Malformed:
                return fail("malformed signature");
            case Token::Check::Bad:
                return fail("invalid signature");
        }
        if (!checkTimes(assertion_->payload, options.max_assertion_lifetime_ms)) return false;
        const auto* aud = assertion_->payload.findText("aud");
        const auto mismatch = aud == nullptr ? std::string("the assertion has none")
                                             : compareAudience(*aud, request.audience, v2);
        if (!mismatch.empty()) return fail("audience mismatch: " + mismatch);
        return checkPrincipal();
    }

    void succeed() {
        result.ok = true;
        result.issuer = issuer_;
        result.audience = request.audience;
        result.expires = *parseTime(*assertion_->payload.find("exp"));
        if (v2) collectClaims(certPayload(), assertion_->payload);
    }

    const PublicKey* signed_by_ = nullptr;
};

Verification::Verification(VerifyRequest request, Api api, const VerifyOptions& options,
                           std::int64_t now_ms)
    : steps_(std::make_unique<Steps>(std::move(request), api, options, now_ms)) {}
Verification::~Verification() = default;
Verification::Verification(Verification&&) noexcept = default;

std::optional<std::string> Verification::advance() {
    return steps_->advance();
}

void Verification::provide(DiscoveredPtr found) {
    steps_->provide(std::move(found));
}

VerifyResult Verification::result() {
    return steps_->take();
}

VerifyResult verify(const VerifyRequest& request, Api api, const VerifyOptions& options,
                    std::int64_t now_ms, const DiscoverFn& find) {
    Verification v(request, api, options, now_ms);
    while (const auto domain = v.advance())
        v.provide(std::make_shared<const Discovered>(find(*domain)));
    return v.result();
}

}  // namespace persona::protocol
