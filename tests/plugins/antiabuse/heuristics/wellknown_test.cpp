#include "tests/plugins/antiabuse/heuristics/helpers.h"

namespace persona::testing {
namespace {

using std::chrono::minutes;

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

/// The provider is asked whether the asker waits or not; he pays as for one that was not at hand.
TEST(Fetches, WhoHangsUpPaysForOne) {
    Harness h(pluginPath("wellknown"));
    const auto ask = [&](const std::string& from, int i, std::uint32_t traits = PSN_TRAIT_FETCHES) {
        return h.facts()
            .from(from)
            .routeClass(PSN_ROUTE_LOOKUP, traits)
            .domain(std::to_string(i) + ".example");
    };
    for (int i = 0; i < 10; ++i) EXPECT_EQ(said(leave(ask("192.0.2.5", i))), "pass");
    EXPECT_EQ(said(leave(ask("192.0.2.5", 10))), "tag prefix");
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(said(leave(h.facts().from("192.0.2.77").routeClass(PSN_ROUTE_VERIFY))), "pass");
    EXPECT_EQ(said(leave(h.facts().from("192.0.2.77").routeClass(PSN_ROUTE_VERIFY))), "tag prefix");
    for (int i = 0; i < 50; ++i)
        EXPECT_EQ(said(leave(ask("203.0.113.5", i, 0))), "pass") << "a call that asks nobody";
    auto hit = answered({PSN_OUTCOME_WK_HIT});
    hit.flags |= PSN_ENDED_ABORTED;
    for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(said(ask("203.0.113.5", i).evaluate()), "pass");
        ask("203.0.113.5", i).observe(hit);
    }
}

/// Else whoever hangs up again and again would keep a provider, or all of them, from others.
TEST(Fetches, WhoHangsUpTakesNothingFromOthers) {
    Harness h(pluginPath("wellknown"));
    const auto ask = [&](const std::string& from) {
        return h.facts()
            .from(from)
            .routeClass(PSN_ROUTE_LOOKUP, PSN_TRAIT_FETCHES)
            .domain("a.example");
    };
    for (int i = 0; i < 2'000; ++i) (void)leave(ask("192.0.2.5"));
    EXPECT_EQ(said(ask("192.0.2.5").evaluate()), "tag prefix");
    EXPECT_EQ(said(ask("203.0.113.5").evaluate()), "pass");
}

}  // namespace
}  // namespace persona::testing
