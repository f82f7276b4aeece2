#pragma once

#include <cstdint>
#include <string>

#include "libs/protocol/result.h"

namespace persona::accounts {

/// Why an operation did nothing. Each operation's comment names those that it can give; every one
/// can give Unavailable.
enum class Reason {
    Unavailable,         ///< the database cannot answer in time, or is broken: 503; nothing else is
    NotFound,            ///< no such account or address
    NoSuchToken,         ///< never staged, expired, replaced or ended: "no such secret" (W9)
    AlreadyUsed,         ///< this token did its work before: nothing was done again
    WrongKind,           ///< the token belongs to another kind of completion; it stays usable (W8)
    NotOwner,            ///< the address does not belong to that account
    AlreadyVerified,     ///< nothing to re-verify
    PasswordRequired,    ///< the account has no password and none was given
    PasswordNotAllowed,  ///< the account has a password and one was given
    WrongPassword,       ///< the hash that was compared is no longer the account's
    Throttled,           ///< retry_after_ms says when: a mail went out lately, or too many today
    Locked,              ///< too many wrong passwords: only trusted devices, or an unblock mail
    Stale,               ///< what was staged no longer fits the account (W1); stage again
};

struct Failure {
    Reason reason = Reason::Unavailable;
    std::string text;                 ///< for logs; holds no address, token or hash
    std::int64_t retry_after_ms = 0;  ///< Throttled and Locked: 0 = unknown
};

template <typename T>
using Outcome = Result<T, Failure>;

/// The value of operations that give none.
struct Done {};

/// "NotOwner" and so on, for logs and tests.
[[nodiscard]] const char* name(Reason reason);

}  // namespace persona::accounts
