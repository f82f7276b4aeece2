#pragma once

#include <map>
#include <string>

namespace persona::cli {

/// What a browser would keep between two pages: cookies, the account, key and certificate. Stored
/// as JSON in a file of mode 0600.
class State {
  public:
    /// Reads `file`; nothing in it when there is none. Throws Failure.
    explicit State(std::string file);
    void save() const;

    std::map<std::string, std::string> cookies;
    std::string url, email, password;
    std::string key_pem, certificate;
    std::string bundle, audience;  ///< the last assertion with its certificate, and for whom

  private:
    std::string file_;
};

}  // namespace persona::cli
