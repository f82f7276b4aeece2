#include "tests/plugins/antiabuse/heuristics/helpers.h"

/// verify, token, wellknown: budgets of what turned out bad.
namespace persona::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

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
    EXPECT_LE(passed, 90) << "95 of 100 are stopped";
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

TEST(Tokens, OnlyWrongOnesCount) {
    Harness h(pluginPath("token"));
    const auto ask = [&](std::uint32_t outcome) {
        return said(pass(h.facts().from("192.0.2.5").routeClass(PSN_ROUTE_TOKEN), {outcome}));
    };
    for (int i = 0; i < 100; ++i) EXPECT_EQ(ask(PSN_OUTCOME_TOKEN_OK), "pass");
    for (int i = 0; i < 15; ++i) EXPECT_EQ(ask(PSN_OUTCOME_TOKEN_BAD), "pass");
    EXPECT_EQ(ask(PSN_OUTCOME_TOKEN_OK), "throttle bad_tokens");
    h.clock().advance(seconds(30));
    EXPECT_EQ(ask(PSN_OUTCOME_TOKEN_OK), "pass");
    EXPECT_EQ(ask(PSN_OUTCOME_TOKEN_BAD), "pass");
    EXPECT_EQ(ask(PSN_OUTCOME_TOKEN_BAD), "throttle bad_tokens");
}

TEST(Fetches, MissesArePaidHitsAreNot) {
    Harness h(pluginPath("wellknown"));
    const auto ask = [&](const std::string& from, const std::string& domain,
                         std::uint32_t outcome) {
        const auto f =
            h.facts().from(from).routeClass(PSN_ROUTE_LOOKUP, PSN_TRAIT_FETCHES).domain(domain);
        const auto v = pass(f, {outcome});
        EXPECT_EQ(v.hints & PSN_HINT_CACHED, said(v) == "pass" ? 0U : PSN_HINT_CACHED);
        return said(v);
    };
    for (int i = 0; i < 500; ++i)
        EXPECT_EQ(ask("192.0.2.5", "a.example", PSN_OUTCOME_WK_HIT), "pass");
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(ask("192.0.2.5", std::to_string(i) + ".example", PSN_OUTCOME_WK_MISS), "pass");
    EXPECT_EQ(ask("192.0.2.5", "b.example", PSN_OUTCOME_WK_HIT), "tag prefix");
    EXPECT_EQ(ask("203.0.113.5", "c.example", PSN_OUTCOME_WK_MISS), "pass");
    EXPECT_EQ(ask("203.0.113.6", "c.example", PSN_OUTCOME_WK_MISS), "pass");
    EXPECT_EQ(ask("198.51.100.5", "c.example", PSN_OUTCOME_WK_HIT), "tag domain")
        << "asked twice just now, by whomever";
    h.clock().advance(minutes(2));
    EXPECT_EQ(ask("192.0.2.5", "c.example", PSN_OUTCOME_WK_MISS), "pass");
}

}  // namespace
}  // namespace persona::testing
