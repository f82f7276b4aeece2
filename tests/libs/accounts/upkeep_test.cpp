#include <atomic>

#include "tests/libs/accounts/store_fixture.h"

namespace persona::accounts {
namespace {

TEST_P(StoreTest, AnIdpIsRememberedWithAtMostOneWriteAnHour) {  // W34
    EXPECT_EQ(*reader().idpLastSeen("idp.example"), std::nullopt);
    ASSERT_EQ(why(writer().sawIdp("idp.example", kNow)), "ok");
    EXPECT_EQ(*reader().idpLastSeen("idp.example"), kNow);
    ASSERT_EQ(why(writer().sawIdp("idp.example", kNow + kHour - 1)), "ok");
    EXPECT_EQ(*reader().idpLastSeen("idp.example"), kNow);
    ASSERT_EQ(why(writer().sawIdp("idp.example", kNow + kHour)), "ok");
    EXPECT_EQ(*reader().idpLastSeen("idp.example"), kNow + kHour);
    ASSERT_EQ(why(writer().forgetIdp("idp.example")), "ok");
    EXPECT_EQ(*reader().idpLastSeen("idp.example"), std::nullopt);
    EXPECT_EQ(why(writer().forgetIdp("idp.example")), "ok");
}

TEST_P(StoreTest, ThePurgeDeletesWhatExpiredInSmallBatches) {  // W17
    for (int i = 0; i < 7; ++i) {
        const auto address = "u" + std::to_string(i) + "@x.example";
        ASSERT_EQ(why(writer().stageNewAccount(at(address), "h", "s", {}, kNow)), "ok");
    }
    const auto id = accountWith("kept@x.example", "h", kNow + 40 * kHour);
    (void)writer().reserveLoginAttempt(id, "device", {}, kNow + 48 * kHour);
    EXPECT_EQ(*writer().purge(kNow + 48 * kHour - 1, 3), 3);  // budgets of yesterday
    while (*writer().purge(kNow + 48 * kHour - 1, 3) > 0) {
    }
    EXPECT_EQ(count("staged"), 7);
    EXPECT_EQ(*writer().purge(kNow + 48 * kHour, 3), 6);  // three pending, three of their notices
    while (*writer().purge(kNow + 48 * kHour, 3) > 0) {
    }
    EXPECT_EQ(count("staged"), 0);
    EXPECT_EQ(count("notice"), 1);
    EXPECT_EQ(count("used_token"), 1);
    EXPECT_EQ(count("mail_budget"), 1);
    EXPECT_EQ(count("device"), 1);
    EXPECT_EQ(count("account"), 1);
    while (*writer().purge(kNow + 400 * kHour, 3) > 0) {
    }
    for (const char* table : {"notice", "used_token", "mail_budget", "device"})
        EXPECT_EQ(count(table), 0) << table;
    EXPECT_TRUE(known("kept@x.example"));
}

TEST_P(StoreTest, WithoutRandomnessNothingIsWritten) {
    auto settings = options();
    std::atomic<bool> works{true};
    settings.random = [&](unsigned char* out, std::size_t size) {
        return works && systemRandom()(out, size);
    };
    const auto mine = Store::open(settings);
    ASSERT_TRUE(mine) << mine.error();
    works = false;
    const auto refused = (*mine)->writer()->stageNewAccount(at("a@x.example"), "h", "s", {}, kNow);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.failure().reason, Reason::Unavailable);
    works = true;
    EXPECT_EQ(why((*mine)->writer()->stageNewAccount(at("a@x.example"), "h", "s", {}, kNow)), "ok");
}

TEST_P(StoreTest, ADatabaseOutlivesItsStore) {
    const auto id = accountWith("a@x.example", "h");
    closeStore();
    EXPECT_EQ(info("a@x.example").user, id);
}

TEST_P(StoreTest, AReadOnlyStoreHasNoWriter) {
    accountWith("a@x.example");
    auto settings = options();
    settings.read_only = true;
    const auto read = Store::open(settings);
    ASSERT_TRUE(read) << read.error();
    EXPECT_EQ((*read)->writer(), nullptr);
    EXPECT_TRUE((*read)->reader().emailInfo(at("a@x.example"))->has_value());
}

}  // namespace
}  // namespace persona::accounts
