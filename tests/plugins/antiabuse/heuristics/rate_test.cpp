#include <gtest/gtest.h>

#include <persona/testing/harness.hpp>

namespace persona::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kFile = PERSONA_PLUGIN_DIR "/antiabuse/rate.so";

/// How many of `n` pass.
int passes(const Facts& f, int n) {
    int passed = 0;
    for (int i = 0; i < n; ++i) passed += f.evaluate().kind == PSN_VERDICT_ABSTAIN ? 1 : 0;
    return passed;
}

TEST(Rate, ABurstThenTheRateThatWasSaid) {
    Harness h(kFile);
    const auto f = h.facts().from("192.0.2.1").routeClass(PSN_ROUTE_LOOKUP);
    EXPECT_EQ(passes(f, 150), 100);
    const auto v = f.evaluate();
    EXPECT_EQ(v.kind, PSN_VERDICT_THROTTLE);
    EXPECT_EQ(v.reason, "prefix");
    EXPECT_EQ(v.key, f.raw().prefix_key[0]);
    EXPECT_EQ(v.budget, 100U);
    EXPECT_EQ(v.window_ms, 5'000U);
    EXPECT_EQ(v.retry_after_ms, 50U);
    h.clock().advance(milliseconds(v.retry_after_ms));
    EXPECT_EQ(passes(f, 10), 1) << "exactly when it was said";
    h.clock().advance(seconds(10));
    EXPECT_EQ(passes(f, 150), 100);
    EXPECT_EQ(passes(h.facts().from("192.0.2.2").routeClass(PSN_ROUTE_LOOKUP), 10), 10);
}

TEST(Rate, AWholeNetworkHasEightTimesAsMuch) {
    Harness h(kFile);
    int passed = 0;
    for (int i = 0; i < 200; ++i)
        passed += passes(
            h.facts().from("198.51.100." + std::to_string(i)).routeClass(PSN_ROUTE_LOOKUP), 20);
    EXPECT_EQ(passed, 800);
    EXPECT_EQ(h.facts().from("198.51.100.250").routeClass(PSN_ROUTE_LOOKUP).evaluate().reason,
              "wider");
    passed = 0;
    for (int i = 0; i < 200; ++i) {
        const auto a = "2001:db8:1:" + std::to_string(i) + "::1";
        passed += passes(h.facts().from(a).routeClass(PSN_ROUTE_LOOKUP), 60);
    }
    EXPECT_EQ(passed, 2 * 800) << "these are two /56";
}

TEST(Rate, CreditMakesBudgetsLarger) {
    Harness h(kFile);
    const auto f = [&](std::uint32_t credit) {
        return h.facts()
            .from("203.0.113." + std::to_string(credit))
            .routeClass(PSN_ROUTE_LOOKUP)
            .credit(credit);
    };
    EXPECT_EQ(passes(f(5), 400), 200);
    EXPECT_EQ(passes(f(200), 4'000), 2'100) << "at most 21 times";
}

TEST(Rate, AKnownBrowserIsCountedByItself) {
    Harness h(kFile);
    const auto from = [&] { return h.facts().from("192.0.2.1").routeClass(PSN_ROUTE_LOOKUP); };
    EXPECT_EQ(passes(from(), 150), 100) << "strangers there have used theirs up";
    EXPECT_EQ(passes(from().session("alice").sessionClass(PSN_SESSION_SIGNED_IN), 150), 100);
    EXPECT_EQ(passes(from().session("bob").sessionClass(PSN_SESSION_SIGNED_IN), 150), 100);
    EXPECT_EQ(from().session("bob").evaluate().reason, "session");
    int passed = 0;
    for (int i = 0; i < 20; ++i) passed += passes(from().session("s" + std::to_string(i)), 100);
    EXPECT_EQ(passed, 800 - 200) << "but many cookies in one place are one client";
}

TEST(Rate, WithoutACookieTheContextIsScarce) {
    Harness h(kFile);
    const auto f = h.facts().from("192.0.2.1").routeClass(PSN_ROUTE_CONTEXT);
    EXPECT_EQ(f.evaluate().grants, 0U);
    EXPECT_EQ(passes(f, 9), 9);
    EXPECT_EQ(f.evaluate().grants, PSN_GRANT_LOWEST) << "it can wait from here on";
    EXPECT_EQ(passes(f, 50), 9);
    EXPECT_EQ(f.evaluate().reason, "cookieless");
    EXPECT_EQ(
        passes(h.facts().from("192.0.2.1").routeClass(PSN_ROUTE_CONTEXT).flags(PSN_FACT_COOKIES),
               50),
        50)
        << "what was refused spent nothing of the others";
}

TEST(Rate, WhatThereIsNotIsScarce) {
    Harness h(kFile);
    EXPECT_EQ(passes(h.facts().routeClass(PSN_ROUTE_UNKNOWN), 50), 10);
    EXPECT_EQ(passes(h.facts().routeClass(PSN_ROUTE_STATIC), 500), 300);
}

TEST(Rate, RelyingPartiesAndTheTrustedAreLeftAlone) {
    Harness h(kFile);
    EXPECT_EQ(passes(h.facts().routeClass(PSN_ROUTE_VERIFY), 5'000), 5'000);
    EXPECT_EQ(passes(h.facts().routeClass(PSN_ROUTE_LOOKUP).flags(PSN_FACT_TRUSTED), 5'000), 5'000);
}

TEST(Rate, WhatCostsMoreRunsOutSooner) {
    Harness h(kFile);
    const auto login = [&](const std::string& from) {
        return h.facts().from(from).routeClass(PSN_ROUTE_LOGIN, PSN_TRAIT_HASHES);
    };
    (void)login("192.0.2.9").evaluate();
    login("192.0.2.9").observe(200, PSN_OUTCOME_AUTH_FAIL, 160'000);
    EXPECT_EQ(passes(login("192.0.2.1"), 50), 6) << "a second of processor time";
    const auto v = login("192.0.2.1").evaluate();
    EXPECT_EQ(v.reason, "cost");
    h.clock().advance(milliseconds(v.retry_after_ms));
    EXPECT_EQ(passes(login("192.0.2.1"), 5), 1);
    EXPECT_EQ(passes(h.facts().from("192.0.2.1").routeClass(PSN_ROUTE_LOOKUP), 50), 50);
}

TEST(Rate, ASignInThatSucceedsIsNoDebt) {
    Harness h(kFile);
    const auto login = [&](const std::string& who) {
        return h.facts().from("192.0.2.1").routeClass(PSN_ROUTE_LOGIN).account(who);
    };
    (void)login("first@a.org").evaluate();
    login("first@a.org").observe(200, PSN_OUTCOME_AUTH_OK, 160'000);
    for (int i = 0; i < 60; ++i) {
        const auto f = login(std::to_string(i) + "@a.org");
        ASSERT_EQ(f.evaluate().kind, PSN_VERDICT_ABSTAIN) << i;
        f.observe(200, PSN_OUTCOME_AUTH_OK, 160'000);
    }
    int passed = 0;
    for (int i = 0; i < 60; ++i) {
        const auto f = login("same@a.org");
        if (f.evaluate().kind != PSN_VERDICT_ABSTAIN) continue;
        ++passed;
        f.observe(200, PSN_OUTCOME_AUTH_OK, 160'000);
    }
    EXPECT_EQ(passed, 3 + 6) << "one account cannot burn it all";
}

TEST(Rate, WhatOthersRefusedIsGivenBack) {
    Harness h(kFile);
    const auto f = h.facts().routeClass(PSN_ROUTE_LOOKUP);
    psn_outcome refused{};
    refused.status = 429;
    refused.flags = PSN_ENDED_REFUSED;
    for (int i = 0; i < 500; ++i) {
        ASSERT_EQ(f.evaluate().kind, PSN_VERDICT_ABSTAIN) << i;
        f.observe(refused);
    }
    EXPECT_EQ(passes(f, 150), 100);
    refused.flags |= PSN_ENDED_OWN;
    for (int i = 0; i < 50; ++i) f.observe(refused);
    EXPECT_EQ(passes(f, 50), 0) << "its own refusal spent nothing, so nothing comes back";
}

TEST(Rate, OptionsAreChecked) {
    EXPECT_THROW(Harness(kFile, "all.per_second: 0"), std::runtime_error);
    EXPECT_THROW(Harness(kFile, "all.per_second: 5000"), std::runtime_error);
    EXPECT_THROW(Harness(kFile, "all.burst: 0"), std::runtime_error);
    Harness h(kFile, "all.per_second: 1\nall.burst: 3\nwider: 1");
    EXPECT_EQ(passes(h.facts().routeClass(PSN_ROUTE_LOOKUP), 20), 3);
}

}  // namespace
}  // namespace persona::testing
