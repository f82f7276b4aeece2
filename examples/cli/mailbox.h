#pragma once

#include <chrono>
#include <set>
#include <string>

namespace persona::cli {

/// The directory into which the service's `file` transport writes its mails.
class Mailbox {
  public:
    /// Remembers what is there now: older mails are not read. A directory that is not there yet has
    /// no mails.
    explicit Mailbox(std::string directory);
    /// The token of the link in the next mail to `email`. Throws Failure (NoMail) after `limit`.
    [[nodiscard]] std::string awaitToken(const std::string& email, std::chrono::seconds limit);

  private:
    std::string directory_;
    std::set<std::string> seen_;
};

}  // namespace persona::cli
