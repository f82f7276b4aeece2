#include "libs/protocol/key.h"

#include <algorithm>
#include <array>
#include <bit>
#include <initializer_list>
#include <variant>

#include "libs/protocol/base64url.h"
#include "libs/protocol/evp.h"
#include "libs/protocol/key_cache.h"

/// Public keys: syntax first, then sizes and groups, then what must be computed (KEY-1 to KEY-7).
namespace persona::protocol {

using detail::Bn;

namespace {

bool isDigits(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// A decimal number as it must be written; its text is then canonical as it stands.
bool isDecimal(const std::string* text, std::size_t max) {
    return text != nullptr && !text->empty() && text->size() <= max && isDigits(*text) &&
           (text->front() != '0' || text->size() == 1);
}

/// Octets of a number, the least first, none at the end that are zero; empty for 0.
using Octets = std::vector<unsigned char>;
__extension__ using Wide = unsigned __int128;  // -Wpedantic knows no other way to name it

/// A checked decimal of at most 620 digits. BN_dec2bn takes four times as long, which would be a
/// tenth of an RSA verification.
Octets octetsOfDecimal(std::string_view text) {
    constexpr std::size_t kDigits = 19;  // as many as always fit in 64 bits
    std::array<std::uint64_t, 33> limbs{};
    std::size_t used = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t n =
            (text.size() - at) % kDigits == 0 ? kDigits : (text.size() - at) % kDigits;
        std::uint64_t carry = 0, factor = 1;
        for (std::size_t i = 0; i < n; ++i, factor *= 10)
            carry = carry * 10 + static_cast<std::uint64_t>(text[at + i] - '0');
        for (std::size_t i = 0; i < used; ++i) {
            const auto product = static_cast<Wide>(limbs[i]) * factor + carry;
            limbs[i] = static_cast<std::uint64_t>(product);
            carry = static_cast<std::uint64_t>(product >> 64);
        }
        if (carry != 0) limbs[used++] = carry;
        at += n;
    }
    Octets out;
    out.reserve(used * 8);
    for (std::size_t i = 0; i < used; ++i)
        for (unsigned shift = 0; shift < 64; shift += 8)
            out.push_back(static_cast<unsigned char>(limbs[i] >> shift));
    while (!out.empty() && out.back() == 0) out.pop_back();
    return out;
}

Octets reversed(std::string_view octets) {
    Octets out(octets.rbegin(), octets.rend());
    while (!out.empty() && out.back() == 0) out.pop_back();
    return out;
}

std::size_t bitsOf(const Octets& n) {
    return n.empty() ? 0 : (n.size() - 1) * 8 + static_cast<std::size_t>(std::bit_width(n.back()));
}

/// Lower case without leading zeros; empty: not a number in hex.
std::string canonicalHex(const std::string* text) {
    if (text == nullptr || text->empty() || text->size() > 640) return "";
    std::string out;
    out.reserve(text->size());
    for (const char c : *text) {
        const bool upper = c >= 'A' && c <= 'F';
        if (!upper && (c < '0' || c > '9') && (c < 'a' || c > 'f')) return "";
        if (!out.empty() || c != '0') out.push_back(upper ? static_cast<char>(c + 32) : c);
    }
    return out.empty() ? "0" : out;
}

std::string hexOfOctets(std::string_view octets) {
    static constexpr char kHex[] = "0123456789abcdef";
    std::string out;
    for (const char c : octets) {
        const auto u = static_cast<unsigned char>(c);
        out.append({kHex[u >> 4], kHex[u & 15]});
    }
    out.erase(0, std::min(out.find_first_not_of('0'), out.size() - 1));
    return out;
}

std::optional<std::string> base64Octets(const std::string* text, bool strict) {
    if (text == nullptr || text->empty() || text->size() > 480) return std::nullopt;
    auto octets = strict ? decodeBase64Url(*text) : decodeBase64Lenient(*text);
    if (!octets || octets->empty()) return std::nullopt;
    return octets;
}

bool hasAny(const Json& object, std::initializer_list<std::string_view> names) {
    return std::any_of(names.begin(), names.end(),
                       [&](auto n) { return object.find(n) != nullptr; });
}

/// A y below the prime, so that a key has one spelling, which is not of a point of small order. The
/// sign bit is ignored.
bool isEd25519Key(const detail::Point& octets) {
    using Y = std::array<std::uint8_t, 32>;
    // 0 and 1 (orders 4 and 1), and the two of order 8; p - 1 (order 2) is met below.
    static constexpr std::array<Y, 4> kSmall{
        Y{}, Y{1}, Y{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
                     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
                     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
        Y{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
          0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
          0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a}};
    Y y{};
    std::copy_n(octets.begin(), y.size(), y.begin());
    y[31] &= 0x7f;
    const bool high = y[31] == 0x7f && y[0] >= 0xec &&
                      std::all_of(y.begin() + 1, y.end() - 1, [](auto o) { return o == 0xff; });
    return !high && std::find(kSmall.begin(), kSmall.end(), y) == kSmall.end();
}

/// A key whose syntax and sizes are good. What costs arithmetic is done by `finish`.
struct Candidate {
    Algorithm algorithm{};
    std::string canonical;
    detail::VerifyKey::Numbers numbers;
};

Result<Candidate> rsa(Octets n, const Octets& e, std::string n_text, std::string e_text,
                      const KeyOptions& options) {
    Candidate out;
    switch (bitsOf(n)) {
        case 2048:
        case 2047:
            out.algorithm = Algorithm::RS256;
            break;
        case 1024:
        case 1023:
            out.algorithm = Algorithm::RS128;
            break;
        case 512:
        case 511:
            if (!options.allow_rs64) return Error{"RSA key of 512 bits"};
            out.algorithm = Algorithm::RS64;
            break;
        default:
            return Error{"RSA modulus of an unsupported size"};
    }
    const auto odd = [](const Octets& number) { return !number.empty() && number[0] % 2 == 1; };
    if (!odd(n) || !odd(e) || e.size() > 4 || (e.size() == 1 && e[0] == 1))
        return Error{"RSA modulus or exponent out of range"};
    if (n_text.empty()) n_text = detail::toDecimal(detail::bnFromLittle(n).get());
    if (e_text.empty()) e_text = detail::toDecimal(detail::bnFromLittle(e).get());
    out.canonical = R"({"algorithm":"RS","n":")" + n_text + R"(","e":")" + e_text + "\"}";
    detail::RsaNumbers numbers{std::move(n), {}};
    std::copy(e.begin(), e.end(), numbers.exponent.begin());
    out.numbers = std::move(numbers);
    return out;
}

Result<Candidate> rsaFromDecimal(const Json& o, const KeyOptions& options) {
    const auto *n = o.findText("n"), *e = o.findText("e");
    if (!isDecimal(n, 620) || !isDecimal(e, 10))
        return Error{"an RSA key needs n and e in their encoding"};
    return rsa(octetsOfDecimal(*n), octetsOfDecimal(*e), *n, *e, options);
}

Result<Candidate> rsaFromBase64(const Json& o, const char* n_name, const char* e_name, bool strict,
                                const KeyOptions& options) {
    const auto n = base64Octets(o.findText(n_name), strict),
               e = base64Octets(o.findText(e_name), strict);
    if (!n || !e) return Error{"an RSA key needs n and e in their encoding"};
    return rsa(reversed(*n), reversed(*e), "", "", options);
}

Result<Candidate> dsa(const Json& o, bool is2012) {
    const auto hex = [&](const char* name) {
        if (!is2012) return canonicalHex(o.findText(name));
        const auto octets = base64Octets(o.findText(name), false);
        return octets ? hexOfOctets(*octets) : std::string();
    };
    const std::string y = hex("y"), p = hex("p"), q = hex("q"), g = hex("g");
    if (y.empty() || p.empty() || q.empty() || g.empty())
        return Error{"a DSA key needs y, p, q and g in their encoding"};
    Candidate out;
    const auto is = [&](const detail::Group& group) {
        return group.p_hex == p && group.q_hex == q && group.g_hex == g;
    };
    if (is(detail::groupDs128()))
        out.algorithm = Algorithm::DS128;
    else if (is(detail::groupDs256()))
        out.algorithm = Algorithm::DS256;
    else
        return Error{"DSA group is not one of the published ones"};
    if (y.size() > p.size()) return Error{"DSA y out of range"};
    BIGNUM* number = nullptr;
    BN_hex2bn(&number, y.c_str());
    out.numbers = Bn(number);
    out.canonical = R"({"algorithm":"DS","y":")" + y + R"(","p":")" + p + R"(","q":")" + q +
                    R"(","g":")" + g + "\"}";
    return out;
}

/// 32 octets from their 43 characters.
bool readCoordinate(std::string_view text, detail::Point::iterator to) {
    std::array<char, 33> octets;  // decoding wants one more
    if (text.size() != 43 || !decodeBase64Url(text, octets)) return false;
    std::copy_n(octets.begin(), 32, to);
    return true;
}

// The canonical form of an ES256 key (KEY-7), around its coordinates.
constexpr std::string_view kEs256Head = R"({"algorithm":"ES","crv":"P-256","x":")";
constexpr std::string_view kEs256Middle = R"(","y":")";
constexpr std::string_view kEs256Tail = "\"}";
constexpr std::size_t kEs256Size =
    kEs256Head.size() + 43 + kEs256Middle.size() + 43 + kEs256Tail.size();

