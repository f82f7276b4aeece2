#include "tests/libs/accounts/store_fixture.h"

namespace persona::accounts {
namespace {

TEST_P(StoreTest, StagingIsThrottledForAMinuteByThePendingMailAndNotAfterItsCompletion) {
    StageLimits limits;
    const auto first = writer().stageNewAccount(at("a@x.example"), "h", "s", limits, kNow);
    ASSERT_TRUE(first) << first.error();
    const auto second =
        writer().stageNewAccount(at("A@X.example"), "h", "s", limits, kNow + kMinute - 1);
    ASSERT_EQ(why(second), "Throttled");
    EXPECT_EQ(second.failure().retry_after_ms, 1);
    // A throttled staging leaves what is pending as it is.
    EXPECT_EQ(why(reader().staged(first->token, kNow)), "ok");
    EXPECT_EQ(why(writer().stageNewAccount(at("a@x.example"), "h", "s", limits, kNow + kMinute)),
              "ok");
    const auto other = writer().stageNewAccount(at("b@x.example"), "h", "s", limits, kNow);
    ASSERT_EQ(why(writer().completeNewAccount(other->token, kNow)), "ok");
    EXPECT_EQ(why(writer().stageReset(at("b@x.example"), "s", limits, kNow + 1)), "ok");
}

TEST_P(StoreTest, OfStagingsAtOnceTheOneThatBeganEarlierMayComeLater) {
    (void)accountWith("b@x.example");
    for (const Millis interval : {Millis{0}, kMinute}) {
        const StageLimits limits{interval, 0, kHour};
        const auto staged = [&](Millis now_ms) {
            return writer().stageNewAccount(at("a@x.example"), "h", "s", limits, now_ms);
        };
        const auto unblocked = [&](Millis now_ms) {
            return writer().stageUnblock(at("b@x.example"), limits, now_ms);
        };
        // The second round begins when the rows of the first are a day old.
        const auto now = kNow + (interval == 0 ? 0 : kDay);
        ASSERT_EQ(why(staged(now)), "ok");
        ASSERT_EQ(why(unblocked(now)), "ok");
        const auto again = staged(now - 5);
        const auto again_unblocked = unblocked(now - 5);
        if (interval == 0) {
            EXPECT_EQ(why(again), "ok") << "0 is no limit";
            EXPECT_EQ(why(again_unblocked), "ok");
            continue;
        }
        ASSERT_EQ(why(again), "Throttled");
        EXPECT_EQ(again.failure().retry_after_ms, interval) << "never longer than that";
        ASSERT_EQ(why(again_unblocked), "Throttled");
        EXPECT_EQ(again_unblocked.failure().retry_after_ms, interval);
    }
}

TEST_P(StoreTest, ADaysMailsToOneAddressAreCappedAcrossKinds) {
    const StageLimits limits{0, 3, kHour};
    const auto id = accountWith("a@x.example");  // the first mail of the day
    ASSERT_EQ(why(writer().stageReset(at("a@x.example"), "s", limits, kNow + 1)), "ok");
    ASSERT_EQ(why(writer().stageUnblock(at("a@x.example"), limits, kNow + 2)), "ok");
    const auto refused = writer().stageReset(at("a@x.example"), "s", limits, kNow + kHour);
    ASSERT_EQ(why(refused), "Throttled");
    EXPECT_EQ(refused.failure().retry_after_ms, kDay - kHour);
    EXPECT_EQ(why(writer().stageEmail(id, at("other@x.example"), {}, "s", limits, kNow)), "ok");
    EXPECT_EQ(why(writer().stageReset(at("a@x.example"), "s", limits, kNow + kDay)), "ok");
}

TEST_P(StoreTest, OfAnUnprovenAddressesBudgetOnlyADigestIsKept) {
    (void)writer().stageNewAccount(at("a@x.example"), "h", "s", {}, kNow);
    EXPECT_EQ(look("SELECT digest FROM mail_budget").at(0).text(0), tokenDigest("a@x.example"));
}

TEST_P(StoreTest, StagingAgainReplacesEveryColumn) {
    const auto id = accountWith("owner@x.example");
    const auto first =
        writer().stageNewAccount(at("New@x.example"), "evil", "https://one", unlimited(), kNow);
    (void)writer().reserveStagedAttempt(first->token, 5, kNow);
    const auto second =
        writer().stageEmail(id, at("new@x.example"), {}, "https://two", unlimited(), kNow + 5);
    ASSERT_TRUE(second) << second.error();
    EXPECT_EQ(why(reader().staged(first->token, kNow + 6)), "NoSuchToken");
    const auto staged = reader().staged(second->token, kNow + 6);
    ASSERT_TRUE(staged);
    EXPECT_EQ(staged->kind, StagedKind::AddEmail);
    EXPECT_EQ(staged->user, id);
    EXPECT_EQ(staged->address, "new@x.example");
    EXPECT_EQ(staged->password_hash, std::nullopt);
    EXPECT_EQ(staged->site, "https://two");
    EXPECT_EQ(staged->created_ms, kNow + 5);
    EXPECT_EQ(staged->expires_ms, kNow + 5 + 48 * kHour);
    EXPECT_EQ(look("SELECT tries FROM staged").at(0).number(0), 0);
    EXPECT_EQ(count("staged"), 1);
}

TEST_P(StoreTest, TokensAreKeptAsDigestsOnly) {
    const auto tokens = writer().stageNewAccount(at("a@x.example"), "h", "s", {}, kNow);
    EXPECT_TRUE(isToken(tokens->token));
    EXPECT_TRUE(isToken(tokens->not_me));
    EXPECT_NE(tokens->token, tokens->not_me);
    EXPECT_EQ(look("SELECT digest FROM staged").at(0).text(0), tokenDigest(tokens->token));
    EXPECT_EQ(look("SELECT digest FROM notice").at(0).text(0), tokenDigest(tokens->not_me));
}

TEST_P(StoreTest, StageEmailAsksForAPasswordExactlyWhenTheAccountHasNone) {
    const auto with = accountWith("a@x.example");
    const auto without = primaryWith("b@x.example");
    const auto stage = [&](UserId id, const std::optional<std::string>& hash) {
        return why(writer().stageEmail(id, at("new@x.example"), hash, "s", unlimited(), kNow));
    };
    EXPECT_EQ(stage(with, {}), "ok");
    EXPECT_EQ(stage(with, "h"), "PasswordNotAllowed");
    EXPECT_EQ(stage(without, {}), "PasswordRequired");
    EXPECT_EQ(stage(without, "h"), "ok");
    EXPECT_EQ(stage(12345, {}), "NotFound");
}

TEST_P(StoreTest, StageReverifyWantsAnUnverifiedAddressOfTheAccount) {
    const auto id = accountWith("a@x.example");
    const auto other = accountWith("b@x.example");
    const auto stage = [&](UserId who, std::string_view address) {
        return why(writer().stageReverify(who, at(address), "s", unlimited(), kNow));
    };
    EXPECT_EQ(stage(id, "a@x.example"), "AlreadyVerified");
    EXPECT_EQ(stage(other, "a@x.example"), "NotOwner");
    EXPECT_EQ(stage(id, "unknown@x.example"), "NotOwner");
    EXPECT_EQ(stage(77, "a@x.example"), "NotOwner");
}

TEST_P(StoreTest, ResetAndTransitionWantAKnownAddress) {
    EXPECT_EQ(why(writer().stageReset(at("a@x.example"), "s", {}, kNow)), "NotFound");
    EXPECT_EQ(why(writer().stageTransition(at("a@x.example"), "h", "s", {}, kNow)), "NotFound");
    EXPECT_EQ(count("staged"), 0);
    EXPECT_EQ(count("mail_budget"), 0);
}

TEST_P(StoreTest, PendingOperationsAreFoundByAddressAndTokenUntilTheyExpire) {
    const auto tokens = writer().stageNewAccount(at("a@x.example"), "h", "s", {}, kNow);
    const auto end = tokens->expires_ms;
    EXPECT_EQ(end, kNow + 48 * kHour);
    EXPECT_TRUE(reader().stagedFor(at("A@x.example"), end - 1)->has_value());
    EXPECT_FALSE(reader().stagedFor(at("a@x.example"), end)->has_value());
    EXPECT_EQ(why(reader().staged(tokens->token, end - 1)), "ok");
    EXPECT_EQ(why(reader().staged(tokens->token, end)), "NoSuchToken");
    EXPECT_EQ(why(writer().completeNewAccount(tokens->token, end)), "NoSuchToken");
    EXPECT_FALSE(known("a@x.example"));
}

// --- stage_user with allowUnverified, W12

TEST_P(StoreTest, StageUnverifiedMakesAnAccountWithAnUnverifiedAddress) {
    const auto staged = writer().stageUnverified(at("a@x.example"), "h", "s", unlimited(), kNow);
    ASSERT_TRUE(staged) << staged.error();
    EXPECT_TRUE(staged->created);
    EXPECT_EQ(info("a@x.example").user, *staged->user);
    EXPECT_FALSE(info("a@x.example").verified);
    EXPECT_EQ(info("a@x.example").type, AddressType::Secondary);
    EXPECT_EQ(user(*staged->user).password_hash, "h");
    EXPECT_EQ(staged->session_epoch, epoch(*staged->user));
    const auto done = writer().completeEmail(staged->tokens.token, ShownBy::Password, kNow + 1);
    ASSERT_TRUE(done) << done.error();
    EXPECT_TRUE(info("a@x.example").verified);
    // Nothing changed hands: sessions made meanwhile stay.
    EXPECT_EQ(done->session_epoch, staged->session_epoch);
}

TEST_P(StoreTest, StageUnverifiedForAnUnverifiedAddressStagesAgainWithoutASecondAccount) {
    const auto first = writer().stageUnverified(at("a@x.example"), "h1", "s", unlimited(), kNow);
    const auto second =
        writer().stageUnverified(at("a@x.example"), "h2", "s", unlimited(), kNow + 9);
    ASSERT_TRUE(second) << second.error();
    EXPECT_FALSE(second->created);
    EXPECT_EQ(second->user, first->user);
    EXPECT_EQ(count("account"), 1);
    EXPECT_EQ(user(*first->user).password_hash, "h1");
    // The mailbox's owner clicked the second mail: the first one's password and sessions end.
    const auto done = writer().completeEmail(second->tokens.token, ShownBy::Password, kNow + 10);
    ASSERT_TRUE(done) << done.error();
    EXPECT_EQ(user(*first->user).password_hash, "h2");
    EXPECT_GT(done->session_epoch, first->session_epoch);
}

TEST_P(StoreTest, StageUnverifiedForAVerifiedAddressIsOrdinaryStaging) {
    const auto id = accountWith("a@x.example", "h1");
    const auto staged = writer().stageUnverified(at("a@x.example"), "h2", "s", unlimited(), kNow);
    ASSERT_TRUE(staged) << staged.error();
    EXPECT_FALSE(staged->created);
    EXPECT_EQ(staged->user, std::nullopt);
    EXPECT_EQ(count("account"), 1);
    EXPECT_EQ(user(id).password_hash, "h1");
    EXPECT_EQ(reader().staged(staged->tokens.token, kNow)->kind, StagedKind::NewAccount);
}

TEST_P(StoreTest, AThrottledStageUnverifiedLeavesNoAccountBehind) {
    ASSERT_EQ(why(writer().stageNewAccount(at("a@x.example"), "h", "s", {}, kNow)), "ok");
    EXPECT_EQ(why(writer().stageUnverified(at("a@x.example"), "h", "s", {}, kNow + 1)),
              "Throttled");
    EXPECT_EQ(count("account"), 0);
    EXPECT_EQ(count("address"), 0);
}

PERSONA_ON_BOTH_ENGINES(StoreTest);

}  // namespace
}  // namespace persona::accounts
