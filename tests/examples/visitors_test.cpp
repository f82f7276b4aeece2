#include "examples/site/visitors.h"

#include <gtest/gtest.h>

namespace persona::examples {
namespace {

constexpr int kMost = 1'000;

std::string name(int n) {
    return std::to_string(n);
}

class VisitorsTest : public ::testing::Test {
  protected:
    void signInWithList(const std::string& id, const std::string& email) {
        visitors_.signIn(id, email);
        visitors_.add(email, "milk");
    }
    [[nodiscard]] bool hasList(const std::string& email) const {
        return !visitors_.items(email).empty();
    }
    Visitors visitors_;
};

TEST_F(VisitorsTest, TheOldestSessionGoesWithTheListOfItsOwner) {
    signInWithList("first", "zoe@mail.example");
    signInWithList("second", "ann@mail.example");
    for (int i = 0; i < kMost - 2; ++i) signInWithList(name(i), "n" + name(i) + "@mail.example");
    EXPECT_EQ(visitors_.emailOf("first"), "zoe@mail.example");
    signInWithList("last", "bob@mail.example");
    EXPECT_EQ(visitors_.emailOf("first"), "");
    EXPECT_FALSE(hasList("zoe@mail.example"));
    EXPECT_EQ(visitors_.emailOf("second"), "ann@mail.example");
    EXPECT_TRUE(hasList("ann@mail.example"));
    EXPECT_TRUE(hasList("bob@mail.example"));
}

TEST_F(VisitorsTest, WhoHasAnotherSessionKeepsTheList) {
    signInWithList("first", "ann@mail.example");
    visitors_.signIn("phone", "ann@mail.example");
    for (int i = 0; i < kMost - 1; ++i) signInWithList(name(i), "n" + name(i) + "@mail.example");
    EXPECT_EQ(visitors_.emailOf("first"), "");
    EXPECT_EQ(visitors_.emailOf("phone"), "ann@mail.example");
    EXPECT_TRUE(hasList("ann@mail.example"));
    signInWithList("last", "bob@mail.example");
    EXPECT_FALSE(hasList("ann@mail.example"));
}

TEST_F(VisitorsTest, ListsOfThoseWhoSignedOutStayUntilTheRoomIsNeeded) {
    signInWithList("ann", "ann@mail.example");
    signInWithList("here", "aaa@mail.example");
    visitors_.signOut("ann");
    EXPECT_TRUE(hasList("ann@mail.example"));
    for (int i = 0; i < kMost - 2; ++i) {
        signInWithList(name(i), "n" + name(i) + "@mail.example");
        visitors_.signOut(name(i));
    }
    EXPECT_TRUE(hasList("ann@mail.example"));
    signInWithList("last", "bob@mail.example");
    EXPECT_TRUE(hasList("aaa@mail.example"));  // signed in
    EXPECT_TRUE(hasList("bob@mail.example"));
    EXPECT_FALSE(hasList("ann@mail.example"));
}

TEST_F(VisitorsTest, WhatIsNoItemMakesNoList) {
    visitors_.signIn("ann", "ann@mail.example");
    visitors_.add("ann@mail.example", "");
    visitors_.add("ann@mail.example", std::string(201, 'x'));
    visitors_.toggle("ann@mail.example", 0);
    EXPECT_FALSE(hasList("ann@mail.example"));
    for (int i = 0; i < 101; ++i) visitors_.add("ann@mail.example", "milk");
    EXPECT_EQ(visitors_.items("ann@mail.example").size(), 100U);
    visitors_.toggle("ann@mail.example", 99);
    EXPECT_TRUE(visitors_.items("ann@mail.example").back().done);
}

}  // namespace
}  // namespace persona::examples
