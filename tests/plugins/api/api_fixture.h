#pragma once

#include <memory>
#include <string>
#include <tuple>

#include "libs/protocol/key.h"
#include "tests/libs/accounts/mariadb_server.h"
#include "tests/plugins/api/provider_server.h"
#include "tests/support/service.h"

namespace persona::api {

using protocol::Json;
using testing::Browser;
using testing::Database;
using testing::Response;
using testing::Service;
using testing::ServiceOptions;
using testing::Shape;
using Param = std::tuple<Shape, Database>;

inline const std::string kOk = R"(200 {"success":true})";
inline const std::string kNoSecret = R"(200 {"success":false,"reason":"no such secret"})";
inline const std::string kWrong = R"(200 {"success":false,"reason":"email or password is wrong"})";

/// "OneProcessSqlite", ...: the end of the names of its tests.
[[nodiscard]] std::string nameOf(const Param& param);

/// Every test runs in both shapes and on both databases. Tests share one service for each of those,
/// with addresses of their own; a test that wants other options starts one for itself.
class Api : public ::testing::TestWithParam<Param> {
  protected:
    /// The shared service, started when it is first asked for.
    Service& service();
    /// One of this test's own, with more lines of configuration.
    void start(std::vector<std::string> common, const std::string& passwords = "",
               const std::string& database_more = "");
    /// The same with what else can be set; shape and database are the test's.
    void startWith(ServiceOptions options);
    [[nodiscard]] Browser browser() { return Browser(service().port("router")); }
    /// An address that no other test uses.
    static std::string fresh(const std::string& local = "ann",
                             const std::string& domain = "mail.example");

    /// `more`: further members, such as R"("allowUnverified":true)".
    static Response stage(Browser& b, const std::string& email,
                          const std::string& pass = "password1", const std::string& more = "");
    /// Signs up and confirms in the same browser, which is signed in afterwards.
    void signUp(Browser& b, const std::string& email, const std::string& pass = "password1");
    static Response signIn(Browser& b, const std::string& email,
                           const std::string& pass = "password1", bool ephemeral = false);
    static Response tokenCall(Browser& b, const std::string& call, const std::string& token,
                              const std::string& pass = "");
    static std::string addressInfo(Browser& b, const std::string& email);
    static std::string status(Browser& b, const std::string& call, const std::string& email);
    /// Body of cert_key for a new key.
    static std::string certificateRequest(const std::string& email, const std::string& more = "");
    std::string token(const std::string& email, std::size_t count = 1) {
        return service().token(email, count);
    }
    /// Runs SQL on the service's database, past the service; its output, a row a line.
    std::string sql(const std::string& text);
    void SetUp() override;

    std::unique_ptr<Service> own_;
};

/// A service that runs, with its database and the account that only reads on `server`.
std::unique_ptr<Service> startService(ServiceOptions options,
                                      const accounts::MariaDbServer* server);

/// "the reason" of {"success":false,"reason":...}; else the whole.
std::string reasonOf(const Response& r);

}  // namespace persona::api
