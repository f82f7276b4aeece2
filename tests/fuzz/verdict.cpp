#include <cstdio>
#include <cstdlib>
#include <string>

#include "libs/protocol/base64url.h"
#include "libs/protocol/token.h"
#include "tests/fuzz/restatement.h"

/// The differential target: bundles made from the input, signed with real keys, put to the library
/// (twice: the second time it remembers) and to the restatement of the rules. They must agree.
namespace {

namespace protocol = persona::protocol;
using protocol::SecretKey;

constexpr std::int64_t kNow = 1'400'000'000'000;

/// Octets of the input as choices and as texts.
class Input {
  public:
    Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
    std::size_t below(std::size_t n) { return at_ < size_ ? data_[at_++] % n : 0; }
    bool often() { return below(8) != 1; }
    std::string raw() {
        std::string out;
        for (std::size_t n = below(48); n > 0 && at_ < size_; --n)
            out += static_cast<char>(data_[at_++]);
        return out;
    }
    template <std::size_t N>
    std::string pick(const char* const (&choices)[N]) {
        const auto i = below(N + 1);
        return i == N ? raw() : choices[i];
    }

  private:
    const std::uint8_t* data_;
    std::size_t size_, at_ = 0;
};

struct Keys {
    SecretKey idp = make(), own = make(), other = make(), user = make();
    static SecretKey make() { return *SecretKey::generate(protocol::Algorithm::ES256); }
};

std::string quoted(const std::string& text) {
    // Text that is no UTF-8 goes in as it is, and makes the JSON bad.
    std::string out;
    protocol::appendJsonString(out, text);
    return out;
}

std::string timeText(Input& in) {
    static constexpr const char* kTimes[] = {"1400000000000",
                                             "1399999999999",
                                             "1400000000001",
                                             "0",
                                             "\"1400000000000\"",
                                             "\"01400000000000\"",
                                             "1.4e12",
                                             "1400000000000.5",
                                             "8640000000000000",
                                             "8640000000000001",
                                             "1e300",
                                             "null",
                                             "true",
                                             "{}",
                                             "-1",
                                             "\"never\"",
                                             "1400000060000",
                                             "\"1400000060000\""};
    return in.pick(kTimes);
}

std::string times(Input& in) {
    std::string out;
    if (in.often()) out += ",\"exp\":" + (in.often() ? std::string("1400000060000") : timeText(in));
    if (in.below(3) == 1) out += ",\"iat\":" + timeText(in);
    if (in.below(8) == 1) out += ",\"nbf\":" + timeText(in);
    if (in.below(8) == 1) out += "," + in.raw();
    if (in.below(4) == 1) out += ",\"claim\":" + quoted(in.raw());
    return out;
}

std::string certificate(Input& in, const std::string& key) {
    static constexpr const char* kIssuers[] = {
        "idp.example",     "login.example.org",    "fxos.login.example.org",
        "del.example",     "disabled.example",     "nosupport.example",
        "IDP.example",     "idp.example.",         "127.0.0.1",
        "idp.example:443", "other.forced.example", "localhost"};
    static constexpr const char* kAddresses[] = {
        "a@idp.example",       "a@IDP.Example",   "a@del.example",  "a@nosupport.example",
        "a@disabled.example",  "a@b@idp.example", "a.@idp.example", "\"a\"@idp.example",
        "a@login.example.org", "a@idp",           "a@idp.example\n"};
    std::string out = "{\"iss\":" + quoted(in.often() ? kIssuers[in.below(6)] : in.pick(kIssuers));
    if (in.often())
        out += std::string(",\"") + (in.often() ? "public-key" : "publicKey") + "\":" + key;
    if (in.below(6) == 1)
        out += std::string(",\"version\":") + (in.below(3) == 1 ? "1" : "\"2012.08.15\"");
    const auto address = quoted(in.pick(kAddresses));
    switch (in.below(8)) {
        case 0:
        case 1:
        case 2:
            out += ",\"principal\":{\"email\":" + address + "}";
            break;
        case 3:
            out += ",\"principal\":{\"unverified-email\":" + address + ",\"x\":1}";
            break;
        case 4:
            out +=
                ",\"principal\":{\"email\":" + address + ",\"unverified-email\":" + address + "}";
            break;
        case 5:
            out += ",\"sub\":" + address;
            break;
        case 6:
            out +=
                ",\"principal\":{\"email\":" + address + "},\"sub\":" + quoted(in.pick(kAddresses));
            break;
        default:
            out += ",\"principal\":" + in.raw();
    }
    return out + times(in) + "}";
}

std::string audienceText(Input& in) {
    static constexpr const char* kAudiences[] = {"https://rp.example",
                                                 "http://rp.example",
                                                 "https://rp.example:443",
                                                 "https://RP.example/path",
                                                 "rp.example",
                                                 "rp.example:443",
                                                 "app://rp.example",
                                                 "http://[::1]:8080",
                                                 "https://rp.example:8443",
                                                 "https://rp.example/",
                                                 "https://rp.example?q",
                                                 "https://rp.example#f",
                                                 "rp.example:",
                                                 ":443",
                                                 "https://u@rp.example",
                                                 "https://",
                                                 "rp.example:1:2",
                                                 "https://rp.example:"};
    return in.often() ? kAudiences[in.below(3)] : in.pick(kAudiences);
}

std::string token(Input& in, const SecretKey& key, const std::string& payload) {
    static constexpr const char* kHeaders[] = {
        R"({"alg":"ES256"})",           R"({"alg":"RS256"})",           R"({"alg":["ES256"]})",
        R"({"alg":"ES256","crit":[]})", R"({"alg":"ES256","kid":"x"})", "{}"};
    const auto header = in.often() ? kHeaders[0] : in.pick(kHeaders);
    const auto text = protocol::encodeBase64Url(header) + "." + protocol::encodeBase64Url(payload);
    auto out = text + "." + protocol::encodeBase64Url(*key.sign(text));
    if (in.below(12) == 1) {
        const auto at = in.below(256) * 3 % out.size();
        out[at] = static_cast<char>(in.below(256));
    }
    return out;
}

[[noreturn]] void disagree(const char* what, const std::string& library,
                           const std::string& restated) {
    std::fprintf(stderr, "%s: the library says \"%s\", the restatement \"%s\"\n", what,
                 library.c_str(), restated.c_str());
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Keys keys;
    static const auto options = [] {
        protocol::VerifyOptions o;
        o.hostname = "login.example.org";
        o.keys.allow_es256 = true;
        o.own_keys = {*keys.own.publicKey()};
        o.forcible_issuers = {"fxos.login.example.org"};
        o.certificates = std::make_shared<protocol::CertificateCache>(64);
        o.seen_keys = std::make_shared<protocol::KeyCache>(64);
        return o;
    }();
    const auto find = [](const std::string& domain) {
        protocol::Discovered d;
        d.reason = "none";
        if (domain == "idp.example" || domain == "del.example") {
            d.type = protocol::Discovered::Type::Primary;
            d.authority = "idp.example";
            d.keys = {*keys.other.publicKey(), *keys.idp.publicKey()};
        }
        if (domain == "disabled.example") d.type = protocol::Discovered::Type::Disabled;
        return d;
    };
    Input in(data, size);
    const SecretKey* signers[] = {&keys.idp, &keys.own, &keys.user};
    const auto key = in.often() ? keys.user.publicKey()->canonical() : in.raw();
    protocol::VerifyRequest request;
    const auto cert_payload = certificate(in, key);
    request.assertion = token(in, *signers[in.below(3)], cert_payload);
    if (in.below(16) == 1) request.assertion += "~" + request.assertion;
    if (in.often())
        request.assertion +=
            "~" + token(in, in.often() ? keys.user : keys.idp,
                        "{\"aud\":" + (in.often() ? quoted(audienceText(in)) : in.raw()) +
                            times(in) + "}");
    request.audience = audienceText(in);
    static constexpr const char* kForced[] = {"fxos.login.example.org", "login.example.org",
                                              "other.forced.example", "idp.example"};
    if (in.below(3) == 1) request.force_issuer = in.pick(kForced);
    request.allow_unverified = in.below(2) == 1;
    for (auto n = in.below(3); n > 0; --n) request.trusted_issuers.push_back(in.pick(kForced));

    for (const auto api : {protocol::Api::V1, protocol::Api::V2}) {
        const auto said = persona::fuzz::restate(request, api, options, kNow, find);
        for (int round = 0; round < 2; ++round) {
            const auto got = protocol::verify(request, api, options, kNow, find);
            if (got.ok != said.ok)
                disagree("verdict", got.ok ? "okay" : got.reason, said.ok ? "okay" : said.reason);
            if (!got.ok && !said.reason.empty() && got.reason != said.reason)
                disagree("reason", got.reason, said.reason);
            if (!got.ok) continue;
            if (got.email != said.email) disagree("email", got.email, said.email);
            if (got.unverified_email != said.unverified_email)
                disagree("unverified-email", got.unverified_email, said.unverified_email);
            if (got.issuer != said.issuer) disagree("issuer", got.issuer, said.issuer);
            if (got.expires != said.expires)
                disagree("expires", std::to_string(got.expires), std::to_string(said.expires));
            if (api == protocol::Api::V2 &&
                !(got.idp_claims == said.idp_claims && got.user_claims == said.user_claims))
                disagree("claims", got.idp_claims.dump(), said.idp_claims.dump());
        }
    }
    return 0;
}
