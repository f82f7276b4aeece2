#include "tests/plugins/antiabuse/heuristics/helpers.h"

namespace persona::testing {
namespace {

using std::chrono::seconds;

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

TEST(Tokens, WhoHangsUpHasGuessed) {
    Harness h(pluginPath("token"));
    const auto ask = [&] {
        return said(leave(h.facts().from("192.0.2.5").routeClass(PSN_ROUTE_TOKEN)));
    };
    for (int i = 0; i < 15; ++i) EXPECT_EQ(ask(), "pass");
    EXPECT_EQ(ask(), "throttle bad_tokens");
}

}  // namespace
}  // namespace persona::testing
