#include "libs/protocol/token.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "libs/protocol/base64url.h"

namespace persona::protocol {

std::optional<Token> Token::parse(std::string_view text, std::size_t* count) {
    const auto first = text.find('.');
    const auto second = first == std::string_view::npos ? first : text.find('.', first + 1);
    if (second == std::string_view::npos || text.find('.', second + 1) != std::string_view::npos) {
        if (count != nullptr)
            *count = 1 + static_cast<std::size_t>(std::count(text.begin(), text.end(), '.'));
        return std::nullopt;
    }
    if (count != nullptr) *count = 3;
    const auto header = decodeBase64Url(text.substr(0, first));
    const auto payload = decodeBase64Url(text.substr(first + 1, second - first - 1));
    auto signature = decodeBase64Url(text.substr(second + 1));
    if (!header || !payload || !signature) return std::nullopt;
    auto header_json = Json::parse(*header), payload_json = Json::parse(*payload);
    if (!header_json || !payload_json || !header_json->isObject() || !payload_json->isObject())
        return std::nullopt;
    Token t;
    t.signed_text = text.substr(0, second);
    t.header = std::move(*header_json);
    t.payload = std::move(*payload_json);
    t.signature = std::move(*signature);
    t.segments = 3;
    return t;
}

Token::Check Token::verify(const PublicKey& key) const {
    const auto* alg = header.findText("alg");
    if (alg == nullptr || *alg != nameOf(key.algorithm()) || header.find("crit") != nullptr)
        return Check::OtherAlgorithm;
    switch (key.verify(signed_text, signature)) {
        case PublicKey::Verdict::Good:
            return Check::Good;
        case PublicKey::Verdict::Malformed:
            return Check::Malformed;
        case PublicKey::Verdict::Bad:
            break;
    }
    return Check::Bad;
}

Result<std::string> signToken(const Signer& key, std::string_view payload_json) {
    std::string text;
    text.reserve(32 + payload_json.size() * 4 / 3 + 344);  // an RSA-2048 signature is the longest
    appendBase64Url(text, "{\"alg\":\"" + std::string(nameOf(key.algorithm())) + "\"}");
    text += '.';
    appendBase64Url(text, payload_json);
    const auto signature = key.sign(text);
    if (!signature) return Error{signature.error()};
    text += '.';
    appendBase64Url(text, *signature);
    return text;
}

std::string certificatePayload(const CertificateRequest& r, const PublicKey& user_key) {
    std::string out;
    out.reserve(160 + user_key.canonical().size() + r.email.size() + r.issuer.size());
    out.append("{\"public-key\":").append(user_key.canonical()).append(",\"principal\":{");
    out += r.unverified ? "\"unverified-email\":" : "\"email\":";
    appendJsonString(out, r.email);
    out.append("},\"iat\":").append(std::to_string(r.issued_at_ms));
    out.append(",\"exp\":").append(std::to_string(r.expires_at_ms)).append(",\"iss\":");
    appendJsonString(out, r.issuer);
    out += '}';
    return out;
}

std::optional<std::int64_t> parseTime(const Json& v) {
    constexpr double kMax = 8640000000000000.0;
    if (v.isNumber()) {
        const double n = v.number();
        if (!(n >= 0 && n <= kMax) || n != std::floor(n)) return std::nullopt;
        return static_cast<std::int64_t>(n);
    }
    if (!v.isString()) return std::nullopt;
    const auto& t = v.text();
    if (t.empty() || t.size() > 16 || (t.size() > 1 && t.front() == '0')) return std::nullopt;
    std::int64_t n = 0;
    const auto r = std::from_chars(t.data(), t.data() + t.size(), n);
    if (r.ec != std::errc{} || r.ptr != t.data() + t.size() || n < 0 ||
        static_cast<double>(n) > kMax)
        return std::nullopt;
    return n;
}

}  // namespace persona::protocol
