#pragma once

#include <optional>
#include <string>

#include "libs/accounts/types.h"

namespace persona::accounts {

/// Durable limits of password guessing (anti-abuse.md 3.4, wsapi.md W3). A *trusted device* showed
/// a valid device cookie for this account (the role checks its MAC; the id inside it comes here).
/// Strangers share one untrusted pool; what they do never stops a trusted device.
struct LoginLimits {
    int free = 10;             ///< consecutive untrusted failures before a challenge is wanted
    int daily = 30;            ///< untrusted tries in 24 h, then Locked until the window ends
    int consecutive = 100;     ///< untrusted, then Locked until unblock, reset or a success
    int device_per_hour = 10;  ///< failures of one device, then it counts as untrusted
};

/// A reserved try: counted as a failure already, before any hashing. Give it to loginSucceeded when
/// the password was right; when it was wrong there is nothing more to do.
struct LoginAttempt {
    User user;
    std::optional<std::string> device;  ///< set when it was counted on a trusted device
    bool challenge_wanted = false;      ///< the untrusted pool is past its free tries
};

/// What goes with a good password.
struct LoginSuccess {
    /// The same password under today's settings; written only while the account still has the hash
    /// that was compared.
    std::optional<std::string> rehash;
};

}  // namespace persona::accounts
