#pragma once

#include <string>

#include "libs/protocol/token.h"
#include "libs/protocol/verify.h"

/// Keys, clock and options that the targets share. The keys are made at each start: no input can
/// depend on them but through the texts that a target signs.
namespace persona::fuzz {

inline constexpr std::int64_t kNow = 1'400'000'000'000;

inline const protocol::SecretKey& domainKey() {
    static const auto kKey = *protocol::SecretKey::generate(protocol::Algorithm::ES256);
    return kKey;
}
inline const protocol::SecretKey& userKey() {
    static const auto kKey = *protocol::SecretKey::generate(protocol::Algorithm::ES256);
    return kKey;
}
inline protocol::VerifyOptions options() {
    protocol::VerifyOptions o;
    o.hostname = "login.example";
    o.own_keys = {*domainKey().publicKey()};
    o.forcible_issuers = {"forced.example"};
    o.keys.allow_es256 = o.keys.allow_ed25519 = true;
    return o;
}
/// A world in which one domain is a primary with the domain's key, and one is disabled.
inline protocol::Discovered discover(const std::string& domain) {
    protocol::Discovered d;
    if (domain == "idp.example") {
        d.type = protocol::Discovered::Type::Primary;
        d.authority = domain;
        d.keys = {*domainKey().publicKey()};
    }
    if (domain == "disabled.example") d.type = protocol::Discovered::Type::Disabled;
    return d;
}
inline bool same(const protocol::VerifyResult& a, const protocol::VerifyResult& b) {
    return a.ok == b.ok && a.reason == b.reason && a.email == b.email && a.issuer == b.issuer &&
           a.unverified_email == b.unverified_email && a.expires == b.expires &&
           a.idp_claims == b.idp_claims && a.user_claims == b.user_claims;
}

}  // namespace persona::fuzz
