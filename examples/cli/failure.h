#pragma once

#include <stdexcept>
#include <string>

namespace persona::cli {

/// Exit codes, those of sysexits.h where it has one.
enum class Exit : int {
    Ok = 0,
    Refused = 1,       ///< the service or the verifier said no; the reason is printed
    Usage = 64,        ///< wrong arguments
    Unavailable = 69,  ///< no connection, no answer in time, or 502, 503, 504
    Io = 74,           ///< a file cannot be read or written
    NoMail = 75,       ///< the mail did not come in time
    Protocol = 76,     ///< an answer that the API does not have
};

/// Ends the command with that code and text.
class Failure : public std::runtime_error {
  public:
    Failure(Exit code, const std::string& text) : std::runtime_error(text), code_(code) {}
    [[nodiscard]] Exit code() const { return code_; }

  private:
    Exit code_;
};

}  // namespace persona::cli
