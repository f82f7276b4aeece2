#pragma once

#include <Poco/Net/HTTPClientSession.h>
#include <Poco/URI.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "libs/protocol/json.h"

namespace persona::cli {

/// HTTP to one origin as a browser would: cookies are kept and sent, connections reused. Every
/// function throws Failure when there is no answer.
class Client {
  public:
    struct Answer {
        int status = 0;
        std::string content_type, body;
        /// The body as a JSON object; throws Failure (Protocol) when it is none.
        [[nodiscard]] protocol::Json json() const;
    };
    using Cookies = std::map<std::string, std::string>;

    /// `cookies` outlives the client. `ca_file`: PEM, trusted besides the system's authorities.
    Client(const std::string& url, Cookies& cookies, std::chrono::seconds timeout,
           const std::string& ca_file);

    [[nodiscard]] Answer get(const std::string& path_and_query);
    [[nodiscard]] Answer post(const std::string& path, const protocol::Json& body);

    /// A call of the API that answers 200 with JSON. GET; `query` is name and value pairs.
    [[nodiscard]] protocol::Json call(const std::string& name, const Cookies& query = {});
    /// The same with POST; the CSRF token is added. Throws Failure (Refused) with the reason when
    /// the answer is not 200 or says `"success": false`.
    [[nodiscard]] protocol::Json send(const std::string& name, protocol::Json arguments);
    /// As send(), for calls whose answer is not JSON.
    [[nodiscard]] std::string sendForText(const std::string& name, protocol::Json arguments);

  private:
    [[nodiscard]] Answer exchange(const std::string& method, const std::string& target,
                                  const std::string& body);
    [[nodiscard]] Answer sendRaw(const std::string& name, protocol::Json arguments);

    const Poco::URI url_;
    Cookies& cookies_;
    std::unique_ptr<Poco::Net::HTTPClientSession> session_;
};

}  // namespace persona::cli
