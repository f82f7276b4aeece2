#pragma once

#include <cstdint>
#include <string>

namespace persona::host::app {

/// What a server that speaks MariaDB's protocol says to whoever connects, before anybody signs in.
struct DatabaseGreeting {
    std::string version;          ///< as it names itself: "10.11.6-MariaDB"
    std::string error;            ///< why there is no version
    std::int64_t elapsed_ms = 0;  ///< connecting and the greeting
};

/// Waits 5 s at most for each step. [control]
[[nodiscard]] DatabaseGreeting greetDatabase(const std::string& host, const std::string& port);

/// Empty, or which version is wanted instead: MariaDB 10.6, MySQL 8.0 or newer. Others that speak
/// the protocol say what they imitate and are taken.
[[nodiscard]] std::string tooOld(const std::string& version);

}  // namespace persona::host::app
