#include "tests/fuzz/keys.h"
#include "tests/fuzz/require.h"

/// A bundle as it arrives, octets as they are. Nobody signed it with our keys, so none is good; and
/// what is remembered changes no verdict.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using persona::protocol::Api;
    static const auto kOptions = persona::fuzz::options();
    static const auto kRemembering = [] {
        auto o = persona::fuzz::options();
        o.seen_keys = std::make_shared<persona::protocol::KeyCache>(64);
        o.certificates = std::make_shared<persona::protocol::CertificateCache>(64);
        return o;
    }();
    if (size > 10'240) return 0;
    persona::protocol::VerifyRequest request;
    request.assertion = textOf(data, size);
    request.audience = "https://site.example";
    request.force_issuer = "forced.example";
    request.trusted_issuers = {"forced.example", "idp.example"};
    for (const auto api : {Api::V1, Api::V2}) {
        const auto plain =
            verify(request, api, kOptions, persona::fuzz::kNow, persona::fuzz::discover);
        PERSONA_REQUIRE(!plain.ok && !plain.reason.empty());
        PERSONA_REQUIRE(plain.email.empty() && plain.issuer.empty());
        const auto again =
            verify(request, api, kRemembering, persona::fuzz::kNow, persona::fuzz::discover);
        PERSONA_REQUIRE(persona::fuzz::same(plain, again));
    }
    return 0;
}
