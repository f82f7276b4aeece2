#include "tests/plugins/antiabuse/heuristics/helpers.h"

namespace persona::testing {
namespace {

Facts verification(Harness& h, const std::string& from) {
    return h.facts().from(from).routeClass(PSN_ROUTE_VERIFY);
}

TEST(Verifications, BadOnesAreFewAndNobodyIsChallenged) {
    Harness h(pluginPath("verify"));
    int passed = 0;
    // S11: three a second for ten minutes.
    for (int i = 0; i < 1'800; ++i) {
        const auto v = pass(verification(h, "192.0.2.5"), {PSN_OUTCOME_VERIFY_BADKEY});
        EXPECT_NE(v.kind, PSN_VERDICT_CHALLENGE);
        passed += v.kind == PSN_VERDICT_ABSTAIN ? 1 : 0;
        h.clock().advance(std::chrono::milliseconds(333));
    }
    EXPECT_LE(passed, 40) << "98 of 100 are stopped";
    EXPECT_EQ(said(pass(verification(h, "203.0.113.5"), {PSN_OUTCOME_VERIFY_OK})), "pass");
}

TEST(Verifications, ASiteInGoodStandingMayVerifyAThousandASecond) {
    Harness h(pluginPath("verify"));
    int refused = 0, standing = 0;
    for (int i = 0; i < 20'000; ++i) {
        const bool bad = i % 50 == 49;  // two in a hundred
        const auto v = pass(verification(h, "192.0.2.5"),
                            {bad ? PSN_OUTCOME_VERIFY_BAD : PSN_OUTCOME_VERIFY_OK});
        refused += v.kind != PSN_VERDICT_ABSTAIN ? 1 : 0;
        standing += v.grants & PSN_GRANT_STANDING ? 1 : 0;
        if (i > 100) h.clock().advance(std::chrono::milliseconds(5));
    }
    EXPECT_EQ(refused, 0);
    EXPECT_GT(standing, 19'000);
}

TEST(Verifications, ManyUnderWayAreNoBadOnes) {
    Harness h(pluginPath("verify"));
    int passed = 0;
    while (passed < 5'000 && said(verification(h, "192.0.2.5").evaluate()) == "pass") ++passed;
    EXPECT_EQ(passed, 500);
}

TEST(Verifications, GoodOnesOpenTheRate) {
    Harness h(pluginPath("verify"));
    int passed = 0;
    while (passed < 20'000 &&
           said(pass(verification(h, "192.0.2.5"), {PSN_OUTCOME_VERIFY_OK})) == "pass")
        ++passed;
    EXPECT_GT(passed, 500 * 19) << "standing came after the first twenty";
    EXPECT_LE(passed, 500 * 20);
}

/// Many networks with a few bad ones each: their budgets shrink, those of sites do not.
TEST(Verifications, InAFloodOfBadOnesThoseInNoStandingHaveFewer) {
    Harness h(pluginPath("verify"));
    const auto site = [&](std::uint32_t code) {
        return said(pass(verification(h, "203.0.113.5"), {code}));
    };
    for (int i = 0; i < 60; ++i) {
        EXPECT_EQ(site(PSN_OUTCOME_VERIFY_OK), "pass");
        h.clock().advance(std::chrono::seconds(1));
    }
    const auto attack = [&](int network) {
        int passed = 0;
        for (int source = 0; source < 60; ++source)
            for (int i = 0; i < 20; ++i) {
                const auto from =
                    "10." + std::to_string(network) + "." + std::to_string(source) + ".1";
                passed +=
                    said(pass(verification(h, from), {PSN_OUTCOME_VERIFY_BAD})) == "pass" ? 1 : 0;
                h.clock().advance(std::chrono::milliseconds(2));
            }
        return passed;
    };
    EXPECT_LE(attack(1), 60 * 20 / 2) << "after the first fifty";
    EXPECT_LE(attack(2), 60 * 5 + 10);
    // A new site and a known one with a bad one now and then notice nothing.
    for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(said(pass(verification(h, "198.51.100.7"), {PSN_OUTCOME_VERIFY_OK})), "pass");
        EXPECT_EQ(site(i % 20 == 19 ? PSN_OUTCOME_VERIFY_BAD : PSN_OUTCOME_VERIFY_OK), "pass");
    }
    h.clock().advance(std::chrono::seconds(100));
    EXPECT_GT(attack(3), 49) << "calm for a minute, then seen again";
}

/// Whoever likes posts what he likes into a site's form of sign-in: the site is not refused for it,
/// nor are others at its provider.
TEST(Verifications, OthersGarbageNeverStopsASite) {
    Harness h(pluginPath("verify"));
    int refused = 0;
    const auto site = [&](std::uint32_t code) {
        refused += said(pass(verification(h, "192.0.2.5"), {code})) == "pass" ? 0 : 1;
    };
    // Ten minutes, 100 good ones.
    for (int i = 0; i < 100; ++i) {
        site(PSN_OUTCOME_VERIFY_OK);
        if (i % 10 < 3) site(PSN_OUTCOME_VERIFY_BADKEY);
        h.clock().advance(std::chrono::seconds(6));
    }
    EXPECT_EQ(refused, 0);
    // A quiet night, and then 3 of them a second.
    h.clock().advance(std::chrono::hours(8));
    for (int i = 0; i < 3'600; ++i) {
        site(PSN_OUTCOME_VERIFY_BADKEY);
        if (i % 300 == 299) site(PSN_OUTCOME_VERIFY_OK);
        h.clock().advance(std::chrono::milliseconds(333));
    }
    EXPECT_EQ(refused, 0);
    EXPECT_EQ(said(pass(verification(h, "192.0.2.6"), {PSN_OUTCOME_VERIFY_BAD})), "pass");
    int passed = 0;
    for (int i = 0; i < 100; ++i)
        passed += said(pass(verification(h, "198.51.100.9"), {PSN_OUTCOME_VERIFY_BAD})) == "pass";
    EXPECT_EQ(passed, 20) << "nor is what the site was sent a flood of others";
}

TEST(Verifications, AFewGoodOnesMakeNoSiteOfWhoSendsBadOnes) {
    Harness h(pluginPath("verify"));
    for (int i = 0; i < 9; ++i) pass(verification(h, "192.0.2.5"), {PSN_OUTCOME_VERIFY_OK});
    int passed = 0;
    for (int i = 0; i < 200; ++i)
        passed += said(pass(verification(h, "192.0.2.5"), {PSN_OUTCOME_VERIFY_BAD})) == "pass";
    EXPECT_EQ(passed, 20);
}

TEST(Verifications, WhatIsUsualAmongBadOnesOutlivesASwap) {
    Harness h(pluginPath("verify"));
    // Ten bad ones a second are usual here, of ever other networks.
    int n = 0;
    const auto live = [&](int for_seconds) {
        for (int s = 0; s < for_seconds; ++s) {
            for (int i = 0; i < 10; ++i, ++n)
                pass(verification(h, "10." + std::to_string(n / 250 % 250) + "." +
                                         std::to_string(n % 250) + ".1"),
                     {PSN_OUTCOME_VERIFY_BAD});
            h.clock().advance(std::chrono::seconds(1));
        }
    };
    live(300);
    // Nothing for two minutes, which is what a new one would take for usual.
    h.swap();
    h.clock().advance(std::chrono::seconds(120));
    live(60);
    int passed = 0;
    for (int i = 0; i < 40; ++i)
        passed += said(pass(verification(h, "203.0.113.9"), {PSN_OUTCOME_VERIFY_BAD})) == "pass";
    EXPECT_EQ(passed, 20) << "no flood: its budget is whole";
}

}  // namespace
}  // namespace persona::testing
