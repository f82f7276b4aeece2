#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "host/net/engine.h"
#include "plugins/verifier/judge.h"

namespace persona::conformance {

/// The verifier behind the real HTTP engine, on a free loopback port. Clock and world enter by the
/// ports of libs; the judge may be replaced between requests.
class HttpVerifier {
  public:
    HttpVerifier();  ///< throws std::runtime_error when the engine cannot start
    ~HttpVerifier();
    HttpVerifier(const HttpVerifier&) = delete;
    HttpVerifier& operator=(const HttpVerifier&) = delete;

    void use(std::shared_ptr<verifier::Judge> judge);
    [[nodiscard]] unsigned short port() const;

    struct Answer {
        unsigned status = 0;                              ///< 0: none, the connection was closed
        std::multimap<std::string, std::string> headers;  ///< names in lower case
        std::string body;
    };
    /// One request on a connection of its own; fields as they are, Host and Connection added.
    [[nodiscard]] Answer ask(const std::string& method, const std::string& target,
                             const std::multimap<std::string, std::string>& fields,
                             const std::string& body) const;

  private:
    class Front;
    class Observer;
    std::unique_ptr<Observer> observer_;
    std::shared_ptr<Front> front_;
    std::unique_ptr<host::net::Engine> engine_;
};

}  // namespace persona::conformance
