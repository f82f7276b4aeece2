#include "libs/protocol/names.h"
#include "plugins/keysigner/certify.h"
#include "tests/fuzz/keys.h"
#include "tests/fuzz/require.h"

/// The body of POST /wsapi/cert_key; the first octet chooses the content type. A certificate that
/// comes out is one that a verifier would read as what was asked.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using persona::fuzz::domainKey;
    using persona::fuzz::kNow;
    static const persona::domainkey::DomainKey kKey{
        std::make_shared<const persona::protocol::SecretKey>(domainKey()), *domainKey().publicKey(),
        0};
    static const auto kOptions = [] {
        persona::keysigner::CertifyOptions o;
        o.issuer = "login.example";
        o.forcible_issuers = {"forced.example"};
        o.keys.allow_es256 = o.keys.allow_ed25519 = true;
        return o;
    }();
    if (size == 0 || size > 32 * 1024) return 0;
    static constexpr const char* kTypes[] = {"application/json",
                                             "application/x-www-form-urlencoded", "text/plain"};
    const auto answer = persona::keysigner::certify(kTypes[data[0] % 3], textOf(data + 1, size - 1),
                                                    kKey, kOptions, kNow);
    PERSONA_REQUIRE(answer.status == 200 || answer.status == 400);
    if (answer.json) PERSONA_REQUIRE(persona::protocol::Json::parse(answer.body).has_value());
    if (answer.status != 200) return 0;
    const auto token = persona::protocol::Token::parse(answer.body);
    PERSONA_REQUIRE(token.has_value());
    PERSONA_REQUIRE(token->verify(kKey.public_key) == persona::protocol::Token::Check::Good);
    const auto& p = token->payload;
    PERSONA_REQUIRE(p.members().size() == 5);
    PERSONA_REQUIRE(*p.findText("iss") == "login.example" ||
                    *p.findText("iss") == "forced.example");
    PERSONA_REQUIRE(p.find("exp")->number() <= static_cast<double>(kNow + 86'400'000));
    const auto& principal = *p.find("principal");
    const auto* email = principal.findText("email");
    if (email == nullptr) email = principal.findText("unverified-email");
    PERSONA_REQUIRE(email != nullptr && persona::protocol::emailDomain(*email).has_value());
    const auto user = persona::protocol::PublicKey::parse(*p.find("public-key"), kOptions.keys);
    PERSONA_REQUIRE(user.ok());
    PERSONA_REQUIRE(user->canonical() == p.find("public-key")->dump());
    PERSONA_REQUIRE(user->canonical() != kKey.public_key.canonical());
    return 0;
}
