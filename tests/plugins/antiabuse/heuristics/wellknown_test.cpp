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

}  // namespace
}  // namespace persona::testing