std::optional<Candidate> es256(std::string_view x, std::string_view y) {
    Candidate out;
    out.algorithm = Algorithm::ES256;
    auto& point = out.numbers.emplace<detail::Point>();
    point[0] = 0x04;
    if (!readCoordinate(x, point.begin() + 1) || !readCoordinate(y, point.begin() + 33))
        return std::nullopt;
    out.canonical.reserve(kEs256Size);
    out.canonical.append(kEs256Head).append(x).append(kEs256Middle).append(y).append(kEs256Tail);
    return out;
}

/// A key that is written in the canonical form already, as our own pages write it, read where it
/// stands. Empty: it is written otherwise, or no key.
std::optional<Candidate> canonicalEs256(std::string_view json) {
    if (json.size() != kEs256Size || !json.starts_with(kEs256Head) || !json.ends_with(kEs256Tail))
        return std::nullopt;
    json.remove_prefix(kEs256Head.size());
    if (json.substr(43, kEs256Middle.size()) != kEs256Middle) return std::nullopt;
    return es256(json.substr(0, 43), json.substr(43 + kEs256Middle.size(), 43));
}

Result<Candidate> extension(const Json& object, bool p256, const KeyOptions& options) {
    if (p256 ? !options.allow_es256 : !options.allow_ed25519)
        return Error{"this key family is not enabled here"};
    const auto *curve = object.findText("crv"), *x = object.findText("x");
    if (curve == nullptr || *curve != (p256 ? "P-256" : "Ed25519") || x == nullptr ||
        x->size() != 43)
        return Error{"curve or coordinate missing"};
    if (p256) {
        const auto* y = object.findText("y");
        auto key = y == nullptr ? std::nullopt : es256(*x, *y);
        if (!key) return Error{"coordinate is not 32 octets"};
        return std::move(*key);
    }
    Candidate out;
    auto& octets = out.numbers.emplace<detail::Point>();
    if (!readCoordinate(*x, octets.begin())) return Error{"coordinate is not 32 octets"};
    if (object.find("y") != nullptr || !isEd25519Key(octets)) return Error{"Ed25519 key refused"};
    out.algorithm = Algorithm::Ed25519;
    out.canonical = R"({"algorithm":"Ed","crv":"Ed25519","x":")" + *x + "\"}";
    return out;
}

