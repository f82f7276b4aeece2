#include "tests/libs/accounts/store_fixture.h"

namespace persona::accounts {
namespace {

const LoginLimits kLimits{1, 2, 9, 2};

TEST_P(StoreTest, AnUnblockLinkOpensThePoolOnce) {
    const auto id = accountWith("a@x.example");
    for (int i = 0; i < 3; ++i) (void)writer().reserveLoginAttempt(id, {}, kLimits, kNow);
    ASSERT_EQ(why(writer().reserveLoginAttempt(id, {}, kLimits, kNow)), "Locked");
    const auto staged = writer().stageUnblock(at("A@x.example"), unlimited(), kNow);
    ASSERT_TRUE(staged && *staged);
    // Staging opens nothing.
    ASSERT_EQ(why(writer().reserveLoginAttempt(id, {}, kLimits, kNow)), "Locked");
    const auto done = writer().completeUnblock((*staged)->token, kNow + 1);
    ASSERT_TRUE(done) << done.error();
    EXPECT_EQ(*done, id);
    EXPECT_EQ(why(writer().reserveLoginAttempt(id, {}, kLimits, kNow)), "ok");
    EXPECT_EQ(why(writer().completeUnblock((*staged)->token, kNow + 2)), "NoSuchToken");
}

TEST_P(StoreTest, UnblockTokensServeNothingElseAndExpire) {
    accountWith("a@x.example");
    const auto staged = writer().stageUnblock(at("a@x.example"), {0, 0, kHour}, kNow);
    const auto& token = (*staged)->token;
    EXPECT_EQ(why(writer().reportNotMe(token, kNow)), "NoSuchToken");
    EXPECT_EQ(why(writer().completeReset(token, "h", kNow)), "NoSuchToken");
    EXPECT_EQ(why(writer().completeUnblock((*staged)->not_me, kNow)), "NoSuchToken");
    EXPECT_EQ(why(writer().completeUnblock(token, kNow + kHour)), "NoSuchToken");
    EXPECT_EQ(why(writer().completeUnblock(token, kNow + kHour - 1)), "ok");
}

TEST_P(StoreTest, UnblockForUnknownAddressesStagesNothingAndIsThrottledForKnownOnes) {
    const auto unknown = writer().stageUnblock(at("nobody@x.example"), {}, kNow);
    ASSERT_TRUE(unknown);
    EXPECT_FALSE(unknown->has_value());
    EXPECT_EQ(count("notice"), 0);
    accountWith("a@x.example");
    ASSERT_EQ(why(writer().stageUnblock(at("a@x.example"), {}, kNow)), "ok");
    const auto second = writer().stageUnblock(at("a@x.example"), {}, kNow + 1);
    ASSERT_EQ(why(second), "Throttled");
    EXPECT_EQ(second.failure().retry_after_ms, kMinute - 1);
    EXPECT_EQ(why(writer().stageUnblock(at("a@x.example"), {}, kNow + kMinute)), "ok");
}

TEST_P(StoreTest, NotMeEndsAPendingOperationAndNoSessions) {
    const auto id = accountWith("a@x.example");
    const auto before = epoch(id);
    const auto staged = writer().stageReset(at("a@x.example"), "s", unlimited(), kNow);
    ASSERT_EQ(why(writer().reportNotMe(staged->not_me, kNow + 1)), "ok");
    EXPECT_EQ(why(writer().completeReset(staged->token, "evil", kNow + 2)), "NoSuchToken");
    // It made no sessions, so a stranger's reset mail logs nobody out.
    EXPECT_EQ(epoch(id), before);
    EXPECT_EQ(why(writer().reportNotMe(staged->not_me, kNow + 3)), "NoSuchToken");
}

TEST_P(StoreTest, NotMeAfterTheCompletionEndsTheSessionsThatItMade) {
    const auto staged = writer().stageNewAccount(at("a@x.example"), "h", "s", unlimited(), kNow);
    const auto done = writer().completeNewAccount(staged->token, kNow);
    ASSERT_EQ(why(writer().reportNotMe(staged->not_me, kNow + 1)), "ok");
    EXPECT_GT(epoch(done->user), done->session_epoch);
}

TEST_P(StoreTest, NotMeTakesAnUnprovenClaimAway) {
    const auto staged = writer().stageUnverified(at("a@x.example"), "h", "s", unlimited(), kNow);
    ASSERT_EQ(why(writer().reportNotMe(staged->tokens.not_me, kNow + 1)), "ok");
    EXPECT_FALSE(known("a@x.example"));
    EXPECT_EQ(epoch(*staged->user), -1);
    EXPECT_EQ(why(writer().completeEmail(staged->tokens.token, ShownBy::Password, kNow + 2)),
              "NoSuchToken");
}

// The owner clicks in the mail that tells of a reset by somebody who reads another of the
// addresses.
TEST_P(StoreTest, NotMeLeavesTheOwnerAnAddressThatAResetLeftUnproven) {
    const auto id = accountWith("a@x.example");
    const auto add = writer().stageEmail(id, at("b@x.example"), {}, "s", unlimited(), kNow);
    ASSERT_EQ(why(writer().completeEmail(add->token, ShownBy::Session, kNow)), "ok");
    const auto token = writer().makeNotMe(id, at("a@x.example"), kDay, kNow);
    const auto reset = writer().stageReset(at("b@x.example"), "s", unlimited(), kNow);
    ASSERT_EQ(why(writer().completeReset(reset->token, "evil", kNow + 1)), "ok");
    ASSERT_FALSE(info("a@x.example").verified);
    const auto before = epoch(id);
    ASSERT_EQ(why(writer().reportNotMe(*token, kNow + 2)), "ok");
    EXPECT_GT(epoch(id), before);
    EXPECT_TRUE(known("a@x.example"));
    EXPECT_EQ(why(writer().stageReset(at("a@x.example"), "s", unlimited(), kNow + 3)), "ok");
}

TEST_P(StoreTest, NotMeOfAReplacedMailLeavesTheNewerOperation) {
    accountWith("a@x.example");
    const auto first = writer().stageReset(at("a@x.example"), "s", unlimited(), kNow);
    const auto second = writer().stageReset(at("a@x.example"), "s", unlimited(), kNow + 1);
    ASSERT_EQ(why(writer().reportNotMe(first->not_me, kNow + 2)), "ok");
    EXPECT_EQ(why(writer().completeReset(second->token, "mine", kNow + 3)), "ok");
}

TEST_P(StoreTest, NotMeForAMailAboutTheAccountEndsItsSessions) {
    const auto id = accountWith("a@x.example");
    const auto before = epoch(id);
    const auto token = writer().makeNotMe(id, at("a@x.example"), kDay, kNow);
    ASSERT_TRUE(token) << token.error();
    EXPECT_EQ(why(writer().reportNotMe(*token, kNow + kDay)), "NoSuchToken");
    EXPECT_EQ(why(writer().reportNotMe(*token, kNow + 1)), "ok");
    EXPECT_GT(epoch(id), before);
    EXPECT_TRUE(known("a@x.example"));
    EXPECT_EQ(why(writer().makeNotMe(3, at("a@x.example"), kDay, kNow)), "NotFound");
}

}  // namespace
}  // namespace persona::accounts
