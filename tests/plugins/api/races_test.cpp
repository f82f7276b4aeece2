#include <barrier>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "tests/plugins/api/api_fixture.h"

/// 64 clients on the same address, over HTTP, through the races that the operations have. The same
/// without HTTP: tests/libs/accounts/races_test.cpp.
namespace persona::api {
namespace {

constexpr int kClients = 64;
using Answers = std::map<std::string, int>;

/// Asks as `act(i)` does for 64 clients that start together; how often each text was the answer. A
/// full queue says so; that is no answer to the question, which is asked again.
Answers race(const std::function<std::string(int)>& act) {
    std::barrier start(kClients);
    std::mutex mutex;
    Answers answers;
    std::vector<std::jthread> threads;
    for (int i = 0; i < kClients; ++i)
        threads.emplace_back([&, i] {
            start.arrive_and_wait();
            std::string answer;
            do answer = act(i);
            while (answer.find("503 Service Unavailable: server is too busy") != std::string::npos);
            const std::lock_guard lock(mutex);
            ++answers[answer];
        });
    threads.clear();
    return answers;
}

std::string site(const std::string& email) {
    return R"({"email":")" + email + R"(","site":"https://site.example"})";
}

TEST_P(Api, SixtyFourClientsWithOneTokenAreOne) {
    auto owner = browser();
    const auto email = fresh();
    EXPECT_EQ(stage(owner, email).text(), kOk);
    const auto creation = token(email);
    EXPECT_EQ(race([&](int) {
                  auto b = owner;  // the browser that staged needs no password
                  return tokenCall(b, "complete_user_creation", creation).text();
              }),
              (Answers{{kOk, 1}, {kNoSecret, kClients - 1}}));
    EXPECT_EQ(signIn(owner, email).status, 200U);
    auto forgetful = browser();
    EXPECT_EQ(forgetful.post("stage_reset", site(email)).text(), kOk);
    const auto reset = token(email, 2);
    EXPECT_EQ(
        race([&](int i) {
            auto b = browser();
            return tokenCall(b, "complete_reset", reset, "newpassword" + std::to_string(i)).text();
        }),
        (Answers{{kOk, 1}, {kNoSecret, kClients - 1}}));
    EXPECT_FALSE(owner.context().find("authenticated")->boolean()) << "its session ended";
    EXPECT_EQ(service().operate("dbwriter", {"db", "check"}).code, 0);
}

/// An address is added to the account that is being reset: by its owner's session, or elsewhere by
/// the password that the reset replaces.
TEST_P(Api, SixtyFourClientsCompleteAndReset) {
    for (const bool in_session : {true, false}) {
        SCOPED_TRACE(in_session);
        auto owner = browser(), winner = browser();
        const auto email = fresh(), extra = fresh("extra");
        signUp(owner, email);
        EXPECT_EQ(owner.post("stage_email", site(extra)).text(), kOk);
        EXPECT_EQ(winner.post("stage_reset", site(email)).text(), kOk);
        const auto addition = token(extra), reset = token(email, 2);
        (void)owner.context();
        std::mutex mutex;
        std::string chosen;
        auto answers = race([&](int i) {
            auto b = in_session && i % 2 == 0 ? owner : browser();
            if (i % 2 == 0)
                return "add " + tokenCall(b, "complete_email_confirmation", addition,
                                          in_session ? "" : "password1")
                                    .text();
            const auto pass = "newpassword" + std::to_string(i);
            const auto text = tokenCall(b, "complete_reset", reset, pass).text();
            if (text == kOk) {
                const std::lock_guard lock(mutex);
                chosen = pass;
                winner = b;
            }
            return "reset " + text;
        });
        EXPECT_EQ(answers["reset " + kOk], 1);
        EXPECT_EQ(answers["reset " + kNoSecret], kClients / 2 - 1);
        const int added = answers["add " + kOk];
        EXPECT_LE(added, 1) << "one token, one addition";
        // Those who came too late: the token is used or ended, and so are the session and the
        // password.
        EXPECT_EQ(answers["add " + kNoSecret] +
                      answers[in_session ? "add 403 Forbidden: no cookie"
                                         : "add 401 Authentication Required: password mismatch"],
                  kClients / 2 - added)
            << ::testing::PrintToString(answers);
        // The addition came before the reset, which un-verified it, or the reset ended it.
        EXPECT_EQ(addressInfo(winner, extra), added == 1 ? "unverified" : "unknown");
        EXPECT_EQ(winner.get("/wsapi/list_emails").text(),
                  R"(200 {"success":true,"emails":[")" + email +
                      (added == 1 ? "\",\"" + extra : "") + R"("]})");
        EXPECT_FALSE(owner.context().find("authenticated")->boolean()) << "its session ended";
        EXPECT_EQ(signIn(winner, email).text(), kWrong);
        EXPECT_NE(signIn(winner, email, chosen).text().find("\"success\":true"), std::string::npos);
        EXPECT_EQ(service().operate("dbwriter", {"db", "check"}).code, 0);
    }
}

TEST_P(Api, SixtyFourClientsRemoveAndAddOneAddress) {
    auto owner = browser();
    const auto email = fresh(), extra = fresh("extra");
    signUp(owner, email);
    EXPECT_EQ(owner.post("stage_email", site(extra)).text(), kOk);
    const auto addition = token(extra);
    (void)owner.context();
    const std::string refused =
        "400 Bad Request: authenticated user doesn't have permission to remove specified email " +
        extra;
    auto answers = race([&](int i) {
        auto b = owner;
        if (i % 2 == 0)
            return "add " + tokenCall(b, "complete_email_confirmation", addition).text();
        return "remove " + b.post("remove_email", R"({"email":")" + extra + "\"}").text();
    });
    const int removed = answers["remove " + kOk];
    EXPECT_EQ(answers["add " + kOk], 1) << "one token, one addition";
    EXPECT_EQ(answers["add " + kNoSecret], kClients / 2 - 1);
    EXPECT_LE(removed, 1);
    EXPECT_EQ(answers["remove " + refused], kClients / 2 - removed);
    EXPECT_EQ(owner.get("/wsapi/list_emails").text(), R"(200 {"success":true,"emails":[")" + email +
                                                          (removed == 0 ? "\",\"" + extra : "") +
                                                          R"("]})");
    EXPECT_EQ(service().operate("dbwriter", {"db", "check"}).code, 0);
}

TEST_P(Api, ParallelGuessesAreAllCounted) {  // W3
    constexpr int kLimit = 10;
    start({"legacy_reasons: true", "max_authentication_attempts: " + std::to_string(kLimit)});
    auto owner = browser();
    const auto email = fresh();
    signUp(owner, email);
    EXPECT_EQ(race([&](int) {
                  auto b = browser();
                  return reasonOf(signIn(b, email, "password2"));
              }),
              (Answers{{"password mismatch for user: " + email, kLimit},
                       {"account is locked", kClients - kLimit}}));
    auto stranger = browser();
    EXPECT_EQ(reasonOf(signIn(stranger, email)), "account is locked") << "with the right one too";
    EXPECT_EQ(signIn(owner, email).status, 200U);
}

}  // namespace
}  // namespace persona::api
