#include "plugins/antiabuse/reader.h"

#include <gtest/gtest.h>

#include "plugins/antiabuse/answer.h"
#include "plugins/antiabuse/outcome.h"

namespace persona::antiabuse {
namespace {

psn_facts facts(std::uint32_t route, std::uint32_t flags = 0,
                std::uint32_t session = PSN_SESSION_NONE) {
    psn_facts f{};
    f.route_class = route;
    f.flags = flags;
    f.session_class = session;
    return f;
}

TEST(Priority, IsWhatCanBeProven) {
    const auto of = [](const psn_facts& f, bool under_way = false) {
        return priorityOf(f, under_way);
    };
    EXPECT_EQ(of(facts(PSN_ROUTE_HEARTBEAT, PSN_FACT_TRUSTED)), 0U);
    EXPECT_EQ(of(facts(PSN_ROUTE_HEARTBEAT)), 3U);
    EXPECT_EQ(of(facts(PSN_ROUTE_ACCOUNT, 0, PSN_SESSION_SIGNED_IN)), 1U);
    EXPECT_EQ(of(facts(PSN_ROUTE_VERIFY, 0, PSN_SESSION_SITE)), 1U);
    EXPECT_EQ(of(facts(PSN_ROUTE_VERIFY)), 2U);
    EXPECT_EQ(of(facts(PSN_ROUTE_STATUS), true), 1U);
    EXPECT_EQ(of(facts(PSN_ROUTE_LOGIN, PSN_FACT_KNOWN_DEVICE)), 2U);
    EXPECT_EQ(of(facts(PSN_ROUTE_LOGIN, PSN_FACT_PAID)), 2U);
    EXPECT_EQ(of(facts(PSN_ROUTE_LOGIN, PSN_FACT_COOKIES | PSN_FACT_SESSION)), 3U)
        << "a session cookie that nobody looked into proves nothing";
    EXPECT_EQ(of(facts(PSN_ROUTE_MEASURE)), 4U);
    EXPECT_EQ(of(facts(PSN_ROUTE_UNKNOWN, PSN_FACT_KNOWN_DEVICE)), 4U);
    EXPECT_EQ(of(facts(PSN_ROUTE_LOGIN, PSN_FACT_FORGED)), 4U);
    EXPECT_EQ(of(facts(PSN_ROUTE_LOGIN, PSN_FACT_BOXED)), 4U);
    EXPECT_EQ(of(facts(PSN_ROUTE_LOGIN, PSN_FACT_BOXED | PSN_FACT_KNOWN_DEVICE)), 2U);
}

TEST(Outcomes, AreReadInTheirOrder) {
    psn_outcome o{};
    readOutcome("verify_bad, wk_miss,nonsense , token_ok", o);
    EXPECT_EQ(o.code, PSN_OUTCOME_VERIFY_BAD);
    EXPECT_EQ(o.codes, 1ULL << PSN_OUTCOME_VERIFY_BAD | 1ULL << PSN_OUTCOME_WK_MISS |
                           1ULL << PSN_OUTCOME_TOKEN_OK);
    psn_outcome none{};
    readOutcome("", none);
    EXPECT_EQ(none.codes, 0U);
    EXPECT_EQ(readMicroseconds("1234", 7), 1'234U);
    for (const auto* bad : {"", "x", "12x", "-1", "99999999999"})
        EXPECT_EQ(readMicroseconds(bad, 7), 7U) << bad;
    EXPECT_EQ(askFor(PSN_HINT_SKIP_MAIL | PSN_HINT_CACHED), "skip-mail, cached");
    EXPECT_EQ(askFor(PSN_HINT_STEP_UP), "step-up");
}

TEST(Answers, WaitUpToAQuarterLongerAndNeverLess) {
    Decision d;
    d.kind = PSN_VERDICT_THROTTLE;
    d.retry_after_ms = 10'000;
    const auto seconds = [&](unsigned spread) {
        const auto a = answerFor(facts(PSN_ROUTE_LOGIN), d, nullptr, nullptr, 1, spread);
        for (const auto& [name, value] : a.headers)
            if (name == "Retry-After") return std::stoi(value);
        return -1;
    };
    EXPECT_EQ(seconds(0), 10);
    EXPECT_EQ(seconds(255), 13);
    d.retry_after_ms = 1;
    EXPECT_EQ(seconds(0), 1);
    EXPECT_NE(answerFor(facts(PSN_ROUTE_VERIFY), d, nullptr, nullptr, 1, 0)
                  .body.find("{\"status\":\"failure\",\"reason\":\"too many requests\""),
              std::string::npos);
}

}  // namespace
}  // namespace persona::antiabuse
