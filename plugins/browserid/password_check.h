#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "plugins/browserid/reads.h"

namespace persona::browserid {

struct PasswordCheck {
    bool right = false;
    bool locked = false;       ///< too many wrong ones: it was not even looked at
    bool no_password = false;  ///< the account has none
    bool unavailable = false;  ///< the database did not answer
    std::int64_t epoch = 0;    ///< of the account, when right
};

/// Checks the password of an account on the passwords' executor. An attempt is reserved at
/// dbwriter, atomically, before anything is said of the password, and given back when it was right
/// (W3, W4). userid 0: nobody; takes as long as a wrong one (W6). `then` runs on the role's own
/// executor.
[[nodiscard]] wsapi::Step checkPassword(
    const Reads& reads, wsapi::Call& call, std::int64_t userid, std::string password,
    std::function<wsapi::Step(wsapi::Call&, const PasswordCheck&)> then,
    wsapi::Answer if_busy = wsapi::busy());

}  // namespace persona::browserid
