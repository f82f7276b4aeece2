#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "libs/wsapi/secret_file.h"

namespace persona::wsapi {

/// The fields by which a role shows that it is one (wsapi.md, "Between roles", W28).
struct Credential {
    std::string_view role, time, nonce, signature;
};
using CredentialFields = std::array<std::pair<std::string, std::string>, 4>;

/// What is signed: HMAC-SHA-256 over both roles' names, method, target, digest of the body, time
/// and nonce. Binding the receiver keeps a call from being replayed to another role.
struct RoleCall {
    std::string_view to;              ///< receiver, such as "keysigner"
    std::string_view method, target;  ///< path with query, as sent
    std::string_view body;
};

/// Makes credentials. Const after construction; [any] thread.
class CredentialSigner {
  public:
    CredentialSigner(const KeyRing& roles_secret, std::string own_role);
    /// X-Persona-Role, -Time, -Nonce and -Signature, to be sent with the call.
    [[nodiscard]] CredentialFields sign(const RoleCall& call, std::int64_t now_ms) const;

  private:
    KeyRing keys_;
    std::string role_;
};

/// Checks credentials, each of which counts once. [any] thread; takes a lock for the nonce alone,
/// and only after the signature was found right.
class CredentialChecker {
  public:
    /// Calls are taken within `kWindowMs` of their time either way.
    static constexpr std::int64_t kWindowMs = 30'000;
    CredentialChecker(const KeyRing& roles_secret, std::string own_role,
                      std::size_t max_nonces = 1'000'000);
    /// Empty: the caller is a role. Else why not, for the log: "no credentials", "wrong signature",
    /// "late", "replayed", "too many calls". `call.to` is ignored: it is this role.
    [[nodiscard]] std::string check(const Credential& credential, const RoleCall& call,
                                    std::int64_t now_ms);

  private:
    [[nodiscard]] bool isFirstUse(std::string_view nonce, std::int64_t now_ms, bool& full);
    KeyRing keys_;
    std::string role_;
    std::size_t max_nonces_;
    std::mutex mutex_;
    /// Two generations, each of which is kept for as long as its nonces could come again.
    std::unordered_set<std::string> current_, previous_;
    std::int64_t rotated_ms_ = 0;
};

}  // namespace persona::wsapi
