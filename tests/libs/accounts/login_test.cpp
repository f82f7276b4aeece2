#include "tests/libs/accounts/store_fixture.h"

namespace persona::accounts {
namespace {

constexpr LoginLimits kLimits{3, 5, 7, 2};

TEST_P(StoreTest, ATryIsCountedBeforeItsOutcomeIsKnownAndGivenBackOnSuccess) {  // W3, W4
    const auto id = accountWith("a@x.example", "h");
    const auto attempt = writer().reserveLoginAttempt(id, {}, kLimits, kNow);
    ASSERT_TRUE(attempt) << attempt.error();
    EXPECT_EQ(attempt->user.password_hash, "h");
    EXPECT_EQ(user(id).failed_tries, 1);
    const auto done = writer().loginSucceeded(*attempt, {}, kNow);
    ASSERT_TRUE(done) << done.error();
    EXPECT_EQ(*done, epoch(id));
    EXPECT_EQ(user(id).failed_tries, 0);
    EXPECT_EQ(look("SELECT window_tries FROM account").at(0).number(0), 0);
}

TEST_P(StoreTest, ThePoolWantsAChallengeThenLocksForTheDayThenUntilASuccess) {
    const auto id = accountWith("a@x.example");
    const auto attempt = [&](Millis now) {
        return writer().reserveLoginAttempt(id, {}, kLimits, now);
    };
    for (int i = 0; i < 5; ++i) {
        const auto tried = attempt(kNow);
        ASSERT_TRUE(tried) << i;
        EXPECT_EQ(tried->challenge_wanted, i >= 3) << i;
    }
    const auto locked = attempt(kNow + kHour);
    ASSERT_EQ(why(locked), "Locked");
    EXPECT_EQ(locked.failure().retry_after_ms, 23 * kHour);
    // A new day: two more tries, then seven in a row are reached.
    EXPECT_EQ(why(attempt(kNow + kDay)), "ok");
    EXPECT_EQ(why(attempt(kNow + kDay)), "ok");
    const auto ended = attempt(kNow + 2 * kDay);
    ASSERT_EQ(why(ended), "Locked");
    EXPECT_EQ(ended.failure().retry_after_ms, 0);
    EXPECT_EQ(why(attempt(kNow + 300 * kDay)), "Locked");
    ASSERT_EQ(why(writer().unlock(id)), "ok");
    EXPECT_EQ(why(attempt(kNow + 300 * kDay)), "ok");
}

TEST_P(StoreTest, ARefusedTryIsNotCounted) {
    const auto id = accountWith("a@x.example");
    for (int i = 0; i < 9; ++i) (void)writer().reserveLoginAttempt(id, {}, kLimits, kNow);
    EXPECT_EQ(user(id).failed_tries, 5);
}

TEST_P(StoreTest, StrangersNeverStopATrustedDevice) {
    const auto id = accountWith("a@x.example", "h");
    for (int i = 0; i < 9; ++i) (void)writer().reserveLoginAttempt(id, {}, kLimits, kNow);
    ASSERT_EQ(why(writer().reserveLoginAttempt(id, {}, kLimits, kNow)), "Locked");
    const auto mine = writer().reserveLoginAttempt(id, "device-1", kLimits, kNow);
    ASSERT_TRUE(mine) << mine.error();
    EXPECT_EQ(mine->device, "device-1");
    EXPECT_FALSE(mine->challenge_wanted);
    ASSERT_EQ(why(writer().loginSucceeded(*mine, {}, kNow)), "ok");
    EXPECT_EQ(user(id).failed_tries, 0);  // the row of failures has ended
    // The day's allowance of strangers is spent all the same.
    EXPECT_EQ(why(writer().reserveLoginAttempt(id, {}, kLimits, kNow)), "Locked");
}

TEST_P(StoreTest, ADeviceThatFailsTooOftenCountsAsUntrustedUntilItsHourIsOver) {
    const auto id = accountWith("a@x.example");
    const auto attempt = [&](Millis now) {
        return writer().reserveLoginAttempt(id, "device-1", kLimits, now);
    };
    EXPECT_TRUE(attempt(kNow)->device);
    EXPECT_TRUE(attempt(kNow)->device);
    EXPECT_FALSE(attempt(kNow)->device);
    EXPECT_EQ(user(id).failed_tries, 1);
    EXPECT_TRUE(writer().reserveLoginAttempt(id, "device-2", kLimits, kNow)->device);
    EXPECT_TRUE(attempt(kNow + kHour)->device);
}

TEST_P(StoreTest, AGoodSignInOfATrustedDeviceWithoutFailuresDoesNotTouchTheAccount) {  // W4
    const auto id = accountWith("a@x.example", "h");
    const auto attempt = writer().reserveLoginAttempt(id, "device-1", kLimits, kNow);
    const auto before = look("SELECT revision FROM account").at(0).number(0);
    ASSERT_EQ(why(writer().loginSucceeded(*attempt, {}, kNow)), "ok");
    EXPECT_EQ(look("SELECT revision FROM account").at(0).number(0), before);
    EXPECT_EQ(count("device"), 0);
}

TEST_P(StoreTest, ARehashIsACompareAndSetAndKeepsSessions) {
    const auto id = accountWith("a@x.example", "h1");
    const auto before = epoch(id);
    const auto one = writer().reserveLoginAttempt(id, {}, kLimits, kNow);
    const auto two = writer().reserveLoginAttempt(id, {}, kLimits, kNow);
    ASSERT_EQ(why(writer().loginSucceeded(*one, {"h1-again"}, kNow)), "ok");
    EXPECT_EQ(user(id).password_hash, "h1-again");
    EXPECT_EQ(epoch(id), before);
    // The other one compared with a hash that is no longer there.
    EXPECT_EQ(why(writer().loginSucceeded(*two, {"h1-other"}, kNow)), "WrongPassword");
    EXPECT_EQ(user(id).password_hash, "h1-again");
}

TEST_P(StoreTest, ASignInThatBeganBeforeAPasswordChangeFails) {
    const auto id = accountWith("a@x.example", "h1");
    const auto attempt = writer().reserveLoginAttempt(id, {}, kLimits, kNow);
    ASSERT_EQ(why(writer().updatePassword(id, "h1", "h2", true, kNow)), "ok");
    EXPECT_EQ(why(writer().loginSucceeded(*attempt, {}, kNow)), "WrongPassword");
}

TEST_P(StoreTest, APasswordChangeEndsSessionsEvenInTheSameMillisecond) {  // W14
    const auto id = accountWith("a@x.example", "h1");
    (void)writer().reserveLoginAttempt(id, {}, kLimits, kNow);
    const auto before = epoch(id);
    const auto changed = writer().updatePassword(id, "h1", "h2", true, kNow);
    ASSERT_TRUE(changed) << changed.error();
    EXPECT_GT(*changed, before);
    EXPECT_EQ(user(id).failed_tries, 0);
    EXPECT_EQ(user(id).password_hash, "h2");
    const auto same = writer().updatePassword(id, "h2", "h2-again", false, kNow);
    EXPECT_EQ(*same, *changed);
    EXPECT_EQ(why(writer().updatePassword(id, "h1", "h3", true, kNow)), "WrongPassword");
    EXPECT_EQ(why(writer().updatePassword(5, "h1", "h3", true, kNow)), "NotFound");
    const auto without = primaryWith("p@idp.example");
    EXPECT_EQ(why(writer().updatePassword(without, "", "h3", true, kNow)), "WrongPassword");
}

TEST_P(StoreTest, AccountsThatAreNotThereCannotBeTried) {
    EXPECT_EQ(why(writer().reserveLoginAttempt(42, {}, kLimits, kNow)), "NotFound");
    EXPECT_EQ(why(writer().unlock(42)), "NotFound");
    EXPECT_EQ(why(writer().revokeSessions(42)), "NotFound");
}

TEST_P(StoreTest, RevokingSessionsRaisesTheEpoch) {
    const auto id = accountWith("a@x.example");
    const auto before = epoch(id);
    const auto revoked = writer().revokeSessions(id);
    ASSERT_TRUE(revoked);
    EXPECT_EQ(*revoked, before + 1);
    EXPECT_EQ(epoch(id), before + 1);
}

}  // namespace
}  // namespace persona::accounts
