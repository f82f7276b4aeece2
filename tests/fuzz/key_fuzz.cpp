#include "libs/protocol/key.h"
#include "libs/protocol/key_cache.h"
#include "tests/fuzz/require.h"

/// A key object in any encoding. What is a key has one canonical form, is found again through it
/// and through its JWK, and no signature of noise is good.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using persona::protocol::Json;
    using persona::protocol::PublicKey;
    persona::protocol::KeyOptions all;
    all.allow_rs64 = all.allow_es256 = all.allow_ed25519 = true;
    static persona::protocol::KeyCache seen(64);
    const auto text = textOf(data, size);
    const auto object = Json::parse(text);
    if (!object) return 0;
    const auto key = PublicKey::parse(*object, all);
    const auto remembered = PublicKey::parse(*object, all, &seen);
    PERSONA_REQUIRE(key.ok() == remembered.ok());
    if (!key) {
        PERSONA_REQUIRE(!key.error().empty());
        return 0;
    }
    PERSONA_REQUIRE(remembered->canonical() == key->canonical());
    for (const auto& form : {key->canonical(), key->jwk()}) {
        const auto again = PublicKey::parse(std::string_view(form), all);
        PERSONA_REQUIRE(again.ok());
        PERSONA_REQUIRE(again->canonical() == key->canonical());
        PERSONA_REQUIRE(again->algorithm() == key->algorithm());
    }
    PERSONA_REQUIRE(Json::parse(key->canonical())->dump() == key->canonical());
    for (const std::size_t length : {1U, 40U, 64U, 128U, 256U, 257U}) {
        std::string signature(length, '\x5a');
        signature.replace(0, std::min(length, size), text.substr(0, std::min(length, size)));
        PERSONA_REQUIRE(key->verify("message", signature) != PublicKey::Verdict::Good);
    }
    return 0;
}
