#include <array>

#include "bench/abuse/src/scripts.h"
#include "libs/protocol/base64url.h"

namespace persona::abuse {

namespace {

using enum Route;

constexpr std::array kAgents{
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:115.0) Gecko/20100101 Firefox/115.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.1 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/17.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Android 13; Mobile; rv:120.0) Gecko/120.0 Firefox/120.0",
    "Mozilla/5.0 (Linux; Android 13; Pixel 7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.0.0 Mobile Safari/537.36"};
constexpr std::array kLanguages{"en-US,en;q=0.5", "de,en;q=0.7", "fr-FR,fr;q=0.8", "es,en;q=0.5",
                                "ja"};

std::string digits(std::uint64_t seed, std::size_t count, bool as_hex) {
    std::string out;
    while (out.size() < count) {
        seed = mix(seed);
        out += as_hex ? hex(seed) : std::to_string(seed);
    }
    out.resize(count);
    if (out.front() == '0') out.front() = '7';
    return out;
}

std::string part(const std::string& head, const std::string& payload,
                 const std::string& signature) {
    return protocol::encodeBase64Url(head) + "." + protocol::encodeBase64Url(payload) + "." +
           signature;
}

/// A key as it stands in a certificate: modulus in decimal, discrete-log numbers in hexadecimal.
std::string rsaKey(std::uint64_t seed, std::size_t decimal_digits, bool odd_exponent) {
    return R"({"algorithm":"RS","n":")" + digits(seed, decimal_digits, false) + R"(","e":")" +
           (odd_exponent ? digits(mix(seed), decimal_digits - 1, false) : "65537") + R"("})";
}

std::string dsaKey(std::uint64_t seed, std::size_t bits) {
    const auto n = bits / 4;
    return R"({"algorithm":"DS","p":")" + digits(seed, n, true) + R"(","q":")" +
           digits(seed + 1, 64, true) + R"(","g":")" + digits(seed + 2, n, true) + R"(","y":")" +
           digits(seed + 3, n, true) + R"("})";
}

std::string assertion(const Record& r, const Step& step) {
    // Kinds of abuse: 0 huge RSA exponent, 1 huge DSA, 2 long chain, 3 tildes, 4 foreign issuer, 5
    // garbage.
    const auto kind = step.variant == Variant::Good ? 6u : r.aux % 6;
    const auto key = kind == 0   ? rsaKey(r.seed, 925, true)
                     : kind == 1 ? dsaKey(r.seed, 6'000)
                                 : rsaKey(r.seed, 617, false);
    const auto issuer =
        kind == 4 ? "idp" + std::to_string(r.seed % 1'000) + ".test" : std::string("127.0.0.1");
    const auto certificate =
        part(R"({"alg":"RS256"})",
             R"({"iss":")" + issuer + R"(","iat":1400000000000,"exp":4000000000000,"public-key":)" +
                 key + R"(,"principal":{"email":")" + emailOf(r.account) + R"("}})",
             "sig" + digits(r.seed + 7, 342, true));
    const auto proof = part(
        R"({"alg":"RS256"})",
        R"({"exp":4000000000000,"aud":"https://site)" + std::to_string(r.aux) + R"(.example"})",
        kind == 6 ? "good" + digits(r.seed + 9, 338, true) : "bad" + digits(r.seed + 9, 339, true));
    std::string out;
    if (kind == 5) return digits(r.seed, 600, true);
    if (kind == 3) return certificate + std::string(400, '~') + proof;
    for (int i = kind == 2 ? 7 : 0; i >= 0; --i) out += certificate + "~";
    return out + proof;
}

std::string account(const Record& r, const Step& step) {
    const bool wrong = step.variant != Variant::Plain;
    if (!wrong) return passwordOf(r.account);
    // Spraying uses one password on everybody (aux); guessing and stuffing another each time.
    if (!isLegitimate(r) && r.aux != 0) return "Password" + std::to_string(r.aux);
    return isLegitimate(r) ? passwordOf(r.account) + "x" : "q" + hex(mix(r.seed)).substr(6);
}

std::string bodyOf(const Record& r, const Step& step, const Jar& jar) {
    const auto email = emailOf(r.account);
    const std::string site =
        R"(,"site":"https://site)" + std::to_string(r.aux % 2'000) + R"(.example")";
    const auto open = R"({"csrf":")" + jar.csrf + "\"";
    const auto with_email = open + R"(,"email":")" + email + "\"";
    switch (step.route) {
        case Authenticate:
            return with_email + R"(,"pass":")" + account(r, step) + R"(","ephemeral":false})";
        case CertKey:
            return with_email + R"(,"pubkey":"{\"algorithm\":\"RS\",\"n\":\")" +
                   digits(r.seed, 617, false) + R"(\",\"e\":\"65537\"}","ephemeral":false})";
        case StageUser:
            return with_email + R"(,"pass":")" + passwordOf(r.account) + "\"" + site + "}";
        case StageReset:
        case StageEmail:
            return with_email + site + "}";
        case StageUnblock:
            return with_email + "}";
        case CompleteUserCreation:
        case CompleteConfirmation:
        case CompleteUnblock:
            return open + R"(,"token":")" + tokenOf(email) + "\"}";
        case CompleteReset:
            return open + R"(,"token":")" + tokenOf(email) + R"(","pass":")" +
                   passwordOf(r.account) + "\"}";
        case UpdatePassword:
            return open + R"(,"oldpass":")" + passwordOf(r.account) + R"(","newpass":")" +
                   passwordOf(r.account) + "\"}";
        case InteractionData:
            return open + R"(,"data":[{"event_stream":[["screen.main",120]],"lang":"en"}]})";
        case Verify:
            return "assertion=" + assertion(r, step) + "&audience=https%3A%2F%2Fsite" +
                   std::to_string(r.aux) + ".example";
        default:
            return open + "}";
    }
}

