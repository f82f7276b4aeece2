#include <gmock/gmock.h>

#include "tests/host/bridge/host_fixture.h"

/// Heuristics, as the filter that asks them sees them.
namespace persona::host::testing {
namespace {

using ::testing::HasSubstr;

constexpr const char* kJudge = "{id: judge, module: judge.so, on_error: deny}";

TEST(Heuristics, AreEvaluatedInOrderWithTheirOwnOptions) {
    HostUnderTest t;
    t.write(kJudge,
            "heuristics: [{id: a, module: sample_heuristic.so, on_error: allow, config: {weight: "
            "1}}, {id: b, module: sample_heuristic.so, on_error: deny, config: {weight: 2}}]\n");
    ASSERT_EQ(t.start(), "");
    EXPECT_EQ(t.ask().field("X-Verdicts"), "0/2/1/sample 0/2/2/sample ");
    EXPECT_EQ(t.ask("X-Judge: deny\r\n").field("X-Verdicts"), "0/7/0/told-to 0/7/0/told-to ");
}

TEST(Heuristics, FaultsAreAnsweredByOnErrorAndOpenTheBreaker) {
    HostUnderTest t;
    t.write(kJudge,
            "heuristics: [{id: a, module: sample_heuristic.so, on_error: allow}, {id: b, module: "
            "sample_heuristic.so, on_error: deny}]\n");
    ASSERT_EQ(t.start(), "");
    EXPECT_EQ(t.ask("X-Judge: range\r\n").field("X-Verdicts"), "1/0/0/fault 1/7/0/fault ");
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(t.ask("X-Judge: throw\r\n").field("X-Verdicts"), "1/0/0/fault 1/7/0/fault ");
    EXPECT_EQ(t.ask().field("X-Verdicts"), "7/0/0/breaker 7/7/0/breaker ");
    EXPECT_TRUE(t.logHas("told to throw"));
    EXPECT_EQ(t.metric("browserid_heuristic_a_fault_failed_total"), 4);
    EXPECT_EQ(t.metric("browserid_heuristic_a_fault_bad_result_total"), 1);
    EXPECT_EQ(t.metric("browserid_heuristic_b_breaker_opened_total"), 1);
}

TEST(Heuristics, OverTheBudgetIsCountedAndSaid) {
    HostUnderTest t;
    t.write(kJudge, "heuristics: [{id: a, module: sample_heuristic.so, on_error: allow}]\n");
    ASSERT_EQ(t.start(), "");
    EXPECT_EQ(t.ask("X-Judge: slow\r\n").field("X-Verdicts"), "0/2/10/sample ");
    EXPECT_EQ(t.metric("browserid_heuristic_a_over_budget_total"), 1);
    EXPECT_TRUE(t.logHas("its budget is 200 us"));
}

TEST(Heuristics, MistakesInTheConfigurationSayWhere) {
    const auto startWith = [](const std::string& heuristic) {
        HostUnderTest t;
        t.write(kJudge, "heuristics: [{id: a, " + heuristic + "}]\n");
        return t.start();
    };
    EXPECT_THAT(startWith("module: sample_heuristic.so"), HasSubstr("must be written"));
    EXPECT_THAT(startWith("module: sample_heuristic.so, on_error: allow, config: {wieght: 3}"),
                HasSubstr("did you mean 'weight'?"));
    EXPECT_THAT(startWith("module: sample_v1.so, on_error: allow"),
                HasSubstr("no usable factory psn.heuristic/draft-1"));
    EXPECT_THAT(startWith("module: none.so, on_error: allow"),
                HasSubstr("check the path and plugin_dir"));
    EXPECT_THAT(startWith("module: sample_heuristic.so, on_error: allow, budget: 2h"),
                HasSubstr("expected a duration such as 200us or 1ms"));
}

}  // namespace
}  // namespace persona::host::testing
