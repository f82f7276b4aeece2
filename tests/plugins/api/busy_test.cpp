#include <atomic>
#include <functional>
#include <thread>

#include "tests/plugins/api/api_fixture.h"

/// BUSY of wsapi.md section 4: the executor of password hashing has no room. Nothing is staged,
/// consumed or counted by a call that was refused.
namespace persona::api {
namespace {

const std::string kText = "503 Service Unavailable: server is too busy",
                  kJson = R"(503 {"success":false,"reason":"server is too busy"})";

class Crowd {
  public:
    /// Ten at once, one of whom may work and one wait: asks till somebody was refused. Every answer
    /// is `busy` or begins with one of `others`.
    Crowd(const std::string& busy, const std::vector<std::string>& others,
          const std::function<Response(int)>& ask) {
        std::atomic<int> next{0};
        for (int round = 0; round < 20 && refused == 0; ++round) {
            std::vector<std::jthread> threads;
            for (int i = 0; i < 10; ++i)
                threads.emplace_back([&] {
                    const auto r = ask(next++);
                    if (r.text() == busy) {
                        ++refused;
                        EXPECT_FALSE(r.header("retry-after").empty());
                        return;
                    }
                    bool is_known = false;
                    for (const auto& other : others) is_known |= r.text().starts_with(other);
                    EXPECT_TRUE(is_known) << r.text();
                });
        }
    }
    std::atomic<int> refused{0};
};

TEST_P(Api, EveryCallThatHashesSaysWhenThereIsNoRoom) {
    auto common = ProviderServer::shared().configuration();
    common.insert(common.end(), {"bcrypt_work_factor: 11", "max_authentication_attempts: 100000"});
    start(common, "{threads: 1, queue: 1, deadline: 10s}");
    const auto port = service().port("router");
    auto owner = browser();
    const auto email = fresh(), pending = fresh();
    signUp(owner, email);
    auto staged = browser();
    EXPECT_EQ(stage(staged, pending).text(), kOk);
    const auto creation = token(pending);
    const std::string site = R"(,"site":"https://site.example"})";

    EXPECT_GT(Crowd(kText, {kOk},
                    [&](int i) {
                        Browser b(port);
                        return stage(b, "busy" + std::to_string(i) + "@mail.example");
                    })
                  .refused,
              0);
    EXPECT_GT(Crowd(kText, {kOk},
                    [&](int) {
                        Browser b(port);
                        return b.post("stage_transition",
                                      R"({"email":")" + email + R"(","pass":"password1")" + site);
                    })
                  .refused,
              0);
    EXPECT_GT(Crowd(kText, {"401 Authentication Required: password mismatch"},
                    [&](int) {
                        Browser b(port);
                        return tokenCall(b, "complete_user_creation", creation, "password2");
                    })
                  .refused,
              0);
    auto short_one = browser();
    EXPECT_EQ(signIn(short_one, email, "password1", true).status, 200U);
    (void)short_one.context();
    EXPECT_GT(Crowd(kText, {"401 Authentication Required: password mismatch"},
                    [&](int) {
                        auto b = short_one;
                        return b.post("prolong_session", R"({"pass":"password2"})");
                    })
                  .refused,
              0);
    // Of an account that has no password yet.
    auto prime = browser();
    const auto assertion =
        ProviderServer::shared().assertion(fresh("pam", "live.example"), service().url());
    EXPECT_EQ(
        prime.post("auth_with_assertion", R"({"ephemeral":false,"assertion":")" + assertion + "\"}")
            .status,
        200U);
    (void)prime.context();
    EXPECT_GT(Crowd(kText, {kOk},
                    [&](int i) {
                        auto b = prime;
                        return b.post("stage_email", R"({"email":"more)" + std::to_string(i) +
                                                         R"(@mail.example","pass":"password1")" +
                                                         site);
                    })
                  .refused,
              0);
    const auto csrf = *owner.context().findText("csrf_token");
    EXPECT_GT(Crowd(kJson, {R"(200 {"success":false})"},
                    [&](int) {
                        Browser b(port);
                        b.cookies = owner.cookies;
                        b.cookies.erase("bid_dev");
                        return b.send("POST", "/wsapi/update_password",
                                      R"({"oldpass":"password2","newpass":"password3","csrf":")" +
                                          csrf + "\"}",
                                      {{"Content-Type", "application/json"}});
                    })
                  .refused,
              0);
    const auto added = fresh("added");
    EXPECT_EQ(owner.post("stage_email", R"({"email":")" + added + "\"" + site).text(), kOk);
    const auto addition = token(added);
    EXPECT_GT(Crowd(kText, {"401 Authentication Required: password mismatch"},
                    [&](int) {
                        Browser b(port);
                        return tokenCall(b, "complete_email_confirmation", addition, "password2");
                    })
                  .refused,
              0);
    // Another account, whose mails nobody of a crowd staged.
    auto forgetful = browser();
    const auto forgotten = fresh("forgotten");
    signUp(forgetful, forgotten);
    EXPECT_EQ(forgetful
                  .post("stage_transition",
                        R"({"email":")" + forgotten + R"(","pass":"password1")" + site)
                  .text(),
              kOk);
    const auto transition = token(forgotten, 2);
    EXPECT_GT(Crowd(kText, {"401 Authentication Required: password mismatch"},
                    [&](int) {
                        Browser b(port);
                        return tokenCall(b, "complete_transition", transition, "password2");
                    })
                  .refused,
              0);
    for (const auto& [b, call, t] : {std::tuple(&staged, "complete_user_creation", creation),
                                     std::tuple(&owner, "complete_email_confirmation", addition),
                                     std::tuple(&forgetful, "complete_transition", transition)})
        EXPECT_EQ(tokenCall(*b, call, t).text(), kOk)
            << call << ": those who were refused consumed nothing";
    EXPECT_EQ(forgetful.post("stage_reset", R"({"email":")" + forgotten + "\"" + site).text(), kOk);
    const auto reset = token(forgotten, 3);
    EXPECT_GT(Crowd(kText, {kOk, kNoSecret},
                    [&](int i) {
                        Browser b(port);
                        return tokenCall(b, "complete_reset", reset,
                                         "new-password" + std::to_string(i));
                    })
                  .refused,
              0);
}

}  // namespace
}  // namespace persona::api
