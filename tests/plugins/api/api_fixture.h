#pragma once

#include <memory>
#include <string>
#include <tuple>

#include "tests/support/service.h"

namespace persona::api {

using testing::Browser;
using testing::Database;
using testing::Response;
using testing::Service;
using testing::ServiceOptions;
using testing::Shape;

/// Every test runs in both shapes, and on every database that this build has.
class Api : public ::testing::TestWithParam<std::tuple<Shape, Database>> {
  protected:
    void start(std::vector<std::string> common = {}) {
        ServiceOptions o;
        std::tie(o.shape, o.database) = GetParam();
        o.common = std::move(common);
        service_ = std::make_unique<Service>(std::move(o));
        ASSERT_NO_FATAL_FAILURE(service_->start());
    }
    [[nodiscard]] Browser browser() const { return Browser(service_->port("router")); }
    /// Signs up and confirms in the same browser, which is signed in afterwards.
    void signUp(Browser& b, const std::string& email, const std::string& pass = "password1") {
        const auto before = service_->mails(email).size();
        EXPECT_EQ(b.post("stage_user", R"({"email":")" + email + R"(","pass":")" + pass +
                                           R"(","site":"https://site.example"})")
                      .text(),
                  R"(200 {"success":true})");
        EXPECT_EQ(b.post("complete_user_creation",
                         R"({"token":")" + service_->token(email, before + 1) + "\"}")
                      .text(),
                  R"(200 {"success":true})");
    }
    static Response signIn(Browser& b, const std::string& email,
                           const std::string& pass = "password1", bool ephemeral = false) {
        return b.post("authenticate_user", R"({"email":")" + email + R"(","pass":")" + pass +
                                               R"(","ephemeral":)" +
                                               (ephemeral ? "true" : "false") + "}");
    }
    std::unique_ptr<Service> service_;
};

inline std::string nameOfParam(const ::testing::TestParamInfo<std::tuple<Shape, Database>>& info) {
    return std::string(std::get<0>(info.param) == Shape::OneProcess ? "OneProcess" : "Split") +
           (std::get<1>(info.param) == Database::Sqlite ? "Sqlite" : "Mysql");
}

}  // namespace persona::api