std::string targetOf(const Record& r, const Step& step) {
    std::string path = info(step.route).path;
    if (step.variant == Variant::Bust)
        return path + "?r=" + hex(mix(r.seed)) + "&v=" + std::to_string(r.seed);
    if (step.variant == Variant::Discover) {
        static constexpr std::array kHosts{"10.0.0.5.test", "metadata.internal", "localhost.test",
                                           "slow1.test",    "slow2.test",        "127.0.0.1.test"};
        return path + "?email=x" + std::to_string(r.seed) + "%40h" +
               std::to_string(r.seed % 5'000) + "." + kHosts[r.aux % kHosts.size()];
    }
    switch (step.route) {
        case AddressInfo:
        case HaveEmail:
        case UserCreationStatus:
        case ResetStatus:
        case AdditionStatus: {
            auto email = emailOf(r.account);
            email.replace(email.find('@'), 1, "%40");
            return path + "?email=" + email;
        }
        case EmailForToken:
            return path + "?token=" + tokenOf(emailOf(r.seed));
        case Discovery:
            return path + "?domain=d" + std::to_string(r.seed % 400) + ".example";
        case UnknownCall:
        case UnknownPath:
            return path + hex(mix(r.seed)).substr(8);
        default:
            return path;
    }
}

/// Requests that are meant to hurt the reader of requests.
std::string bomb(const Record& r, const std::string& host) {
    const std::string get = "GET /wsapi/session_context HTTP/1.1\r\n" + host;
    const std::string post =
        "POST /wsapi/authenticate_user HTTP/1.1\r\n" + host + "Content-Type: application/json\r\n";
    std::string many;
    switch (r.aux % 8) {
        case 0:
            for (int i = 0; i < 300; ++i) many += "X-F" + std::to_string(i) + ": 1\r\n";
            return get + many + "\r\n";
        case 1:
            return get + "X-Long: " + std::string(60'000, 'a') + "\r\n\r\n";
        case 2:
            return "GET /" + std::string(20'000, 'u') + " HTTP/1.1\r\n" + host + "\r\n";
        case 3:
            return post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        case 4:
            return post + "Content-Length: 262144\r\n\r\n" + std::string(262'144, ' ');
        case 5:
            return post + "Content-Length: 10000\r\n\r\n" + std::string(10'000, '[');
        case 6:
            return post + "Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" +
                   std::string(20, '\x1f');
        default:
            for (int i = 0; i < 200; ++i)
                many += (i ? "; c" : "c") + std::to_string(i) + "=" + std::string(40, 'x');
            return get + "Cookie: " + many + "\r\n\r\n";
    }
}

}  // namespace

std::string requestOf(const Record& r, const Step& step, const Jar& jar, int port,
                      std::string_view work) {
    const auto host = "Host: 127.0.0.1:" + std::to_string(port) + "\r\n";
    if (step.variant == Variant::Bomb) return bomb(r, host);
    const auto& route = info(step.route);
    // A person's browser is the person's; a botnet has one for all.
    const auto shape = isLegitimate(r) ? mix(r.actor) : mix(r.group + 17);
    std::string out = (route.post ? "POST " : "GET ") + targetOf(r, step) + " HTTP/1.1\r\n" + host;
    if (step.route == Verify) {
        out += "Accept: */*\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    } else {
        out.append("User-Agent: ").append(kAgents[shape % kAgents.size()]);
        out.append("\r\nAccept: */*\r\nAccept-Language: ")
            .append(kLanguages[(shape >> 16) % kLanguages.size()]);
        out.append("\r\n").append(jar.field());
        if (route.post) out += "Content-Type: application/json\r\n";
    }
    // Whoever works outside a browser takes the puzzle that suits processors best.
    if (!isLegitimate(r) && r.tier >= 2) out += "BID-Work-Alg: s256\r\n";
    if (!work.empty()) out.append("BID-Work: ").append(work).append("\r\n");
    if (!route.post) return out + "\r\n";
    const auto body = bodyOf(r, step, jar);
    return out + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace persona::abuse
