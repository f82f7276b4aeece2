#include "libs/wsapi/session_class.h"

#include <gtest/gtest.h>

namespace persona::wsapi {
namespace {

constexpr std::int64_t kNow = 1'800'000'000'000, kHour = 3'600'000, kDay = 24 * kHour;
const KeyRing kOld{std::string(32, 'a')}, kNew{std::string(32, 'b'), std::string(32, 'a')};

/// What a browser sends after it got that Set-Cookie.
std::string sent(const std::optional<std::string>& set) {
    return set ? "other=1; " + set->substr(0, set->find(';')) : "";
}

TEST(ClassCookies, SaysWhoIsSignedInAndWhereTheBrowserIsKnown) {
    const ClassCookies cookies(kOld, true);
    const auto set = cookies.signedIn("", "Alice@Example.org", kNow + 28 * kDay, kNow);
    ASSERT_TRUE(set);
    EXPECT_NE(set->find("; path=/; "), std::string::npos);
    EXPECT_NE(set->find("; secure; httponly; samesite=lax"), std::string::npos);
    EXPECT_EQ(set->find("lice"), std::string::npos);
    const auto field = sent(set);
    ClassCookies::Class c;
    ASSERT_EQ(cookies.read(field, c), ClassCookies::Found::Ours);
    EXPECT_TRUE(c.isSignedIn(kNow + 28 * kDay));
    EXPECT_FALSE(c.isSignedIn(kNow + 28 * kDay + kHour));
    EXPECT_EQ(c.id.size(), 16U);
    EXPECT_TRUE(cookies.knows(c, "alice@example.ORG", kNow));
    EXPECT_TRUE(cookies.knows(c, "alice@example.org", kNow + 364 * kDay));
    EXPECT_FALSE(cookies.knows(c, "alice@example.org", kNow + 366 * kDay));
    EXPECT_FALSE(cookies.knows(c, "bob@example.org", kNow));
}

TEST(ClassCookies, TheSameAgainIsNotSetAgain) {
    const ClassCookies cookies(kOld, false);
    const auto set = cookies.signedIn("", "a@b.org", kNow + kDay, kNow);
    EXPECT_EQ(set->find("secure"), std::string::npos);
    EXPECT_FALSE(cookies.signedIn(sent(set), "A@b.org", kNow + kDay, kNow));
    EXPECT_TRUE(cookies.signedIn(sent(set), "a@b.org", kNow + 2 * kDay, kNow));
    EXPECT_TRUE(cookies.signedIn(sent(set), "a@b.org", kNow + kDay, kNow + 31 * kDay));
}

TEST(ClassCookies, ASessionThatGoesOnAddsNoAddress) {
    const ClassCookies cookies(kOld, true);
    const auto field = sent(cookies.signedIn("", "a@b.org", kNow + kDay, kNow));
    EXPECT_FALSE(cookies.signedIn(field, "", kNow + kDay, kNow));
    ClassCookies::Class c;
    const auto longer = sent(cookies.signedIn(field, "", kNow + 9 * kDay, kNow));
    ASSERT_EQ(cookies.read(longer, c), ClassCookies::Found::Ours);
    EXPECT_TRUE(c.isSignedIn(kNow + 8 * kDay));
    EXPECT_TRUE(cookies.knows(c, "a@b.org", kNow));
    const auto fresh = sent(cookies.signedIn("", "", kNow + kDay, kNow));
    ASSERT_EQ(cookies.read(fresh, c), ClassCookies::Found::Ours);
    EXPECT_TRUE(c.isSignedIn(kNow));
    EXPECT_TRUE(c.accounts.empty());
}

TEST(ClassCookies, WhatIsNotOursIsTakenBack) {
    const auto field = sent(ClassCookies(kOld, true).signedIn("", "a@b.org", kNow + kDay, kNow));
    const ClassCookies replaced(KeyRing{std::string(32, 'c')}, true);
    const auto set = replaced.signedOut(field, kNow);
    ASSERT_TRUE(set);
    EXPECT_EQ(set->find("bid_class=; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT"), 0U);
    EXPECT_FALSE(replaced.signedOut("other=1", kNow));
    // A session that goes on gets one of the new key.
    ClassCookies::Class c;
    EXPECT_EQ(replaced.read(sent(replaced.signedIn(field, "", kNow + kDay, kNow)), c),
              ClassCookies::Found::Ours);
}

TEST(ClassCookies, SigningOutKeepsTheBrowserKnown) {
    const ClassCookies cookies(kOld, true);
    const auto in = sent(cookies.signedIn("", "a@b.org", kNow + kDay, kNow));
    const auto out = sent(cookies.signedOut(in, kNow));
    ClassCookies::Class a, b;
    ASSERT_EQ(cookies.read(in, a), ClassCookies::Found::Ours);
    ASSERT_EQ(cookies.read(out, b), ClassCookies::Found::Ours);
    EXPECT_FALSE(b.isSignedIn(kNow));
    EXPECT_TRUE(cookies.knows(b, "a@b.org", kNow));
    EXPECT_EQ(a.id, b.id);
    EXPECT_FALSE(cookies.signedOut(out, kNow));
    EXPECT_FALSE(cookies.signedOut("", kNow));
}

TEST(ClassCookies, HoldsTheLastFourAccounts) {
    const ClassCookies cookies(kOld, true);
    std::string field;
    const std::array<const char*, 5> all{"1@b.org", "2@b.org", "3@b.org", "4@b.org", "5@b.org"};
    for (const auto* address : all)
        field = sent(cookies.signedIn(field, address, kNow + kDay, kNow));
    ClassCookies::Class c;
    ASSERT_EQ(cookies.read(field, c), ClassCookies::Found::Ours);
    EXPECT_FALSE(cookies.knows(c, all[0], kNow));
    for (std::size_t i = 1; i < all.size(); ++i) EXPECT_TRUE(cookies.knows(c, all[i], kNow));
}

TEST(ClassCookies, NothingOfItCanBeChanged) {
    const ClassCookies cookies(kOld, true), others({std::string(32, 'x')}, true);
    const auto field = sent(cookies.signedIn("", "a@b.org", kNow + kDay, kNow));
    const auto from = field.find("bid_class=") + 10;
    ClassCookies::Class c;
    for (auto i = from; i < field.size(); ++i) {
        auto bad = field;
        bad[i] = bad[i] == '1' ? '2' : '1';
        EXPECT_EQ(cookies.read(bad, c), ClassCookies::Found::Forged) << i;
        EXPECT_NE(cookies.read(field.substr(0, i), c), ClassCookies::Found::Ours) << i;
    }
    EXPECT_EQ(cookies.read(field + "A", c), ClassCookies::Found::Forged);
    EXPECT_EQ(others.read(field, c), ClassCookies::Found::Forged);
    EXPECT_EQ(cookies.read("bid_class=" + std::string(5'000, 'a'), c), ClassCookies::Found::Forged);
    EXPECT_EQ(cookies.read("bid_clas=1; xbid_class=1", c), ClassCookies::Found::None);
}

TEST(ClassCookies, AnOldKeyStillOpensAndIsLeftAtTheNextSignIn) {
    const ClassCookies before(kOld, true), after(kNew, true);
    const auto field = sent(before.signedIn("", "a@b.org", kNow + kDay, kNow));
    ClassCookies::Class c;
    ASSERT_EQ(after.read(field, c), ClassCookies::Found::Ours);
    EXPECT_EQ(c.key, 1U);
    EXPECT_TRUE(after.knows(c, "a@b.org", kNow));
    const auto renewed = sent(after.signedIn(field, "a@b.org", kNow + kDay, kNow));
    ASSERT_EQ(after.read(renewed, c), ClassCookies::Found::Ours);
    EXPECT_EQ(c.key, 0U);
    EXPECT_EQ(before.read(renewed, c), ClassCookies::Found::Forged);
}

}  // namespace
}  // namespace persona::wsapi
