#pragma once

#include <chrono>
#include <iosfwd>
#include <string>

#include "examples/cli/bundle.h"
#include "examples/cli/client.h"
#include "examples/cli/state.h"

namespace persona::cli {

struct Settings {
    std::string url = "http://127.0.0.1:10002";
    std::string mail_directory = "var/mail";
    std::string key = "es256";
    std::string site = "http://127.0.0.1:10001";  ///< for whom to sign up
    std::string ca_file;
    std::chrono::seconds timeout{30};
    std::chrono::seconds lifetime{120};  ///< of an assertion; negative: it has expired
    Tamper tamper = Tamper::Nothing;
    std::string verify_audience;  ///< empty: the audience of the assertion
};

/// The commands. Each does what a browser, or the server of a site, would do; prints its steps to
/// `out`; keeps what is needed later in `state`; throws Failure.
class Commands {
  public:
    Commands(Settings settings, State& state, std::ostream& out);

    void signUp(const std::string& email);
    void signIn();
    void certify();
    void assertTo(const std::string& audience);
    void verify();
    void demo(const std::string& email);

  private:
    void step(const std::string& text);

    const Settings settings_;
    State& state_;
    std::ostream& out_;
    Client client_;
};

}  // namespace persona::cli
