#pragma once

#include <string>
#include <vector>

#include "plugins/dbwriter/writes.h"

/// Mails that ask for nothing and tell what was done to an account (docs/decisions/0104).
namespace persona::dbwriter {

/// The proven addresses of an account as they are now, at most ten: who is told. Empty where the
/// database does not answer: what was done goes before the word of it. [executor]
[[nodiscard]] std::vector<std::string> provenAddresses(const Writes& writes, accounts::UserId user);

/// Mails each of them once the answer has gone; a mail that is not taken is logged. A
/// PasswordChanged has a link by which its reader ends all sessions of `user`.
void tell(const Writes& writes, wsapi::Call& call, mail::Kind kind, accounts::UserId user,
          std::vector<std::string> addresses);

}  // namespace persona::dbwriter
