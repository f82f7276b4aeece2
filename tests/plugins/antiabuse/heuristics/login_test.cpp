#include "tests/plugins/antiabuse/heuristics/helpers.h"

/// anti-abuse.md 3.4.
namespace persona::testing {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

class Login : public ::testing::Test {
  protected:
    Facts stranger(const std::string& from, const std::string& account = "victim@mail.example") {
        return harness_.facts()
            .from(from)
            .routeClass(PSN_ROUTE_LOGIN, PSN_TRAIT_HASHES)
            .account(account);
    }
    Facts owner(const std::string& from = "198.51.100.7") {
        return stranger(from).session("the owner's browser").flags(PSN_FACT_KNOWN_DEVICE);
    }
    std::string wrong(const Facts& f) { return said(pass(f, {PSN_OUTCOME_AUTH_FAIL})); }
    std::string right(const Facts& f) { return said(pass(f, {PSN_OUTCOME_AUTH_OK})); }
    static std::string address(int i) {
        return "10." + std::to_string(i / 250 % 250) + "." + std::to_string(i % 250) + ".1";
    }
    Harness harness_{pluginPath("login")};
};

/// S8: one account, many sources; the owner signs in throughout from a browser the account knows.
TEST_F(Login, AStrangerNeverLocksOutAKnownBrowser) {
    int passed = 0;
    for (int i = 0; i < 3'000; ++i) {
        passed += wrong(stranger(address(i % 300))) == "pass" ? 1 : 0;
        if (i % 10 == 0) {
            const auto v = owner().evaluate();
            ASSERT_EQ(said(v), "pass") << "after " << i << " guesses";
            EXPECT_TRUE(v.grants & PSN_GRANT_KNOWN_DEVICE);
            EXPECT_FALSE(v.hints & PSN_HINT_UNTRUSTED);
            owner().observe(answered({PSN_OUTCOME_AUTH_OK}));
        }
        harness_.clock().advance(seconds(1));
    }
    EXPECT_LE(passed, 12) << "10 a day without work";
    // Not even from the very network that guesses.
    EXPECT_EQ(right(owner(address(1))), "pass");
}

TEST_F(Login, AfterTenTriesOfStrangersWorkAfterThirtyMail) {
    const auto paid = [&](int i) { return stranger(address(i)).flags(PSN_FACT_PAID); };
    for (int i = 0; i < 10; ++i) EXPECT_EQ(wrong(stranger(address(i))), "pass") << i;
    EXPECT_EQ(wrong(stranger(address(10))), "challenge account");
    for (int i = 10; i < 30; ++i) EXPECT_EQ(wrong(paid(i)), "pass") << i;
    EXPECT_EQ(wrong(paid(31)), "mail account_day");
    // A day later there is room again.
    harness_.clock().advance(hours(25));
    EXPECT_EQ(wrong(stranger(address(32))), "pass");
}

TEST_F(Login, AHundredInARowAreForMailAlone) {
    int passed = 0, by_row = 0;
    for (int day = 0; day < 10; ++day) {
        for (int i = 0; i < 40; ++i) {
            const auto s = wrong(stranger(address(day * 40 + i)).flags(PSN_FACT_PAID));
            passed += s == "pass" ? 1 : 0;
            by_row += s == "mail account_row" ? 1 : 0;
        }
        harness_.clock().advance(hours(24));
    }
    EXPECT_LE(passed, 100 + 10 * 15) << "100, and what a week lets go of in ten days";
    EXPECT_GT(by_row, 50);
    // A stranger who knows the password ends the row; his way in is the mailed link before.
    stranger(address(999)).observe(answered({PSN_OUTCOME_AUTH_OK}));
    EXPECT_EQ(wrong(stranger(address(998)).flags(PSN_FACT_PAID)), "pass");
}

TEST_F(Login, OneNetworkAndOneAccount) {
    for (int i = 0; i < 5; ++i) EXPECT_EQ(wrong(stranger("192.0.2.5")), "pass");
    const auto v = pass(stranger("192.0.2.5"), {});
    EXPECT_EQ(said(v), "throttle pair");
    EXPECT_GT(v.retry_after_ms, 0U);
    EXPECT_LE(v.retry_after_ms, 180'000U);
    EXPECT_EQ(v.budget, 5U);
    // What is refused costs nothing: a client that keeps asking is not kept out for ever.
    for (int i = 0; i < 50; ++i) EXPECT_EQ(wrong(stranger("192.0.2.5")), "throttle pair");
    harness_.clock().advance(minutes(3));
    EXPECT_EQ(wrong(stranger("192.0.2.5")), "pass");
    EXPECT_EQ(wrong(stranger("192.0.2.5")), "throttle pair");
}

TEST_F(Login, RightOnesCostNothing) {
    for (int i = 0; i < 200; ++i)
        EXPECT_EQ(right(stranger("192.0.2.5", "user" + std::to_string(i) + "@mail.example")),
                  "pass");
    for (int i = 0; i < 50; ++i) EXPECT_EQ(right(stranger("192.0.2.5")), "pass");
}

TEST_F(Login, OneNetworkAndManyAccountsUnknownOnesTwice) {
    int known = 0, unknown = 0;
    const auto account = [](int i) { return "a" + std::to_string(i) + "@mail.example"; };
    while (wrong(stranger("192.0.2.5", account(known))) == "pass") ++known;
    EXPECT_EQ(known, 8);
    while (said(pass(stranger("203.0.113.5", account(unknown)), {PSN_OUTCOME_AUTH_UNKNOWN})) ==
           "pass")
        ++unknown;
    EXPECT_EQ(unknown, 4);
    // Work buys as much again; then there is none to buy.
    int paid = 0;
    while (wrong(stranger("192.0.2.5", account(100 + paid)).flags(PSN_FACT_PAID)) == "pass") ++paid;
    EXPECT_GE(paid, 6);
    EXPECT_LE(paid, 9);
    EXPECT_EQ(wrong(stranger("192.0.2.5", account(200)).flags(PSN_FACT_PAID)), "throttle prefix");
    // An office from which many have signed in has more.
    int office = 0;
    while (wrong(stranger("198.18.0.5", account(300 + office)).credit(20)) == "pass") ++office;
    EXPECT_EQ(office, 8 * 7);
}

TEST_F(Login, ANetworkOfNetworks) {
    // 40 addresses of one IPv6 /56, each with its own /64.
    int passed = 0;
    for (int i = 0; i < 40; ++i)
        for (int k = 0; k < 8; ++k)
            passed += wrong(stranger("2001:db8:0:" + std::to_string(10 + i) + "::1",
                                     std::to_string(i * 8 + k) + "@mail.example")) == "pass"
                          ? 1
                          : 0;
    EXPECT_LE(passed, 8 * 8 + 1);
}

/// The role answers all of them at once: what is not answered yet is already charged.
TEST_F(Login, GuessesInParallelAreAllCharged) {
    int passed = 0;
    for (int i = 0; i < 30; ++i) passed += said(stranger("192.0.2.5").evaluate()) == "pass" ? 1 : 0;
    EXPECT_EQ(passed, 5);
}

TEST_F(Login, WhatNeverWasATryIsGivenBack) {
    for (int i = 0; i < 40; ++i)
        EXPECT_EQ(said(pass(stranger("192.0.2.5"), {})), "pass");  // 503, CSRF
    for (int i = 0; i < 40; ++i) {
        EXPECT_EQ(said(stranger("192.0.2.5").evaluate()), "pass");
        stranger("192.0.2.5").observe(refused(false));  // by another heuristic
    }
}

/// Who hangs up before he is answered has had his hash all the same.
TEST_F(Login, WhoDoesNotWaitForTheAnswerHasTried) {
    for (int i = 0; i < 5; ++i) EXPECT_EQ(said(leave(stranger("192.0.2.5"))), "pass");
    EXPECT_EQ(said(leave(stranger("192.0.2.5"))), "throttle pair");
    int known = 0;
    const auto account = [](int i) { return "a" + std::to_string(i) + "@mail.example"; };
    while (known < 100 && said(leave(stranger("203.0.113.5", account(known)))) == "pass") ++known;
    EXPECT_EQ(known, 8) << "as many as wrong ones";
    EXPECT_EQ(right(owner()), "pass");
}

/// A page that was closed is one wrong password, and a right one after it is right.
TEST_F(Login, WhoClosesAPageAndComesBackSignsIn) {
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(said(leave(stranger("192.0.2.5"))), "pass");
        EXPECT_EQ(right(stranger("192.0.2.5")), "pass");
        EXPECT_EQ(said(leave(owner())), "pass");
        EXPECT_EQ(right(owner()), "pass");
    }
    harness_.clock().advance(minutes(10));
    EXPECT_EQ(said(leave(stranger("192.0.2.5"))), "pass");
    EXPECT_EQ(right(stranger("192.0.2.5")), "pass");
}

/// What the role had said counts, however the connection ended.
TEST_F(Login, AnAnswerThatBreaksOffIsAnAnswer) {
    auto no_try = answered({}), right = answered({PSN_OUTCOME_AUTH_OK}), dropped = refused();
    no_try.status = 403;
    dropped.status = 0;
    for (auto* o : {&no_try, &right, &dropped}) {
        o->flags |= PSN_ENDED_ABORTED;
        for (int i = 0; i < 20; ++i) {
            EXPECT_EQ(said(stranger("192.0.2.5").evaluate()), "pass");
            stranger("192.0.2.5").observe(*o);
        }
    }
}

TEST_F(Login, AStolenBrowserHasTenTriesAnHourThenItIsAStranger) {
    int passed = 0;
    for (int i = 0; i < 60; ++i) passed += wrong(owner()) == "pass" ? 1 : 0;
    EXPECT_EQ(passed, 10 + 5) << "its own, and those of a network and an account";
    harness_.clock().advance(minutes(61));
    EXPECT_EQ(right(owner()), "pass");
}

/// No challenge is put to a browser that is known: where a stranger would get one, it waits.
TEST_F(Login, AStolenBrowserWaitsWhereAStrangerWouldWork) {
    for (int i = 0; i < 12; ++i) (void)wrong(stranger(address(i)));
    for (int i = 0; i < 10; ++i) EXPECT_EQ(wrong(owner()), "pass");
    const auto v = pass(owner(), {});
    EXPECT_EQ(said(v), "throttle device");
    EXPECT_EQ(v.retry_after_ms, 360'000U);
}

TEST_F(Login, StrangersHashInTheirOwnShare) {
    EXPECT_TRUE(stranger("192.0.2.5").evaluate().hints & PSN_HINT_UNTRUSTED);
}

}  // namespace
}  // namespace persona::testing
