#include <gmock/gmock.h>

#include <persona/testing/harness.hpp>

/// reputation, cache and entropy.
namespace persona::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

const std::string kFolder = PERSONA_PLUGIN_DIR "/antiabuse/";

TEST(Reputation, FallsByWhatPeopleDoNotDoAndComesBack) {
    Harness h(kFolder + "reputation.so");
    const auto f = [&](std::uint32_t priority) {
        return h.facts().from("192.0.2.1").routeClass(PSN_ROUTE_TOKEN).priority(priority);
    };
    for (int i = 0; i < 100; ++i) f(3).observe(200, PSN_OUTCOME_AUTH_FAIL);
    EXPECT_EQ(f(3).evaluate().kind, PSN_VERDICT_ABSTAIN) << "a wrong password is no offence";
    for (int i = 0; i < 9; ++i) f(3).observe(200, PSN_OUTCOME_TOKEN_BAD);
    const auto v = f(3).evaluate();
    EXPECT_EQ(v.kind, PSN_VERDICT_TAG);
    EXPECT_EQ(v.weight, 10U);
    EXPECT_EQ(v.observed, 55U);
    for (int i = 0; i < 9; ++i) f(3).observe(200, PSN_OUTCOME_TOKEN_BAD);
    EXPECT_EQ(f(3).evaluate().kind, PSN_VERDICT_CHALLENGE) << "others may be there, who work";
    EXPECT_EQ(f(3).routeClass(PSN_ROUTE_UNKNOWN).evaluate().kind, PSN_VERDICT_THROTTLE);
    EXPECT_EQ(f(3).routeClass(PSN_ROUTE_VIEW).evaluate().kind, PSN_VERDICT_TAG);
    EXPECT_EQ(f(2).evaluate().kind, PSN_VERDICT_TAG) << "who is known is only weighed";
    h.clock().advance(minutes(60));
    EXPECT_EQ(f(3).evaluate().kind, PSN_VERDICT_ABSTAIN);
    EXPECT_EQ(h.facts().from("192.0.2.2").evaluate().kind, PSN_VERDICT_ABSTAIN);
}

TEST(Reputation, ItsOwnRefusalsDoNotKeepAPrefixRefused) {
    Harness h(kFolder + "reputation.so");
    psn_outcome own{}, others{};
    own.status = others.status = 429;
    own.flags = PSN_ENDED_REFUSED | PSN_ENDED_OWN;
    others.flags = PSN_ENDED_REFUSED;
    for (int i = 0; i < 500; ++i) h.facts().observe(own);
    EXPECT_EQ(h.facts().evaluate().kind, PSN_VERDICT_ABSTAIN);
    for (int i = 0; i < 50; ++i) h.facts().observe(others);
    EXPECT_EQ(h.facts().evaluate().kind, PSN_VERDICT_TAG);
    others.status = 503;
    for (int i = 0; i < 500; ++i) h.facts().from("192.0.2.3").observe(others);
    EXPECT_EQ(h.facts().from("192.0.2.3").evaluate().kind, PSN_VERDICT_ABSTAIN)
        << "a busy service is nobody's fault";
}

TEST(Reputation, ForgedCookiesCountAndCreditHelps) {
    Harness h(kFolder + "reputation.so");
    const auto f = [&](std::uint32_t credit) {
        return h.facts()
            .from("192.0.2." + std::to_string(credit))
            .flags(PSN_FACT_FORGED)
            .credit(credit);
    };
    for (int i = 0; i < 5; ++i) {
        f(0).observe(200);
        f(20).observe(200);
    }
    EXPECT_EQ(f(0).evaluate().kind, PSN_VERDICT_TAG);
    h.clock().advance(minutes(5));
    EXPECT_EQ(f(0).evaluate().kind, PSN_VERDICT_TAG);
    EXPECT_EQ(f(20).evaluate().kind, PSN_VERDICT_ABSTAIN);
}

TEST(Cache, EverNewQueriesCanWaitAndThenAreRefused) {
    Harness h(kFolder + "cache.so");
    const auto ask = [&](int n, const std::string& path = "/include.js") {
        return h.facts()
            .from("192.0.2.1")
            .routeClass(PSN_ROUTE_STATIC)
            .path(path)
            .query("x=" + std::to_string(n))
            .evaluate();
    };
    for (int i = 0; i < 1'000; ++i) EXPECT_EQ(ask(i % 20).grants, 0U) << "the same ones again";
    int lowest = 0, refused = 0;
    for (int i = 100; i < 500; ++i) {
        const auto v = ask(i);
        lowest += v.grants == PSN_GRANT_LOWEST ? 1 : 0;
        refused += v.kind == PSN_VERDICT_THROTTLE ? 1 : 0;
    }
    EXPECT_EQ(lowest, 150);
    EXPECT_EQ(refused, 220);
    EXPECT_EQ(h.facts().from("192.0.2.1").routeClass(PSN_ROUTE_STATIC).evaluate().kind,
              PSN_VERDICT_ABSTAIN)
        << "without a query nothing is new";
    h.clock().advance(seconds(61));
    EXPECT_EQ(ask(9'999).kind, PSN_VERDICT_ABSTAIN);
    EXPECT_THROW(Harness(kFolder + "cache.so", "refuse_at: 10"), std::runtime_error);
}

TEST(Entropy, SaysWhenTheSpreadIsUnusualAndRefusesNobody) {
    Harness h(kFolder + "entropy.so");
    const auto epoch = [&](int clients) {
        for (int i = 0; i < 1'000; ++i)
            EXPECT_EQ(h.facts()
                          .from("10.0." + std::to_string(i % clients / 250) + "." +
                                std::to_string(i % clients % 250))
                          .path("/" + std::to_string(i % 30))
                          .agent(std::to_string(i % 12))
                          .evaluate()
                          .kind,
                      PSN_VERDICT_ABSTAIN);
        h.clock().advance(seconds(10));
    };
    for (int i = 0; i < 40; ++i) epoch(300 + i % 7);
    EXPECT_EQ(h.metric("alarms"), 0);
    epoch(4);
    epoch(300);
    EXPECT_EQ(h.metric("alarms"), 1);
    EXPECT_THAT(h.log().back(), ::testing::HasSubstr("unusually over clients"));
    epoch(300);
    EXPECT_EQ(h.metric("alarms"), 1) << "an alarm does not become what is usual";
}

}  // namespace
}  // namespace persona::testing
