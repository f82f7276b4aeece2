#include "tests/libs/accounts/store_fixture.h"

namespace persona::accounts {
namespace {

TEST_P(StoreTest, AnIdpSignInWithAnUnknownAddressMakesAnAccountWithoutPassword) {
    const auto opened = writer().createUserWithPrimaryEmail(at("P@Idp.example"), kNow);
    ASSERT_TRUE(opened) << opened.error();
    EXPECT_TRUE(opened->created);
    EXPECT_EQ(opened->session_epoch, epoch(opened->user));
    const auto found = info("p@idp.example");
    EXPECT_EQ(found.type, AddressType::Primary);
    EXPECT_TRUE(found.verified);
    EXPECT_FALSE(found.has_password);
    EXPECT_EQ(found.address, "P@Idp.example");
}

TEST_P(StoreTest, AnIdpSignInWithAKnownAddressFindsItsAccountUnchanged) {
    const auto id = accountWith("a@x.example", "h");
    const auto opened = writer().createUserWithPrimaryEmail(at("A@x.example"), kNow + 1);
    ASSERT_TRUE(opened);
    EXPECT_FALSE(opened->created);
    EXPECT_EQ(opened->user, id);
    EXPECT_EQ(user(id).password_hash, "h");
    EXPECT_EQ(info("a@x.example").type, AddressType::Secondary);
    EXPECT_EQ(count("account"), 1);
}

TEST_P(StoreTest, AProofTakesOverAnAccountInWhichNobodyHasProvenAnything) {
    const auto squatter = writer().stageUnverified(at("a@x.example"), "evil", "s", {}, kNow);
    const auto opened = writer().createUserWithPrimaryEmail(at("a@x.example"), kNow + 1);
    ASSERT_TRUE(opened);
    EXPECT_TRUE(opened->created);
    EXPECT_EQ(user(opened->user).password_hash, std::nullopt);
    EXPECT_GT(epoch(opened->user), squatter->session_epoch);
    EXPECT_TRUE(info("a@x.example").verified);
    EXPECT_EQ(why(writer().completeEmail(squatter->tokens.token, ShownBy::Password, kNow + 2)),
              "NoSuchToken");
}

TEST_P(StoreTest, AProofTakesTheAddressOutOfAnAccountInWhichAnotherWasProven) {
    const auto squatter = writer().stageUnverified(at("a@x.example"), "evil", "s", {}, kNow);
    ASSERT_EQ(why(writer().addPrimaryEmail(*squatter->user, at("evil@idp.example"), kNow)), "ok");
    const auto before = epoch(*squatter->user);
    const auto opened = writer().createUserWithPrimaryEmail(at("a@x.example"), kNow + 1);
    ASSERT_TRUE(opened);
    EXPECT_TRUE(opened->created);
    EXPECT_NE(opened->user, *squatter->user);
    EXPECT_EQ(info("a@x.example").user, opened->user);
    EXPECT_TRUE(info("a@x.example").verified);
    EXPECT_EQ(user(opened->user).password_hash, std::nullopt);
    EXPECT_EQ(user(*squatter->user).password_hash, "evil");
    EXPECT_GT(epoch(*squatter->user), before);
}

TEST_P(StoreTest, RevokedSessionsLeaveNothingBehindThatTheyHaveStaged) {
    const auto id = primaryWith("v@idp.example");
    const auto add = writer().stageEmail(id, at("evil@x.example"), "evil", "s", unlimited(), kNow);
    ASSERT_TRUE(add) << add.error();
    ASSERT_EQ(why(writer().revokeSessions(id)), "ok");
    EXPECT_EQ(why(writer().completeEmail(add->token, ShownBy::Password, kNow)), "NoSuchToken");
    EXPECT_EQ(user(id).password_hash, std::nullopt);
}

TEST_P(StoreTest, AddingAPrimaryTakesItFromAnyOtherAccount) {
    const auto from = accountWith("a@x.example");
    const auto to = accountWith("b@x.example", "h");
    const auto before = epoch(to);
    ASSERT_EQ(why(writer().addPrimaryEmail(to, at("A@x.example"), kNow)), "ok");
    EXPECT_EQ(info("a@x.example").user, to);
    EXPECT_EQ(info("a@x.example").type, AddressType::Primary);
    EXPECT_EQ(info("a@x.example").address, "A@x.example");
    EXPECT_EQ(epoch(from), -1);
    EXPECT_EQ(epoch(to), before);
    EXPECT_EQ(why(writer().addPrimaryEmail(99, at("c@x.example"), kNow)), "NotFound");
    EXPECT_FALSE(known("c@x.example"));
}

TEST_P(StoreTest, UsedAsChangesTheTypeOnlyAndOnlyForTheOwner) {
    const auto id = accountWith("a@x.example");
    const auto other = accountWith("b@x.example");
    const auto used = [&](UserId who, AddressType type) {
        return why(writer().setUsedAs(who, at("a@x.example"), type));
    };
    EXPECT_EQ(used(id, AddressType::Primary), "ok");
    EXPECT_EQ(info("a@x.example").type, AddressType::Primary);
    EXPECT_TRUE(info("a@x.example").verified);
    EXPECT_EQ(used(id, AddressType::Primary), "ok");
    EXPECT_EQ(used(other, AddressType::Secondary), "NotOwner");
    EXPECT_EQ(info("a@x.example").type, AddressType::Primary);
    EXPECT_EQ(used(id, AddressType::Secondary), "ok");
    EXPECT_EQ(info("a@x.example").type, AddressType::Secondary);
    EXPECT_EQ(why(writer().setUsedAs(id, at("none@x.example"), AddressType::Primary)), "NotOwner");
}

TEST_P(StoreTest, RemovingTheLastAddressRemovesTheAccountWithAllThatRefersToIt) {  // W13
    const auto id = accountWith("a@x.example");
    const auto other = accountWith("z@x.example");
    const auto add = writer().stageEmail(id, at("b@x.example"), {}, "s", unlimited(), kNow);
    ASSERT_EQ(why(writer().completeEmail(add->token, ShownBy::Password, kNow)), "ok");
    (void)writer().stageEmail(id, at("c@x.example"), {}, "s", unlimited(), kNow);
    (void)writer().reserveLoginAttempt(id, "device", {}, kNow);

    const auto first = writer().removeEmail(id, at("a@x.example"), kNow);
    ASSERT_TRUE(first);
    EXPECT_FALSE(*first);
    EXPECT_EQ(why(writer().removeEmail(other, at("b@x.example"), kNow)), "NotOwner");
    EXPECT_EQ(why(writer().removeEmail(id, at("a@x.example"), kNow)), "NotOwner");
    EXPECT_EQ(*reader().listEmails(id), std::vector<std::string>{"b@x.example"});
    const auto last = writer().removeEmail(id, at("B@x.example"), kNow);
    ASSERT_TRUE(last);
    EXPECT_TRUE(*last);
    EXPECT_EQ(epoch(id), -1);
    EXPECT_EQ(count("account"), 1);
    EXPECT_EQ(count("staged"), 0);
    EXPECT_EQ(count("device"), 0);
}

TEST_P(StoreTest, RemovingAnAddressEndsWhatWasPendingForIt) {
    const auto id = accountWith("a@x.example");
    const auto add = writer().stageEmail(id, at("b@x.example"), {}, "s", unlimited(), kNow);
    ASSERT_EQ(why(writer().completeEmail(add->token, ShownBy::Password, kNow)), "ok");
    const auto reset = writer().stageReset(at("b@x.example"), "s", unlimited(), kNow);
    ASSERT_EQ(why(writer().removeEmail(id, at("b@x.example"), kNow)), "ok");
    EXPECT_EQ(why(writer().completeReset(reset->token, "h", kNow)), "NoSuchToken");
}

TEST_P(StoreTest, CancellingAnAccountDeletesAllOfIt) {
    const auto id = accountWith("a@x.example");
    (void)writer().stageEmail(id, at("b@x.example"), {}, "s", unlimited(), kNow);
    ASSERT_EQ(why(writer().cancelAccount(id)), "ok");
    EXPECT_EQ(why(writer().cancelAccount(id)), "NotFound");
    EXPECT_FALSE(known("a@x.example"));
    EXPECT_EQ(reader().listEmails(id)->size(), 0U);
    EXPECT_EQ(count("account"), 0);
    EXPECT_EQ(count("staged"), 0);
}

TEST_P(StoreTest, AddressesAreListedInTheOrderInWhichTheyCame) {
    const auto id = accountWith("z@x.example");
    for (const char* more : {"m@x.example", "a@x.example", "q@x.example"})
        ASSERT_EQ(why(writer().addPrimaryEmail(id, at(more), kNow)), "ok");
    // Proven again, it keeps its place.
    ASSERT_EQ(why(writer().addPrimaryEmail(id, at("m@x.example"), kNow)), "ok");
    EXPECT_EQ(*reader().listEmails(id), (std::vector<std::string>{"z@x.example", "m@x.example",
                                                                  "a@x.example", "q@x.example"}));
}

TEST_P(StoreTest, SpellingsThatDifferInCaseAreOneAddress) {  // W23
    const auto id = accountWith("Bob.O'Hara+tag@X.example");
    EXPECT_EQ(info("bob.o'hara+TAG@x.EXAMPLE").user, id);
    EXPECT_EQ(info("bob.o'hara+tag@x.example").address, "Bob.O'Hara+tag@X.example");
    EXPECT_TRUE(*reader().userOwnsEmail(id, at("BOB.O'HARA+TAG@X.EXAMPLE")));
    EXPECT_FALSE(known("bob.o'hara@x.example"));
    EXPECT_EQ(look("SELECT address_key FROM address").at(0).text(0), "bob.o'hara+tag@x.example");
}

TEST_P(StoreTest, ReadersTellOwnershipAndSameness) {
    const auto id = accountWith("a@x.example");
    const auto other = accountWith("z@x.example");
    ASSERT_EQ(why(writer().addPrimaryEmail(id, at("b@x.example"), kNow)), "ok");
    EXPECT_TRUE(*reader().userOwnsEmail(id, at("b@x.example")));
    EXPECT_FALSE(*reader().userOwnsEmail(other, at("b@x.example")));
    EXPECT_FALSE(*reader().userOwnsEmail(id, at("none@x.example")));
    EXPECT_TRUE(*reader().sameAccount(at("a@x.example"), at("B@x.example")));
    EXPECT_FALSE(*reader().sameAccount(at("a@x.example"), at("z@x.example")));
    EXPECT_FALSE(*reader().sameAccount(at("none@x.example"), at("none@x.example")));
    EXPECT_EQ(*reader().user(7), std::nullopt);
    EXPECT_EQ(*reader().sessionEpoch(7), std::nullopt);
    EXPECT_EQ(why(reader().ping()), "ok");
}

TEST_P(StoreTest, TheRecordOfAnAccountHoldsAllThatIsKept) {
    const auto id = accountWith("a@x.example", "h", kNow + 3);
    ASSERT_EQ(why(writer().addPrimaryEmail(id, at("b@x.example"), kNow + 4)), "ok");
    (void)writer().stageEmail(id, at("c@x.example"), {}, "https://rp", unlimited(), kNow + 5);
    const auto record = reader().account(id);
    ASSERT_TRUE(record) << record.error();
    EXPECT_EQ(record->user.id, id);
    EXPECT_EQ(record->user.created_ms, kNow + 3);
    ASSERT_EQ(record->addresses.size(), 2U);
    EXPECT_EQ(record->addresses[0].info.address, "a@x.example");
    EXPECT_EQ(record->addresses[1].added_ms, kNow + 4);
    ASSERT_EQ(record->pending.size(), 1U);
    EXPECT_EQ(record->pending[0].address, "c@x.example");
    EXPECT_EQ(why(reader().account(1)), "NotFound");
}

TEST_P(StoreTest, AddressesOfFullLengthAndAllCharactersFit) {  // W27
    const std::string longest = std::string(64, 'l') + "@" + std::string(63, 'a') + "." +
                                std::string(63, 'b') + "." + std::string(57, 'c') + ".ex";
    ASSERT_EQ(longest.size(), 253U);
    const std::string all = "_!#$%&'*+-/=?^{}~`|@x.example";
    for (const auto& address : {longest, all}) {
        const auto id = accountWith(address);
        EXPECT_EQ(info(address).user, id);
        EXPECT_EQ(*reader().listEmails(id), std::vector<std::string>{address});
    }
}

}  // namespace
}  // namespace persona::accounts
