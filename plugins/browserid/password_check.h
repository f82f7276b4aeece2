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

/// Checks the password of an account on the passwords' executor, in the order that guessing cannot
/// get round: an attempt is reserved at dbwriter first, atomically, and given back when the
/// password was right (W3, W4). userid 0: nobody; takes as long as a wrong one (W6).
[[nodiscard]] wsapi::Step checkPassword(
    const Reads& reads, wsapi::Call& call, std::int64_t userid, std::string password,
    std::function<wsapi::Step(wsapi::Call&, const PasswordCheck&)> then,
    wsapi::Answer if_busy = wsapi::busy());

}  // namespace persona::browserid
