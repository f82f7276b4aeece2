#include <algorithm>
#include <atomic>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/plugins/api/api_fixture.h"

/// Signing in (wsapi.md 4.2) and what stands in the way of guessing (W3, W4, W6, Decisions).
namespace persona::api {
namespace {

TEST_P(Api, OneReasonForAll) {
    auto b = browser();
    const auto email = fresh();
    signUp(b, email);
    EXPECT_EQ(signIn(b, email, "password2").text(), kWrong);
    EXPECT_EQ(signIn(b, fresh("nobody")).text(), kWrong);
    EXPECT_EQ(signIn(b, email).status, 200u);
    // The case of letters does not make another address (W23).
    auto upper = email;
    upper[0] = 'A';
    EXPECT_NE(signIn(b, upper).text().find("\"success\":true"), std::string::npos);
}

TEST_P(Api, LegacyReasonsAndLockout) {
    auto common = ProviderServer::shared().configuration();
    common.insert(common.end(), {"legacy_reasons: true", "max_authentication_attempts: 3"});
    start(common);
    auto owner = browser(), b = browser(), prime = browser();
    const auto email = fresh(), passwordless = fresh("prime", "live.example");
    signUp(owner, email);
    EXPECT_EQ(
        prime
            .post("auth_with_assertion",
                  R"({"ephemeral":false,"assertion":")" +
                      ProviderServer::shared().assertion(passwordless, service().url()) + "\"}")
            .status,
        200u);
    EXPECT_EQ(signIn(b, passwordless).text(),
              R"(200 {"success":false,"reason":"no password set for user"})");
    EXPECT_EQ(signIn(b, fresh("nobody")).text(),
              R"(200 {"success":false,"reason":"no such user"})");
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(signIn(b, email, "password2").text(),
                  R"(200 {"success":false,"reason":"password mismatch for user: )" + email + "\"}");
    const std::string locked =
        R"(200 {"success":false,"code":"account locked","reason":"account is locked"})";
    EXPECT_EQ(signIn(b, email).text(), locked) << "even with the right password";
    // A device that the account knows is none of the strangers.
    EXPECT_NE(signIn(owner, email).text().find("\"success\":true"), std::string::npos);
    // A success ends the row of failures; three more, then a reset unlocks.
    for (int i = 0; i < 3; ++i) (void)signIn(b, email, "password2");
    EXPECT_EQ(signIn(b, email).text(), locked);
    EXPECT_EQ(b.post("stage_reset", R"({"email":")" + email + R"(","site":"https://site.example"})")
                  .text(),
              kOk);
    EXPECT_EQ(tokenCall(b, "complete_reset", token(email, 2), "password3").text(), kOk);
    auto stranger = browser();
    EXPECT_NE(signIn(stranger, email, "password3").text().find("\"success\":true"),
              std::string::npos);
}

TEST_P(Api, EveryWayToTryAPasswordIsCounted) {
    start({"max_authentication_attempts: 5"});
    auto owner = browser(), stranger = browser();
    const auto email = fresh();
    signUp(owner, email);
    owner.cookies.erase("bid_dev");
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(owner.post("update_password", R"({"oldpass":"wrongpass","newpass":"password9"})")
                      .text(),
                  R"(200 {"success":false})");
    EXPECT_EQ(
        owner.post("update_password", R"({"oldpass":"password1","newpass":"password9"})").text(),
        R"(200 {"success":false})")
        << "W3: one counter for all";
    EXPECT_EQ(signIn(stranger, email).text(), kWrong);
    // Tries at a staged password end too.
    const auto other = fresh();
    EXPECT_EQ(stage(owner, other).text(), kOk);
    const auto t = token(other);
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(tokenCall(stranger, "complete_user_creation", t, "wrongpass").status, 401u);
    EXPECT_EQ(tokenCall(stranger, "complete_user_creation", t, "password1").status, 401u);
    EXPECT_EQ(tokenCall(owner, "complete_user_creation", t).text(), kOk)
        << "the browser that staged needs none";
}

TEST_P(Api, AMailLiftsTheLimit) {
    start({"max_authentication_attempts: 2"});
    auto owner = browser(), b = browser();
    const auto email = fresh();
    signUp(owner, email);
    for (int i = 0; i < 2; ++i) (void)signIn(b, email, "password2");
    EXPECT_EQ(signIn(b, email).text(), kWrong);
    EXPECT_EQ(b.post("stage_unblock", R"({"email":")" + fresh("nobody") + "\"}").text(), kOk);
    EXPECT_EQ(b.post("stage_unblock", R"({"email":")" + email + "\"}").text(), kOk);
    const auto t = token(email, 2);
    EXPECT_EQ(b.get("/unblock?token=" + t).status / 100, 2u) << "a look consumes nothing";
    EXPECT_EQ(tokenCall(b, "complete_unblock", t).text(), kOk);
    EXPECT_TRUE(b.cookies.contains("bid_dev"));
    EXPECT_NE(signIn(b, email).text().find("\"success\":true"), std::string::npos);
    EXPECT_EQ(tokenCall(b, "complete_unblock", t).text(), kNoSecret);
}

