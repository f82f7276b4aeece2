#include <gtest/gtest.h>

#include <persona/testing/harness.hpp>

namespace persona::testing {
namespace {

const std::string kFile = PERSONA_PLUGIN_DIR "/antiabuse/concurrency.so";

/// How many of `n` at once are let through; those that are not end at once.
int atOnce(const Facts& f, int n) {
    int in = 0;
    psn_outcome refused{};
    refused.flags = PSN_ENDED_REFUSED | PSN_ENDED_OWN;
    for (int i = 0; i < n; ++i) {
        if (f.evaluate().kind == PSN_VERDICT_ABSTAIN)
            ++in;
        else
            f.observe(refused);
    }
    return in;
}

TEST(Concurrency, APrefixHasSixteenUnderWay) {
    Harness h(kFile);
    const auto f = h.facts().routeClass(PSN_ROUTE_LOOKUP);
    EXPECT_EQ(atOnce(f, 40), 16);
    EXPECT_EQ(f.evaluate().reason, "under_way");
    f.observe(200);
    EXPECT_EQ(atOnce(h.facts().from("198.51.100.7").routeClass(PSN_ROUTE_LOOKUP), 40), 16);
    for (int i = 0; i < 16; ++i) f.observe(200);
    EXPECT_EQ(atOnce(f, 40), 16) << "what has ended is not under way";
}

TEST(Concurrency, CreditAndCookiesGiveMore) {
    Harness h(kFile);
    EXPECT_EQ(atOnce(h.facts().from("192.0.2.9").routeClass(PSN_ROUTE_LOOKUP).credit(10), 100), 48);
    EXPECT_EQ(atOnce(h.facts().from("192.0.2.8").routeClass(PSN_ROUTE_LOOKUP), 100), 16);
    EXPECT_EQ(atOnce(h.facts().from("192.0.2.8").routeClass(PSN_ROUTE_LOOKUP).session("a"), 100),
              16)
        << "a browser that is known is counted by itself";
}

TEST(Concurrency, RelyingPartiesAreNotCountedByAddress) {
    Harness h(kFile);
    EXPECT_EQ(atOnce(h.facts().routeClass(PSN_ROUTE_VERIFY), 500), 500);
}

TEST(Concurrency, NobodyQueuesForAHashThatWouldComeTooLate) {
    Harness h(kFile, "hashing.workers: 2\nprefix: 100000");
    const auto stranger = h.facts().from("192.0.2.1").routeClass(PSN_ROUTE_LOGIN, PSN_TRAIT_HASHES);
    EXPECT_EQ(stranger.evaluate().hints, PSN_HINT_UNTRUSTED);
    stranger.observe(200, PSN_OUTCOME_AUTH_FAIL, 200'000);
    // A second of waiting, two workers, 200 ms each: ten.
    EXPECT_EQ(atOnce(stranger, 50), 10);
    const auto v = stranger.evaluate();
    EXPECT_EQ(v.kind, PSN_VERDICT_SHED);
    EXPECT_EQ(v.reason, "hashing_strangers");
    stranger.observe(503);
    const auto known = h.facts()
                           .from("192.0.2.1")
                           .routeClass(PSN_ROUTE_LOGIN, PSN_TRAIT_HASHES)
                           .flags(PSN_FACT_KNOWN_DEVICE);
    EXPECT_EQ(atOnce(known, 50), 20) << "strangers do not take the place of those who are known";
    for (int i = 0; i < 10; ++i) stranger.observe(200, PSN_OUTCOME_AUTH_FAIL, 200'000);
    EXPECT_EQ(atOnce(stranger, 50), 10);
}

}  // namespace
}  // namespace persona::testing
