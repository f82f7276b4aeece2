#include "libs/wsapi/credentials.h"

#include <charconv>
#include <cmath>

#include "libs/protocol/base64url.h"
#include "libs/wsapi/seal.h"

namespace persona::wsapi {

namespace {

constexpr std::string_view kPurpose = "persona calls between roles 1";

std::string signedText(std::string_view from, std::string_view to, const RoleCall& call,
                       std::string_view time, std::string_view nonce) {
    std::string out("persona-role-1");
    for (const auto part : {from, to, call.method, call.target}) out.append("\n").append(part);
    out.append("\n").append(sha256(call.body));
    for (const auto part : {time, nonce}) out.append("\n").append(part);
    return out;
}

}  // namespace

CredentialSigner::CredentialSigner(const KeyRing& roles_secret, std::string own_role)
    : keys_(deriveKeys(roles_secret, kPurpose)), role_(std::move(own_role)) {}

CredentialFields CredentialSigner::sign(const RoleCall& call, std::int64_t now_ms) const {
    const auto time = std::to_string(now_ms);
    const auto nonce = protocol::encodeBase64Url(randomOctets(16));
    const auto mac = hmacSha256(keys_.front(), signedText(role_, call.to, call, time, nonce));
    return {{{"X-Persona-Role", role_},
             {"X-Persona-Time", time},
             {"X-Persona-Nonce", nonce},
             {"X-Persona-Signature", protocol::encodeBase64Url(mac)}}};
}

CredentialChecker::CredentialChecker(const KeyRing& roles_secret, std::string own_role,
                                     std::size_t max_nonces)
    : keys_(deriveKeys(roles_secret, kPurpose)),
      role_(std::move(own_role)),
      max_nonces_(max_nonces) {}

std::string CredentialChecker::check(const Credential& c, const RoleCall& call,
                                     std::int64_t now_ms) {
    if (c.role.empty() || c.signature.empty()) return "no credentials";
    std::int64_t time = 0;
    const auto [end, error] = std::from_chars(c.time.data(), c.time.data() + c.time.size(), time);
    const auto given = protocol::decodeBase64Url(c.signature);
    if (error != std::errc{} || end != c.time.data() + c.time.size() || !given ||
        c.nonce.size() != 22 || c.role.size() > 64)
        return "wrong signature";
    // The time is looked at first, since that is cheaper, but only who knows the secret is told.
    bool right = false;
    const auto text = signedText(c.role, role_, call, c.time, c.nonce);
    for (const auto& key : keys_) right = equalSecrets(hmacSha256(key, text), *given) || right;
    if (!right) return "wrong signature";
    if (time < now_ms - kWindowMs || time > now_ms + kWindowMs) return "late";
    bool full = false;
    if (isFirstUse(c.nonce, now_ms, full)) return {};
    return full ? "too many calls" : "replayed";
}

bool CredentialChecker::isFirstUse(std::string_view nonce, std::int64_t now_ms, bool& full) {
    const std::lock_guard lock(mutex_);
    if (now_ms - rotated_ms_ > 2 * kWindowMs) {
        // A nonce lives at least one generation whole, which is longer than its time is taken for.
        previous_ = now_ms - rotated_ms_ > 4 * kWindowMs ? std::unordered_set<std::string>{}
                                                         : std::move(current_);
        current_.clear();
        rotated_ms_ = now_ms;
    }
    const std::string key(nonce);
    if (previous_.contains(key)) return false;
    if (current_.size() >= max_nonces_) {
        full = true;
        return false;
    }
    return current_.insert(key).second;
}

}  // namespace persona::wsapi