Result<Candidate> fromJwk(const Json& o, const KeyOptions& options) {
    const auto* kty = o.findText("kty");
    if (const auto* use = o.find("use");
        use != nullptr && (!use->isString() || use->text() != "sig"))
        return Error{"the key is not for signatures"};
    if (kty == nullptr) return Error{"kty is not a text"};
    if (hasAny(o, {"d", "p", "q", "dp", "dq", "qi"}))
        return Error{"a public key must not have private members"};
    if (*kty == "RSA") return rsaFromBase64(o, "n", "e", true, options);
    if (*kty == "EC") return extension(o, true, options);
    if (*kty == "OKP") return extension(o, false, options);
    return Error{"unknown kty"};
}

Result<Candidate> candidateOf(const Json& o, const KeyOptions& options) {
    if (!o.isObject()) return Error{"a key is a JSON object"};
    const bool has_algorithm = o.find("algorithm") != nullptr, has_kty = o.find("kty") != nullptr;
    if (has_algorithm == has_kty) return Error{"a key has either algorithm or kty"};
    if (has_kty) return fromJwk(o, options);
    const auto* algorithm = o.findText("algorithm");
    if (algorithm == nullptr) return Error{"algorithm is not a text"};
    const auto* version = o.find("version");
    if (*algorithm == "ES" || *algorithm == "Ed") {
        if (version != nullptr || o.find("d") != nullptr)
            return Error{"unexpected member in the key"};
        return extension(o, *algorithm == "ES", options);
    }
    if (version != nullptr && (!version->isString() || version->text() != "2012.08.15"))
        return Error{"unknown key version"};
    const bool is2012 = version != nullptr;
    if (*algorithm == "RS" || *algorithm == "RSA") {
        if (hasAny(o, {"d", "p", "q", "dp", "dq", "qi", "secretExponent"}))
            return Error{"a public key must not have private members"};
        if (is2012) return rsaFromBase64(o, "modulus", "exponent", false, options);
        return rsaFromDecimal(o, options);
    }
    if (*algorithm == "DS" || *algorithm == "DSA") {
        if (o.find("x") != nullptr) return Error{"a public key must not have private members"};
        return dsa(o, is2012);
    }
    return Error{"unknown algorithm"};
}

