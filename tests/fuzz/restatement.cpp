#include "tests/fuzz/restatement.h"

#include <cmath>
#include <optional>
#include <regex>
#include <set>

namespace persona::fuzz {

using protocol::Api;
using protocol::Discovered;
using protocol::Json;
using protocol::PublicKey;

namespace {

bool matches(const std::string& text, const char* pattern) {
    return std::regex_match(text, std::regex(pattern));
}

std::string lower(std::string text) {
    for (auto& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

bool hostName(const std::string& name) {
    return name.size() <= 253 &&
           matches(lower(name), R"(([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+)"
                                R"((?!0x)(?![0-9]+$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)");
}

std::optional<std::string> addressDomain(const Json& address) {
    if (!address.isString()) return std::nullopt;
    const auto& t = address.text();
    if (t.size() < 3 || t.size() > 254 || t.find('\0') != std::string::npos) return std::nullopt;
    static const std::regex kForm(
        R"(([A-Za-z0-9_!#$%&'*+/=?^`{|}~-]+(\.[A-Za-z0-9_!#$%&'*+/=?^`{|}~-]+)*)@([^@]+))");
    std::smatch parts;
    if (!std::regex_match(t, parts, kForm) || parts[1].length() > 64) return std::nullopt;
    const auto domain = lower(parts[3]);
    return hostName(domain) ? std::optional(domain) : std::nullopt;
}

std::optional<std::string> base64(const std::string& text) {
    static const std::string kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    if (text.size() % 4 == 1) return std::nullopt;
    std::string bits, out;
    for (const char c : text) {
        const auto value = kAlphabet.find(c);
        if (value == std::string::npos) return std::nullopt;
        for (int b = 5; b >= 0; --b) bits += ((value >> b) & 1) != 0 ? '1' : '0';
    }
    while (bits.size() >= 8) {
        out += static_cast<char>(std::stoi(bits.substr(0, 8), nullptr, 2));
        bits.erase(0, 8);
    }
    return bits.find('1') == std::string::npos ? std::optional(out) : std::nullopt;
}

std::vector<std::string> split(const std::string& text, char at) {
    std::vector<std::string> out(1);
    for (const char c : text)
        if (c == at)
            out.emplace_back();
        else
            out.back() += c;
    return out;
}

std::optional<std::int64_t> time(const Json& v) {
    if (v.isString())
        return matches(v.text(), "0|[1-9][0-9]{0,15}") && std::stoll(v.text()) <= 8640000000000000
                   ? std::optional<std::int64_t>(std::stoll(v.text()))
                   : std::nullopt;
    if (!v.isNumber() || std::floor(v.number()) != v.number() || v.number() < 0 ||
        v.number() > 8640000000000000.0)
        return std::nullopt;
    return static_cast<std::int64_t>(v.number());
}

struct Refusal {
    std::string v1, v2;  ///< empty: any text
};
[[noreturn]] void refuse(std::string v1, std::string v2) {
    throw Refusal{std::move(v1), std::move(v2)};
}
[[noreturn]] void refuse(const std::string& both = "") {
    refuse(both, both);
}

struct Part {
    std::string signed_text, signature;
    Json header, payload;
};

Part parsePart(const std::string& text) {
    const auto segments = split(text, '.');
    if (segments.size() != 3)
        refuse("malformed signature", "signed object must have three parts, this one has " +
                                          std::to_string(segments.size()));
    Part p;
    p.signed_text = segments[0] + "." + segments[1];
    const auto header = base64(segments[0]), payload = base64(segments[1]),
               signature = base64(segments[2]);
    if (!header || !payload || !signature) refuse("malformed signature", "");
    const auto h = Json::parse(*header), b = Json::parse(*payload);
    if (!h || !b || !h->isObject() || !b->isObject()) refuse("malformed signature", "");
    p.header = *h;
    p.payload = *b;
    p.signature = *signature;
    return p;
}

void checkFormat(const Json& payload) {
    if (const auto* version = payload.find("version"))
        if (!version->isString() || version->text() != "2012.08.15") refuse();
    if (payload.find("public-key") != nullptr && payload.find("publicKey") != nullptr) refuse();
}

void checkTimes(const Json& payload, std::int64_t now) {
    std::optional<std::int64_t> iat, nbf, exp;
    for (const auto& [name, to] :
         {std::pair{"iat", &iat}, std::pair{"nbf", &nbf}, std::pair{"exp", &exp}})
        if (const auto* v = payload.find(name)) {
            *to = time(*v);
            // A claim that is no time may be found before or after one that is out of time.
            if (!*to && std::string(name) != "exp") refuse();
        }
    if ((iat && *iat > now) || (nbf && *nbf > now))
        refuse("assertion issued later than verification date",
               "issued later than verification date");
    if (!exp || *exp == 0) refuse();
    if (*exp < now) refuse("assertion has expired", "expired");
}

enum class Signature { Good, Bad, OtherAlgorithm, Malformed };
Signature checkSignature(const Part& p, const PublicKey& key) {
    const auto* alg = p.header.find("alg");
    if (alg == nullptr || !alg->isString() || alg->text() != nameOf(key.algorithm()) ||
        p.header.find("crit") != nullptr)
        return Signature::OtherAlgorithm;
    switch (key.verify(p.signed_text, p.signature)) {
        case PublicKey::Verdict::Good:
            return Signature::Good;
        case PublicKey::Verdict::Malformed:
            return Signature::Malformed;
        default:
            return Signature::Bad;
    }
}

/// Empty: it fits; "*": it does not, and any text will do.
std::string audience(const Json* claim, const std::string& got, bool v2) {
    static const char* kHost = R"((\[[0-9a-f:.]{2,}\]|[a-z0-9.-]+))";
    static const std::regex kWant("(https?|app)://" + std::string(kHost) + "(:([0-9]+))?");
    std::smatch want;
    if (claim == nullptr || !claim->isString() || !std::regex_match(claim->text(), want, kWant))
        return "*";
    for (const char c : got)
        if (c < 0x21 || c > 0x7e || c == '\\' || c == '@') return "*";
    const auto portOf = [](const std::string& scheme, const std::string& port) {
        return !port.empty() ? port : scheme == "https" ? std::string("443") : std::string("80");
    };
    const std::string want_port = portOf(want[1], want[4]);
    std::string text = lower(got);
    if (v2 && !matches(text, "(https?|app)://.*")) text = "http://" + text;
    static const std::regex kUrl("(https?|app)://([^/?#]*)(.*)");
    std::smatch url;
    if (std::regex_match(text, url, kUrl)) {
        static const std::regex kAuthority(std::string(kHost) + "(:([0-9]*))?");
        std::smatch host;
        const std::string authority = url[2];
        if (!std::regex_match(authority, host, kAuthority)) return v2 ? "*" : "domain missing";
        if (url[1] != want[1]) return "scheme mismatch";
        if (portOf(url[1], host[3]) != want_port) return "port mismatch";
        if (host[1] != want[2]) return "domain mismatch";
        if (v2 && !matches(url[3], "/?(#.*)?")) return "has non-empty path";
        return "";
    }
    const auto parts = split(text, ':');
    if (parts.size() > 2) return "malformed domain";
    if (parts.size() == 2 && !parts[1].empty() && parts[1] != want_port) return "port mismatch";
    if (parts[0].empty()) return "domain missing";
    return parts[0] == want[2] ? "" : "domain mismatch";
}

struct Restatement {
    const protocol::VerifyRequest& request;
    const bool v2;
    const protocol::VerifyOptions& options;
    const std::int64_t now;
    const std::function<Discovered(const std::string&)>& find;

    [[nodiscard]] bool trusted(const std::string& issuer) const {
        for (const auto& t : request.trusted_issuers)
            if (t == issuer) return true;
        return false;
    }
    [[nodiscard]] bool forcible(const std::string& issuer) const {
        for (const auto& f : options.forcible_issuers)
            if (f == issuer) return true;
        return false;
    }

    std::vector<PublicKey> issuerKeys(const std::string& issuer) {
        if (issuer == options.hostname) return options.own_keys;
        if (!v2 && !request.force_issuer.empty() && issuer == request.force_issuer) {
            if (!forcible(issuer)) refuse("this verifier won't force issuer for " + issuer);
            return options.own_keys;
        }
        if (v2 && trusted(issuer) && forcible(issuer)) return options.own_keys;
        const auto d = find(issuer);
        if (d.type != Discovered::Type::Primary || d.authority != issuer) refuse();
        return d.keys;
    }

    void certificateSignature(const Part& cert, const std::vector<PublicKey>& keys) {
        auto last = Signature::Bad;
        for (const auto& k : keys) {
            last = checkSignature(cert, k);
            if (last == Signature::Good) return;
        }
        if (last == Signature::Malformed) refuse("malformed signature");
        refuse("bad signature in chain",
               last == Signature::OtherAlgorithm ? "algorithms do not match" : "invalid signature");
    }

    void assertionSignature(const Part& assertion, const PublicKey& key) {
        switch (checkSignature(assertion, key)) {
            case Signature::Good:
                return;
            case Signature::Malformed:
                refuse("malformed signature");
            case Signature::OtherAlgorithm:
                refuse("invalid signature", "algorithms do not match");
            case Signature::Bad:
                refuse("invalid signature");
        }
    }

    std::string authority(const std::string& domain) {
        const auto d = find(domain);
        return d.type == Discovered::Type::Primary ? d.authority : options.hostname;
    }

    void principalV1(const Json& payload, const std::string& issuer, Said& said) {
        const auto* principal = payload.find("principal");
        if (principal == nullptr || !principal->isObject()) refuse("missing email", "");
        const auto *email = principal->find("email"),
                   *unverified = principal->find("unverified-email");
        const auto* sub = payload.find("sub");
        if (email != nullptr && sub != nullptr && !(*email == *sub)) refuse();
        if (unverified != nullptr && !request.allow_unverified) refuse("unverified email");
        if (unverified != nullptr && email != nullptr) refuse();
        const auto* address = unverified != nullptr ? unverified : email;
        if (address == nullptr) refuse("missing email");
        const auto domain = addressDomain(*address);
        if (!domain) refuse("invalid email");
        (unverified != nullptr ? said.unverified_email : said.email) = address->text();
        if (!request.force_issuer.empty() && issuer == request.force_issuer) return;
        if (authority(*domain) != issuer)
            refuse("issuer '" + issuer + "' may not speak for emails from '" + *domain + "'");
    }

    void principalV2(const Json& payload, const std::string& issuer, Said& said) {
        const auto* principal = payload.find("principal");
        if (principal != nullptr && !principal->isObject()) refuse();
        const auto* email = principal != nullptr ? principal->find("email") : nullptr;
        const auto* sub = payload.find("sub");
        if (email != nullptr && sub != nullptr && !(*email == *sub)) refuse();
        const auto* address = email != nullptr ? email : sub;
        const auto domain = address != nullptr ? addressDomain(*address) : std::nullopt;
        if (trusted(issuer)) {
            if (address != nullptr && !domain) refuse();
            if (domain) said.email = address->text();
            return;
        }
        if (!domain)
            refuse("untrusted assertion, doesn't contain an email, and issuer is untrusted ");
        said.email = address->text();
        const auto speaker = authority(*domain);
        if (speaker != issuer)
            refuse("untrusted issuer, expected '" + speaker + "', got '" + issuer + "'");
    }

    void claims(const Json& cert, const Json& assertion, Said& said) {
        static const std::set<std::string> kReserved{"iss",    "sub",       "aud",     "exp",
                                                     "nbf",    "iat",       "jti",     "public-key",
                                                     "pubkey", "principal", "version", "publicKey"};
        for (const auto& [n, v] : cert.members())
            if (kReserved.count(n) == 0) said.idp_claims.add(n, v);
        if (const auto* principal = cert.find("principal"))
            for (const auto& [n, v] : principal->members())
                if (n != "email" && kReserved.count(n) == 0 && cert.find(n) == nullptr)
                    said.idp_claims.add(n, v);
        for (const auto& [n, v] : assertion.members())
            if (kReserved.count(n) == 0) said.user_claims.add(n, v);
    }

    Said run() {
        Said said;
        const auto parts = split(request.assertion, '~');
        if (parts.size() < 2) refuse("no certificates provided");
        std::vector<Part> parsed;
        for (const auto& p : parts) parsed.push_back(parsePart(p));
        if (parsed.size() > 2) refuse("certificate chaining is not yet allowed");
        const auto &cert = parsed[0], &assertion = parsed[1];
        checkFormat(cert.payload);
        checkFormat(assertion.payload);
        const auto* iss = cert.payload.find("iss");
        if (iss == nullptr || !iss->isString()) refuse();
        if (iss->text() != options.hostname &&
            (lower(iss->text()) != iss->text() || !hostName(iss->text())))
            refuse();
        certificateSignature(cert, issuerKeys(iss->text()));
        checkTimes(cert.payload, now);
        const bool modern = cert.payload.find("version") != nullptr;
        const auto* key = cert.payload.find("public-key");
        if (modern && cert.payload.find("publicKey") != nullptr)
            key = cert.payload.find("publicKey");
        if (key == nullptr) refuse();
        const auto user = PublicKey::parse(*key, options.keys);
        if (!user) refuse();
        assertionSignature(assertion, *user);
        checkTimes(assertion.payload, now);
        const auto mismatch = audience(assertion.payload.find("aud"), request.audience, v2);
        if (mismatch == "*") refuse();
        if (!mismatch.empty()) refuse("audience mismatch: " + mismatch);
        if (v2)
            principalV2(cert.payload, iss->text(), said);
        else
            principalV1(cert.payload, iss->text(), said);
        said.ok = true;
        said.issuer = iss->text();
        said.expires = *time(*assertion.payload.find("exp"));
        if (v2) claims(cert.payload, assertion.payload, said);
        return said;
    }
};

}  // namespace

Said restate(const protocol::VerifyRequest& request, Api api,
             const protocol::VerifyOptions& options, std::int64_t now,
             const std::function<Discovered(const std::string&)>& find) {
    Restatement r{request, api == Api::V2, options, now, find};
    try {
        return r.run();
    } catch (const Refusal& refusal) {
        Said said;
        said.reason = api == Api::V2 ? refusal.v2 : refusal.v1;
        return said;
    }
}

}  // namespace persona::fuzz
