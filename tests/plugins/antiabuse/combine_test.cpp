#include "plugins/antiabuse/combine.h"

#include <gtest/gtest.h>

namespace persona::antiabuse {
namespace {

psn_verdict verdict(std::uint32_t kind, std::uint32_t retry = 0, std::uint32_t weight = 0) {
    psn_verdict v{};
    v.kind = kind;
    v.retry_after_ms = retry;
    v.weight = weight;
    v.reason = {"test", 4};
    return v;
}
psn_facts facts(std::uint32_t route = PSN_ROUTE_LOGIN) {
    psn_facts f{};
    f.route_class = route;
    f.priority = 3;
    return f;
}
Decision combine(const std::vector<std::pair<bool, psn_verdict>>& all,
                 const psn_facts& f = facts()) {
    Findings findings;
    std::uint32_t rule = 0;
    for (const auto& [acts, v] : all) findings.add(rule++, acts, v);
    return findings.combine(f, {});
}

TEST(Combine, TheStrictestThatActsCounts) {
    const auto d = combine({{true, verdict(PSN_VERDICT_THROTTLE, 500)},
                            {true, verdict(PSN_VERDICT_SHED, 100)},
                            {false, verdict(PSN_VERDICT_DROP)}});
    EXPECT_EQ(d.kind, PSN_VERDICT_SHED);
    EXPECT_EQ(d.by, 1);
    EXPECT_TRUE(d.refuses());
    const auto longer = combine(
        {{true, verdict(PSN_VERDICT_THROTTLE, 500)}, {true, verdict(PSN_VERDICT_THROTTLE, 9'000)}});
    EXPECT_EQ(longer.retry_after_ms, 9'000U);
    EXPECT_FALSE(combine({}).refuses());
    EXPECT_FALSE(combine({{false, verdict(PSN_VERDICT_DENY)}}).refuses());
}

TEST(Combine, WhoCanWorkIsNotTurnedAwayFromAFullService) {
    const auto shed = verdict(PSN_VERDICT_SHED, 3'000);
    const auto stranger = combine({{true, shed}});
    EXPECT_EQ(stranger.kind, PSN_VERDICT_CHALLENGE);
    EXPECT_EQ(stranger.level, 12U);
    EXPECT_EQ(stranger.by, 0);
    auto paid = facts();
    paid.flags = PSN_FACT_PAID;
    EXPECT_EQ(combine({{true, shed}}, paid).kind, PSN_VERDICT_SHED);
    auto known = facts();
    known.priority = 2;
    EXPECT_EQ(combine({{true, shed}}, known).kind, PSN_VERDICT_SHED);
    EXPECT_EQ(combine({{true, shed}}, facts(PSN_ROUTE_VIEW)).kind, PSN_VERDICT_SHED);
    EXPECT_EQ(combine({{true, shed}}, facts(PSN_ROUTE_VERIFY)).kind, PSN_VERDICT_SHED);
    EXPECT_EQ(combine({{true, shed}, {true, verdict(PSN_VERDICT_THROTTLE)}}).kind, PSN_VERDICT_SHED)
        << "a limit of his own is no matter of room";
}

TEST(Combine, AnAllowListGoesBeforeEverything) {
    const auto d = combine({{true, verdict(PSN_VERDICT_DROP)}, {true, verdict(PSN_VERDICT_ALLOW)}});
    EXPECT_EQ(d.kind, PSN_VERDICT_ALLOW);
    EXPECT_FALSE(d.refuses());
    EXPECT_TRUE(
        combine({{true, verdict(PSN_VERDICT_DROP)}, {false, verdict(PSN_VERDICT_ALLOW)}}).refuses())
        << "one that is only listened to allows nothing";
}

TEST(Combine, TheTrustedAreNeverRefused) {
    auto f = facts();
    f.flags = PSN_FACT_TRUSTED;
    EXPECT_FALSE(combine({{true, verdict(PSN_VERDICT_DROP)}}, f).refuses());
}

TEST(Combine, WeightsAddAndPickTheLevel) {
    const auto light =
        combine({{true, verdict(PSN_VERDICT_TAG, 0, 5)}, {false, verdict(PSN_VERDICT_TAG, 0, 50)}});
    EXPECT_FALSE(light.refuses());
    EXPECT_EQ(light.weight, 5U);
    const auto some =
        combine({{true, verdict(PSN_VERDICT_TAG, 0, 5)}, {true, verdict(PSN_VERDICT_TAG, 0, 6)}});
    EXPECT_EQ(some.kind, PSN_VERDICT_CHALLENGE);
    EXPECT_EQ(some.by, 1) << "the heavier one stands for both";
    EXPECT_EQ(some.level, 8U);
    EXPECT_EQ(some.challenge_kind, PSN_CHALLENGE_ANY);
    const auto heavy = combine({{true, verdict(PSN_VERDICT_TAG, 0, 30)}});
    EXPECT_EQ(heavy.level, 13U);
    EXPECT_EQ(heavy.challenge_kind, PSN_CHALLENGE_MAIL);
    EXPECT_EQ(levelOf(1'000, {}), 14U);
}

TEST(Combine, WeightsAreNothingWhereNothingIsGuessed) {
    for (const auto route : {PSN_ROUTE_STATIC, PSN_ROUTE_VIEW, PSN_ROUTE_VERIFY, PSN_ROUTE_STATUS})
        EXPECT_FALSE(combine({{true, verdict(PSN_VERDICT_TAG, 0, 100)}}, facts(route)).refuses());
    auto f = facts(PSN_ROUTE_CONTEXT);
    EXPECT_TRUE(combine({{true, verdict(PSN_VERDICT_TAG, 0, 100)}}, f).refuses());
    f.flags = PSN_FACT_COOKIES;
    EXPECT_FALSE(combine({{true, verdict(PSN_VERDICT_TAG, 0, 100)}}, f).refuses());
}

TEST(Combine, ChallengesAreForStrangers) {
    auto wanted = verdict(PSN_VERDICT_CHALLENGE);
    wanted.level = 12;
    EXPECT_EQ(combine({{true, wanted}}).level, 12U);
    auto known = facts(), inside = facts(PSN_ROUTE_LOOKUP), site = facts(PSN_ROUTE_VERIFY),
         paid = facts();
    known.flags = PSN_FACT_KNOWN_DEVICE;
    inside.session_class = PSN_SESSION_SIGNED_IN;
    paid.flags = PSN_FACT_PAID;
    for (const auto& f : {known, inside, site, paid})
        EXPECT_FALSE(combine({{true, wanted}}, f).refuses());
    inside.route_class = PSN_ROUTE_LOGIN;
    EXPECT_TRUE(combine({{true, wanted}}, inside).refuses())
        << "a session says nothing of other accounts";
    wanted.challenge_kind = PSN_CHALLENGE_MAIL;
    EXPECT_TRUE(combine({{true, wanted}}, paid).refuses()) << "work is no mail";
    EXPECT_FALSE(combine({{true, wanted}}, known).refuses());
    EXPECT_EQ(combine({{true, wanted}, {true, verdict(PSN_VERDICT_THROTTLE, 1)}}, paid).kind,
              PSN_VERDICT_THROTTLE);
}

TEST(Combine, HintsOfThoseThatActAreJoined) {
    auto a = verdict(PSN_VERDICT_ABSTAIN), b = verdict(PSN_VERDICT_TAG, 0, 1),
         c = verdict(PSN_VERDICT_ABSTAIN);
    a.hints = PSN_HINT_SKIP_MAIL;
    b.hints = PSN_HINT_UNTRUSTED;
    c.hints = PSN_HINT_STEP_UP;
    EXPECT_EQ(combine({{true, a}, {true, b}, {false, c}}).hints,
              PSN_HINT_SKIP_MAIL | PSN_HINT_UNTRUSTED);
}

TEST(Combine, MoreThanItHoldsNeverLosesTheStrictest) {
    std::vector<std::pair<bool, psn_verdict>> all(40, {true, verdict(PSN_VERDICT_TAG, 0, 0)});
    all.emplace_back(true, verdict(PSN_VERDICT_THROTTLE, 7));
    for (int i = 0; i < 40; ++i) all.emplace_back(false, verdict(PSN_VERDICT_DROP));
    EXPECT_EQ(combine(all).kind, PSN_VERDICT_THROTTLE);
}

}  // namespace
}  // namespace persona::antiabuse