/// The checks that compute; empty when they pass.
std::string finish(const Candidate& c) {
    switch (c.algorithm) {
        case Algorithm::DS128:
        case Algorithm::DS256: {
            const auto& group =
                c.algorithm == Algorithm::DS128 ? detail::groupDs128() : detail::groupDs256();
            return group.contains(std::get<Bn>(c.numbers).get()) ? "" : "DSA y is not in the group";
        }
        case Algorithm::ES256:
            return detail::isOnP256(std::get<detail::Point>(c.numbers))
                       ? ""
                       : "the point is not on P-256";
        default:
            return "";
    }
}

/// The key of a candidate that passes the checks which compute.
Result<std::shared_ptr<const detail::VerifyKey>> check(Candidate& c) {
    if (auto error = finish(c); !error.empty()) return Error{std::move(error)};
    return std::visit(
        [&](auto& numbers) {
            return std::make_shared<const detail::VerifyKey>(std::move(c.canonical),
                                                             std::move(numbers));
        },
        c.numbers);
}

}  // namespace

std::string_view nameOf(Algorithm a) {
    switch (a) {
        case Algorithm::RS64:
            return "RS64";
        case Algorithm::RS128:
            return "RS128";
        case Algorithm::RS256:
            return "RS256";
        case Algorithm::DS128:
            return "DS128";
        case Algorithm::DS256:
            return "DS256";
        case Algorithm::ES256:
            return "ES256";
        case Algorithm::Ed25519:
            return "Ed25519";
    }
    return "";
}

Result<PublicKey> PublicKey::parse(const Json& object, const KeyOptions& options, KeyCache* seen) {
    std::string text;
    if (seen != nullptr && object.find("crv") == nullptr) {
        // Certificates embed keys in their canonical form (KEY-7): known as it stands, such a key
        // need not even be read.
        text.reserve(1'024);
        object.dumpTo(text);
        if (auto known = seen->find(text)) return std::move(*known);
    }
    auto c = candidateOf(object, options);
    if (!c) return Error{c.error()};
    // An ES256 key is checked faster than it is looked up.
    if (c->algorithm == Algorithm::ES256) seen = nullptr;
    if (seen != nullptr && c->canonical != text)
        if (auto known = seen->find(c->canonical)) return std::move(*known);
    auto key = check(*c);
    if (!key) return Error{key.error()};
    PublicKey out(c->algorithm, std::move(*key));
    if (seen != nullptr) seen->insert(out);
    return out;
}

Result<PublicKey> PublicKey::parse(std::string_view json, const KeyOptions& options) {
    if (auto es = options.allow_es256 ? canonicalEs256(json) : std::nullopt) {
        auto key = check(*es);
        if (!key) return Error{key.error()};
        return PublicKey(es->algorithm, std::move(*key));
    }
    const auto object = Json::parse(json);
    if (!object) return Error{"a key is a JSON object"};
    return parse(*object, options);
}

const std::string& PublicKey::canonical() const {
    static const std::string kNone;
    return key_ ? key_->canonical : kNone;
}

PublicKey::Verdict PublicKey::verify(std::string_view message, std::string_view signature) const {
    return key_ ? key_->verify(algorithm_, message, signature) : Verdict::Bad;
}

std::string PublicKey::jwk() const {
    switch (algorithm_) {
        case Algorithm::RS64:
        case Algorithm::RS128:
        case Algorithm::RS256:
            return R"({"kty":"RSA","n":")" + encodeBase64Url(key_->rsaOctets().first) +
                   R"(","e":")" + encodeBase64Url(key_->rsaOctets().second) + "\"}";
        case Algorithm::ES256:
        case Algorithm::Ed25519: {
            // Differs from the canonical form in the first member alone.
            const auto& text = canonical();
            return std::string(R"({"kty":")") + (algorithm_ == Algorithm::ES256 ? "EC" : "OKP") +
                   text.substr(text.find("\",\"crv\""));
        }
        default:
            return canonical();
    }
}

}  // namespace persona::protocol