TEST_P(Api, WhatWasNotMeIsEnded) {
    auto owner = browser(), thief = browser();
    const auto email = fresh();
    signUp(owner, email);
    EXPECT_EQ(
        thief.post("stage_reset", R"({"email":")" + email + R"(","site":"https://site.example"})")
            .text(),
        kOk);
    const auto reset = token(email, 2);
    const auto mail = service().mails(email).back();
    auto at = mail.find("/not_me?");
    ASSERT_NE(at, std::string::npos) << mail;
    std::string not_me;
    // Quoted-printable: "=3D" is "=", "=\r\n" is nothing.
    for (at = mail.find("token", at) + 5; not_me.size() < 48 && at < mail.size(); ++at) {
        if (mail.compare(at, 3, "=3D") == 0)
            at += 2;
        else if (mail[at] == '=' || mail[at] == '\r' || mail[at] == '\n')
            continue;
        else
            not_me.push_back(mail[at]);
    }
    auto b = browser();
    EXPECT_EQ(tokenCall(b, "report_not_me", std::string(48, 'x')).text(), kNoSecret);
    EXPECT_EQ(tokenCall(b, "report_not_me", not_me).text(), kOk) << not_me;
    EXPECT_EQ(tokenCall(thief, "complete_reset", reset, "password9").text(), kNoSecret);
    EXPECT_EQ(signIn(b, email).status, 200u);
}

/// What the role that checks passwords did from one look to the next.
struct Work {
    std::int64_t hashes = 0, cost = 0, statements = 0;
    bool operator==(const Work&) const = default;
};

Work workOf(const Service& s) {
    auto all = s.counters("browserid");
    return {all["passwords.hashes"], all["passwords.cost"], all["database.statements"]};
}

/// W6, without a clock: whoever is asked for, one hash of the same cost is worked out, and the
/// database is asked as often. Attempts are reserved beside the hash, at dbwriter.
TEST_P(Api, KnownAndUnknownAddressesCostTheSame) {
    start({"bcrypt_work_factor: 6", "max_authentication_attempts: 3"});
    auto owner = browser(), b = browser();
    const auto email = fresh();
    signUp(owner, email);
    (void)signIn(b, fresh("nobody"));  // opens the database, which takes statements of its own
    const auto costOf = [&](const std::string& address) {
        const auto before = workOf(service());
        EXPECT_EQ(signIn(b, address, "password2").text(), kWrong);
        const auto after = workOf(service());
        return Work{after.hashes - before.hashes, after.cost - before.cost,
                    after.statements - before.statements};
    };
    const auto unknown = costOf(fresh("nobody"));
    EXPECT_EQ(unknown.hashes, 1);
    EXPECT_EQ(unknown.cost, 64) << "rounds";
    EXPECT_GT(unknown.statements, 0);
    // The account is locked from the fourth try on, which nobody is told either.
    for (int i = 0; i < 5; ++i) {
        const auto known = costOf(email);
        EXPECT_EQ(known, unknown) << known.hashes << " hashes, cost " << known.cost << ", "
                                  << known.statements << " statements, try " << i;
        EXPECT_EQ(costOf(fresh("nobody")), unknown);
    }
    EXPECT_EQ(signIn(b, email).text(), kWrong) << "locked";
}

TEST_P(Api, HashesOfAnotherCostFollowAtSignIn) {
    start({"bcrypt_work_factor: 4"});
    const auto email = fresh();
    {
        auto b = browser();
        signUp(b, email);
    }
    // The operator raises the cost.
    for (const auto* process : {"local", "browserid", "dbwriter"}) {
        const auto file = service().dir() + "/" + process + ".yaml";
        std::ifstream in(file);
        std::stringstream text;
        text << in.rdbuf();
        auto yaml = text.str();
        const auto at = yaml.find("bcrypt_work_factor: 4");
        if (at == std::string::npos) continue;
        in.close();
        std::ofstream(file) << yaml.replace(at, 21, "bcrypt_work_factor: 5");
        EXPECT_EQ(service().stop(process), 0);
    }
    service().start();
    auto b = browser();
    for (int i = 0; i < 2; ++i)
        EXPECT_NE(signIn(b, email).text().find("\"success\":true"), std::string::npos);
    const auto log = service().log();
    const auto first = log.find("cef.AUTH_UPDATE: Updated password for user");
    ASSERT_NE(first, std::string::npos) << "hashed anew at the first";
    EXPECT_EQ(log.find("cef.AUTH_UPDATE", first + 1), std::string::npos) << "and not at the second";
}

TEST_P(Api, AFullExecutorSaysSo) {
    start({"bcrypt_work_factor: 12"}, "{threads: 1, queue: 1, deadline: 10s}");
    auto owner = browser();
    const auto email = fresh();
    signUp(owner, email);
    std::atomic<int> busy{0}, served{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i)
        threads.emplace_back([&] {
            Browser b(service().port("router"));
            const auto r = signIn(b, email);
            if (r.text() == R"(503 {"success":false,"reason":"server is too busy"})" &&
                !r.header("retry-after").empty())
                ++busy;
            else if (r.status == 200)
                ++served;
        });
    for (auto& t : threads) t.join();
    EXPECT_GT(busy, 0);
    EXPECT_GT(served, 0);
    EXPECT_EQ(busy + served, 8);
    auto b = browser();
    EXPECT_NE(signIn(b, email).text().find("\"success\":true"), std::string::npos)
        << "what was refused was not counted";
}

}  // namespace
}  // namespace persona::api
