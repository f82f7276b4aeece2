#include <gtest/gtest.h>
#include "libs/accounts/store.h"
using namespace persona::accounts;
TEST(Smoke, Works) {
    StoreOptions o;
    o.file = "/tmp/data-smoke.db";
    ::remove(o.file.c_str());
    auto s = Store::open(o);
    ASSERT_TRUE(s) << s.error();
    auto a = *Address::parse("Alice@Example.com");
    auto t = (*s)->writer()->stageNewAccount(a, "h", "https://rp", {}, 1000);
    ASSERT_TRUE(t) << t.error();
    EXPECT_EQ((*s)->writer()->stageNewAccount(a, "h", "https://rp", {}, 1001).failure().reason,
              Reason::Throttled);
    auto c = (*s)->writer()->completeNewAccount(t->token, 2000);
    ASSERT_TRUE(c) << c.error();
    EXPECT_EQ((*s)->writer()->completeNewAccount(t->token, 2000).failure().reason,
              Reason::AlreadyUsed);
    auto i = (*s)->reader().emailInfo(*Address::parse("aLICE@example.com"));
    ASSERT_TRUE(i) << i.error();
    EXPECT_EQ((*i)->user, c->user);
    EXPECT_TRUE((*i)->has_password);
    EXPECT_EQ((*(*s)->reader().listEmails(c->user)).at(0), "Alice@Example.com");
}
