#include "libs/protocol/names.h"
#include "tests/fuzz/keys.h"
#include "tests/fuzz/require.h"

/// Behind the signatures: two payloads, a line each, which the target signs itself with keys that
/// the verifier believes. "@USER@" stands for the user's public key. Whatever is accepted must obey
/// the rules, which are asked here once more, from the payload.
namespace {

using persona::protocol::Api;
using persona::protocol::Json;

std::string withUserKey(std::string text) {
    const std::string name = "\"@USER@\"";
    if (const auto at = text.find(name); at != std::string::npos)
        text.replace(at, name.size(), persona::fuzz::userKey().publicKey()->canonical());
    return text;
}

void mustObey(const persona::protocol::VerifyResult& r, const Json& cert, const Json& assertion) {
    const auto time = [](const Json& o, const char* name) {
        const auto* v = o.find(name);
        return v == nullptr ? std::optional<std::int64_t>() : persona::protocol::parseTime(*v);
    };
    for (const auto* o : {&cert, &assertion}) {
        PERSONA_REQUIRE(time(*o, "exp") && *time(*o, "exp") >= persona::fuzz::kNow);
        for (const char* name : {"iat", "nbf"})
            if (o->find(name) != nullptr)
                PERSONA_REQUIRE(time(*o, name) && *time(*o, name) <= persona::fuzz::kNow);
    }
    PERSONA_REQUIRE(r.issuer == *cert.findText("iss"));
    PERSONA_REQUIRE(r.issuer == "login.example" || r.issuer == "idp.example" ||
                    r.issuer == "forced.example");
    PERSONA_REQUIRE(*assertion.findText("aud") == "https://site.example" ||
                    *assertion.findText("aud") == "https://site.example:443");
    const auto& address = r.email.empty() ? r.unverified_email : r.email;
    if (r.issuer == "forced.example" && address.empty()) return;
    const auto domain = persona::protocol::emailDomain(address);
    PERSONA_REQUIRE(domain.has_value());
    if (r.issuer == "idp.example") PERSONA_REQUIRE(*domain == "idp.example");
    if (r.issuer == "login.example") PERSONA_REQUIRE(*domain != "idp.example");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto kOptions = persona::fuzz::options();
    const auto text = textOf(data, size);
    const auto line = text.find('\n');
    if (size > 5'000 || line == std::string_view::npos) return 0;
    const auto cert = withUserKey(std::string(text.substr(0, line)));
    const std::string assertion(text.substr(line + 1));
    persona::protocol::VerifyRequest request;
    request.assertion = *signToken(persona::fuzz::domainKey(), cert) + "~" +
                        *signToken(persona::fuzz::userKey(), assertion);
    request.audience = "https://site.example";
    request.force_issuer = "forced.example";
    request.allow_unverified = size % 2 == 0;
    request.trusted_issuers = {"forced.example"};
    for (const auto api : {Api::V1, Api::V2}) {
        const auto r = verify(request, api, kOptions, persona::fuzz::kNow, persona::fuzz::discover);
        if (r.ok)
            mustObey(r, *Json::parse(cert), *Json::parse(assertion));
        else
            PERSONA_REQUIRE(!r.reason.empty());
    }
    return 0;
}
