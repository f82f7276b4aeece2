#include "tests/libs/accounts/store_fixture.h"

namespace persona::accounts {
namespace {

TEST_P(StoreTest, CompletingANewAccountGivesASecondaryVerifiedAddressWithTheStagedPassword) {
    const auto staged =
        writer().stageNewAccount(at("Alice@X.example"), "h", "s", unlimited(), kNow);
    const auto done = writer().completeNewAccount(staged->token, kNow + 1);
    ASSERT_TRUE(done) << done.error();
    EXPECT_GT(done->user, 0);
    EXPECT_LT(done->user, std::int64_t(1) << 53);
    EXPECT_EQ(done->address, "Alice@X.example");
    EXPECT_EQ(done->session_epoch, epoch(done->user));
    const auto known = info("alice@x.example");
    EXPECT_EQ(known.user, done->user);
    EXPECT_EQ(known.type, AddressType::Secondary);
    EXPECT_TRUE(known.verified);
    EXPECT_TRUE(known.has_password);
    EXPECT_EQ(known.address, "Alice@X.example");
    EXPECT_EQ(user(done->user).failed_tries, 0);
    EXPECT_FALSE(reader().stagedFor(at("alice@x.example"), kNow)->has_value());
}

TEST_P(StoreTest, ATokenClickedTwiceDoesNothingTheSecondTime) {
    const auto staged = writer().stageNewAccount(at("a@x.example"), "h", "s", unlimited(), kNow);
    const auto done = writer().completeNewAccount(staged->token, kNow + 1);
    const auto before = epoch(done->user);
    EXPECT_EQ(why(writer().completeNewAccount(staged->token, kNow + 2)), "AlreadyUsed");
    EXPECT_EQ(why(writer().completeEmail(staged->token, ShownBy::Password, kNow + 2)),
              "AlreadyUsed");
    EXPECT_EQ(why(writer().completeReset(staged->token, "evil", kNow + 2)), "AlreadyUsed");
    EXPECT_EQ(why(writer().reserveStagedAttempt(staged->token, 9, kNow + 2)), "AlreadyUsed");
    EXPECT_EQ(epoch(done->user), before);
    EXPECT_EQ(user(done->user).password_hash, "h");
    EXPECT_EQ(count("account"), 1);
    const auto used = reader().usedToken(staged->token);
    ASSERT_TRUE(used && *used);
    EXPECT_EQ((*used)->user, done->user);
    EXPECT_EQ((*used)->kind, StagedKind::NewAccount);
    EXPECT_EQ((*used)->used_ms, kNow + 1);
}

TEST_P(StoreTest, UnknownTokensAreNoDatabaseTrouble) {  // W9
    const std::string token(48, 'x');
    EXPECT_EQ(why(writer().completeNewAccount(token, kNow)), "NoSuchToken");
    EXPECT_EQ(why(writer().completeEmail(token, ShownBy::Password, kNow)), "NoSuchToken");
    EXPECT_EQ(why(writer().completeReset(token, "h", kNow)), "NoSuchToken");
    EXPECT_EQ(why(writer().reserveStagedAttempt(token, 9, kNow)), "NoSuchToken");
    EXPECT_EQ(why(writer().completeUnblock(token, kNow)), "NoSuchToken");
    EXPECT_EQ(why(writer().reportNotMe(token, kNow)), "NoSuchToken");
    EXPECT_EQ(why(reader().staged(token, kNow)), "NoSuchToken");
    EXPECT_FALSE(reader().usedToken(token)->has_value());
    for (const char* odd : {"", "'; DROP TABLE account; --", "\xff\xfe"})
        EXPECT_EQ(why(reader().staged(odd, kNow)), "NoSuchToken");
}

TEST_P(StoreTest, ATokenAtTheWrongCompletionIsNotBurnt) {  // W8
    const auto id = accountWith("a@x.example");
    const auto create = writer().stageNewAccount(at("n@x.example"), "h", "s", unlimited(), kNow);
    const auto add = writer().stageEmail(id, at("b@x.example"), {}, "s", unlimited(), kNow);
    const auto reset = writer().stageReset(at("a@x.example"), "s", unlimited(), kNow);
    EXPECT_EQ(why(writer().completeEmail(create->token, ShownBy::Password, kNow)), "WrongKind");
    EXPECT_EQ(why(writer().completeReset(create->token, "h", kNow)), "WrongKind");
    EXPECT_EQ(why(writer().completeNewAccount(add->token, kNow)), "WrongKind");
    EXPECT_EQ(why(writer().completeReset(add->token, "h", kNow)), "WrongKind");
    EXPECT_EQ(why(writer().completeNewAccount(reset->token, kNow)), "WrongKind");
    EXPECT_EQ(why(writer().completeEmail(reset->token, ShownBy::Password, kNow)), "WrongKind");
    EXPECT_EQ(why(writer().completeReset(reset->token, {}, kNow)), "PasswordRequired");
    EXPECT_EQ(why(writer().completeNewAccount(create->token, kNow)), "ok");
    EXPECT_EQ(why(writer().completeEmail(add->token, ShownBy::Password, kNow)), "ok");
    EXPECT_EQ(why(writer().completeReset(reset->token, "h2", kNow)), "ok");
}

TEST_P(StoreTest, CompletingForAKnownAddressMovesItEndsTheOldSessionsAndDropsEmptiedAccounts) {
    const auto alone = accountWith("a@x.example", "old");
    const auto two = accountWith("b@x.example", "old");
    const auto more = writer().stageEmail(two, at("c@x.example"), {}, "s", unlimited(), kNow);
    ASSERT_EQ(why(writer().completeEmail(more->token, ShownBy::Password, kNow)), "ok");
    const auto before = epoch(two);

    const auto moved = accountWith("a@x.example", "new");
    EXPECT_NE(moved, alone);
    EXPECT_EQ(epoch(alone), -1);  // W13: gone with its last address
    const auto second = accountWith("c@x.example", "new");
    EXPECT_EQ(info("c@x.example").user, second);
    EXPECT_GT(epoch(two), before);  // W14: its sessions relied on that address
    EXPECT_EQ(*reader().listEmails(two), std::vector<std::string>{"b@x.example"});
}

// --- stage_email, stage_reverify

TEST_P(StoreTest, AddingAnAddressKeepsSessionsAndPassword) {
    const auto id = accountWith("a@x.example", "h");
    const auto before = epoch(id);
    const auto staged = writer().stageEmail(id, at("B@x.example"), {}, "s", unlimited(), kNow);
    const auto done = writer().completeEmail(staged->token, ShownBy::Password, kNow);
    ASSERT_TRUE(done) << done.error();
    EXPECT_EQ(done->user, id);
    EXPECT_EQ(done->session_epoch, before);
    EXPECT_EQ(user(id).password_hash, "h");
    EXPECT_TRUE(info("b@x.example").verified);
    EXPECT_EQ(*reader().listEmails(id), (std::vector<std::string>{"a@x.example", "B@x.example"}));
}

TEST_P(StoreTest, AFirstSecondaryGivesAPrimaryOnlyAccountItsPassword) {
    const auto id = primaryWith("p@idp.example");
    const auto before = epoch(id);
    const auto staged = writer().stageEmail(id, at("b@x.example"), "fresh", "s", unlimited(), kNow);
    ASSERT_EQ(why(writer().completeEmail(staged->token, ShownBy::Password, kNow)), "ok");
    EXPECT_EQ(user(id).password_hash, "fresh");
    EXPECT_EQ(epoch(id), before);
    EXPECT_EQ(info("b@x.example").type, AddressType::Secondary);
    EXPECT_EQ(info("p@idp.example").type, AddressType::Primary);
}

TEST_P(StoreTest, AHashStagedForAnAccountWithoutPasswordIsDroppedWhenItGotOneMeanwhile) {  // W1
    const auto id = primaryWith("p@idp.example");
    const auto one = writer().stageEmail(id, at("b@x.example"), "one", "s", unlimited(), kNow);
    const auto two = writer().stageEmail(id, at("c@x.example"), "two", "s", unlimited(), kNow);
    ASSERT_EQ(why(writer().completeEmail(one->token, ShownBy::Password, kNow)), "ok");
    ASSERT_EQ(why(writer().completeEmail(two->token, ShownBy::Password, kNow)), "ok");
    EXPECT_EQ(user(id).password_hash, "one");
    EXPECT_EQ(info("c@x.example").user, id);
}

TEST_P(StoreTest, AnAttackersStagedHashNeverBecomesTheVictimsPassword) {  // W1
    const auto victim = accountWith("v@x.example", "victims");
    const auto evil = [&](std::string_view address) {
        ASSERT_EQ(why(writer().stageNewAccount(at(address), "evil", "s", unlimited(), kNow)), "ok");
    };
    evil("new@x.example");
    const auto add = writer().stageEmail(victim, at("new@x.example"), {}, "s", unlimited(), kNow);
    ASSERT_EQ(why(writer().completeEmail(add->token, ShownBy::Password, kNow)), "ok");
    EXPECT_EQ(user(victim).password_hash, "victims");

    const auto reset = writer().stageReset(at("v@x.example"), "s", unlimited(), kNow);
    ASSERT_EQ(why(writer().completeReset(reset->token, "victims2", kNow)), "ok");
    evil("new@x.example");
    const auto again =
        writer().stageReverify(victim, at("new@x.example"), "s", unlimited(), kNow + 1);
    ASSERT_EQ(why(writer().completeEmail(again->token, ShownBy::Password, kNow + 2)), "ok");
    EXPECT_EQ(user(victim).password_hash, "victims2");

    evil("v@x.example");
    const auto transition =
        writer().stageTransition(at("v@x.example"), "victims3", "s", unlimited(), kNow + 3);
    ASSERT_EQ(why(writer().completeReset(transition->token, {}, kNow + 4)), "ok");
    EXPECT_EQ(user(victim).password_hash, "victims3");
}

TEST_P(StoreTest, AnUnverifiedAccountsLinkDoesNotBringAnOldPasswordBack) {
    const auto staged = writer().stageUnverified(at("a@x.example"), "old", "s", unlimited(), kNow);
    ASSERT_EQ(why(writer().updatePassword(*staged->user, "old", "new", true, kNow + 1)), "ok");
    ASSERT_EQ(why(writer().completeEmail(staged->tokens.token, ShownBy::Session, kNow + 2)), "ok");
    EXPECT_EQ(user(*staged->user).password_hash, "new");
}

// W1: whoever signed up is signed in, and clicks the mail that a stranger has sent again.
TEST_P(StoreTest, AStrangersPasswordIsNotTakenOverByTheOwnersSession) {
    const auto own = writer().stageUnverified(at("a@x.example"), "own", "s", unlimited(), kNow);
    const auto evil =
        writer().stageUnverified(at("a@x.example"), "evil", "s", unlimited(), kNow + 1);
    ASSERT_EQ(evil->user, own->user);
    const auto done = writer().completeEmail(evil->tokens.token, ShownBy::Session, kNow + 2);
    ASSERT_TRUE(done) << done.error();
    EXPECT_TRUE(info("a@x.example").verified);
    EXPECT_EQ(user(*own->user).password_hash, "own");
    EXPECT_EQ(done->session_epoch, own->session_epoch);
}

TEST_P(StoreTest, ThePasswordThatIsShownCountsWhateverAStrangerSetMeanwhile) {
    const auto evil = writer().stageUnverified(at("a@x.example"), "evil", "s", unlimited(), kNow);
    const auto own = writer().stageUnverified(at("a@x.example"), "own", "s", unlimited(), kNow + 1);
    ASSERT_EQ(why(writer().updatePassword(*evil->user, "evil", "evil2", true, kNow + 2)), "ok");
    const auto before = epoch(*evil->user);
    const auto done = writer().completeEmail(own->tokens.token, ShownBy::Password, kNow + 3);
    ASSERT_TRUE(done) << done.error();
    EXPECT_EQ(user(done->user).password_hash, "own");
    EXPECT_GT(done->session_epoch, before);
}

TEST_P(StoreTest, AnAddressLeavesAnAccountInWhichAStrangerHasProvenAnother) {
    const auto evil = writer().stageUnverified(at("a@x.example"), "evil", "s", unlimited(), kNow);
    const auto own = writer().stageUnverified(at("a@x.example"), "own", "s", unlimited(), kNow + 1);
    ASSERT_EQ(why(writer().addPrimaryEmail(*evil->user, at("evil@idp.example"), kNow + 2)), "ok");
    const auto before = epoch(*evil->user);
    const auto done = writer().completeEmail(own->tokens.token, ShownBy::Password, kNow + 3);
    ASSERT_TRUE(done) << done.error();
    EXPECT_NE(done->user, *evil->user);
    EXPECT_EQ(info("a@x.example").user, done->user);
    EXPECT_EQ(user(done->user).password_hash, "own");
    EXPECT_EQ(info("evil@idp.example").user, *evil->user);
    EXPECT_GT(epoch(*evil->user), before);
}

TEST_P(StoreTest, AnAddressThatItsOwnerHasProvenMeanwhileStaysWhereItIs) {
    const auto own = writer().stageUnverified(at("a@x.example"), "own", "s", unlimited(), kNow);
    ASSERT_EQ(why(writer().addPrimaryEmail(*own->user, at("a@x.example"), kNow + 1)), "ok");
    const auto done = writer().completeEmail(own->tokens.token, ShownBy::Password, kNow + 2);
    ASSERT_TRUE(done) << done.error();
    EXPECT_EQ(done->user, *own->user);
    EXPECT_EQ(done->session_epoch, own->session_epoch);
    EXPECT_EQ(count("account"), 1);
}

TEST_P(StoreTest, ASignUpForAnAddressThatAResetLeftUnprovenMakesNobodyItsOwner) {
    const auto id = accountWith("a@x.example", "h1");
    const auto add = writer().stageEmail(id, at("b@x.example"), {}, "s", unlimited(), kNow);
    ASSERT_EQ(why(writer().completeEmail(add->token, ShownBy::Session, kNow)), "ok");
    const auto reset = writer().stageReset(at("a@x.example"), "s", unlimited(), kNow);
    ASSERT_EQ(why(writer().completeReset(reset->token, "h2", kNow + 1)), "ok");
    ASSERT_FALSE(info("b@x.example").verified);
    const auto evil =
        writer().stageUnverified(at("b@x.example"), "evil", "s", unlimited(), kNow + 2);
    ASSERT_TRUE(evil) << evil.error();
    EXPECT_EQ(evil->user, std::nullopt);
    EXPECT_EQ(reader().staged(evil->tokens.token, kNow + 2)->kind, StagedKind::NewAccount);
    EXPECT_EQ(why(writer().completeEmail(evil->tokens.token, ShownBy::Session, kNow + 3)),
              "WrongKind");
    EXPECT_EQ(user(id).password_hash, "h2");
}

TEST_P(StoreTest, ReverifyingVerifiesAndDoesNotBringBackAnAddressThatLeft) {
    const auto id = accountWith("a@x.example");
    const auto add = writer().stageEmail(id, at("b@x.example"), {}, "s", unlimited(), kNow);
    ASSERT_EQ(why(writer().completeEmail(add->token, ShownBy::Password, kNow)), "ok");
    const auto reset = writer().stageReset(at("a@x.example"), "s", unlimited(), kNow);
    ASSERT_EQ(why(writer().completeReset(reset->token, "h2", kNow)), "ok");
    ASSERT_FALSE(info("b@x.example").verified);
    auto verify = writer().stageReverify(id, at("b@x.example"), "s", unlimited(), kNow);
    ASSERT_EQ(why(writer().completeEmail(verify->token, ShownBy::Password, kNow)), "ok");
    EXPECT_TRUE(info("b@x.example").verified);

    const auto reset2 = writer().stageReset(at("a@x.example"), "s", unlimited(), kNow);
    ASSERT_EQ(why(writer().completeReset(reset2->token, "h3", kNow)), "ok");
    verify = writer().stageReverify(id, at("b@x.example"), "s", unlimited(), kNow);
    const auto other = primaryWith("other@idp.example");
    ASSERT_EQ(why(writer().addPrimaryEmail(other, at("b@x.example"), kNow)), "ok");
    EXPECT_EQ(why(writer().completeEmail(verify->token, ShownBy::Password, kNow)), "Stale");
    EXPECT_EQ(info("b@x.example").user, other);
}

TEST_P(StoreTest, AnAddedAddressComesFromWhereverItWas) {
    const auto from = accountWith("a@x.example");
    const auto to = accountWith("b@x.example");
    const auto staged = writer().stageEmail(to, at("a@x.example"), {}, "s", unlimited(), kNow);
    ASSERT_EQ(why(writer().completeEmail(staged->token, ShownBy::Password, kNow)), "ok");
    EXPECT_EQ(info("a@x.example").user, to);
    EXPECT_EQ(epoch(from), -1);
}

// --- reset and transition

TEST_P(StoreTest, AResetSetsThePasswordEndsSessionsUnlocksAndUnverifiesTheOtherSecondaries) {
    const auto id = accountWith("a@x.example", "old");
    for (const char* more : {"b@x.example", "c@x.example"}) {
        const auto add = writer().stageEmail(id, at(more), {}, "s", unlimited(), kNow);
        ASSERT_EQ(why(writer().completeEmail(add->token, ShownBy::Password, kNow)), "ok");
    }
    ASSERT_EQ(why(writer().addPrimaryEmail(id, at("p@idp.example"), kNow)), "ok");
    ASSERT_EQ(why(writer().setUsedAs(id, at("a@x.example"), AddressType::Primary)), "ok");
    const LoginLimits limits{1, 2, 2, 1};
    for (int i = 0; i < 3; ++i) (void)writer().reserveLoginAttempt(id, {}, limits, kNow);
    ASSERT_EQ(why(writer().reserveLoginAttempt(id, {}, limits, kNow)), "Locked");
    const auto before = epoch(id);
    const auto left = writer().stageEmail(id, at("evil@x.example"), {}, "s", unlimited(), kNow);

    const auto staged = writer().stageReset(at("a@x.example"), "s", unlimited(), kNow);
    EXPECT_EQ(user(id).password_hash, "old");  // until it is completed
    const auto done = writer().completeReset(staged->token, "new", kNow + 7);
    ASSERT_TRUE(done) << done.error();
    EXPECT_EQ(done->user, id);
    EXPECT_GT(done->session_epoch, before);
    EXPECT_EQ(done->session_epoch, epoch(id));
    EXPECT_EQ(user(id).password_hash, "new");
    EXPECT_EQ(user(id).password_set_ms, kNow + 7);
    EXPECT_EQ(user(id).failed_tries, 0);
    EXPECT_EQ(why(writer().reserveLoginAttempt(id, {}, limits, kNow)), "ok");
    EXPECT_EQ(info("a@x.example").type, AddressType::Secondary);
    EXPECT_TRUE(info("a@x.example").verified);
    EXPECT_FALSE(info("b@x.example").verified);
    EXPECT_FALSE(info("c@x.example").verified);
    EXPECT_TRUE(info("p@idp.example").verified);
    EXPECT_EQ(info("p@idp.example").type, AddressType::Primary);
    // What the lost sessions had staged is gone.
    EXPECT_EQ(why(writer().completeEmail(left->token, ShownBy::Password, kNow + 8)), "NoSuchToken");
}

TEST_P(StoreTest, ATransitionSetsTheStagedPassword) {
    const auto id = primaryWith("p@idp.example");
    const auto before = epoch(id);
    const auto staged =
        writer().stageTransition(at("p@idp.example"), "fresh", "s", unlimited(), kNow);
    const auto done = writer().completeReset(staged->token, {}, kNow + 1);
    ASSERT_TRUE(done) << done.error();
    EXPECT_EQ(user(id).password_hash, "fresh");
    EXPECT_GT(epoch(id), before);
    EXPECT_EQ(info("p@idp.example").type, AddressType::Secondary);
}

TEST_P(StoreTest, ATransitionStagedBeforeAPasswordChangeIsStaleAndChangesNothing) {
    const auto id = accountWith("a@x.example", "one");
    const auto staged =
        writer().stageTransition(at("a@x.example"), "staged", "s", unlimited(), kNow + 1);
    ASSERT_EQ(why(writer().updatePassword(id, "one", "two", true, kNow + 2)), "ok");
    EXPECT_EQ(why(writer().completeReset(staged->token, {}, kNow + 3)), "Stale");
    EXPECT_EQ(user(id).password_hash, "two");
}

TEST_P(StoreTest, AResetOfAnAddressThatMovedAwayIsStaleAndChangesNothing) {
    const auto id = accountWith("a@x.example", "one");
    const auto add = writer().stageEmail(id, at("b@x.example"), {}, "s", unlimited(), kNow);
    ASSERT_EQ(why(writer().completeEmail(add->token, ShownBy::Password, kNow)), "ok");
    const auto staged = writer().stageReset(at("b@x.example"), "s", unlimited(), kNow);
    const auto other = primaryWith("o@idp.example");
    ASSERT_EQ(why(writer().addPrimaryEmail(other, at("b@x.example"), kNow)), "ok");
    EXPECT_EQ(why(writer().completeReset(staged->token, "evil", kNow)), "Stale");
    EXPECT_EQ(user(id).password_hash, "one");
    EXPECT_EQ(user(other).password_hash, std::nullopt);
    EXPECT_EQ(info("b@x.example").user, other);
}

TEST_P(StoreTest, TriesAtAStagedPasswordAreCounted) {
    const auto staged = writer().stageNewAccount(at("a@x.example"), "h", "s", unlimited(), kNow);
    for (int i = 0; i < 3; ++i) {
        const auto tried = writer().reserveStagedAttempt(staged->token, 3, kNow);
        ASSERT_TRUE(tried) << tried.error();
        EXPECT_EQ(tried->password_hash, "h");
    }
    EXPECT_EQ(why(writer().reserveStagedAttempt(staged->token, 3, kNow)), "Locked");
    EXPECT_EQ(why(writer().completeNewAccount(staged->token, kNow)), "ok");
}

}  // namespace
}  // namespace persona::accounts
