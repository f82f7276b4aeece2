#include "libs/wsapi/devices.h"

#include <gtest/gtest.h>

namespace persona::wsapi {
namespace {

constexpr std::int64_t kNow = 1'750'000'000'000, kDay = 86'400'000;

std::string sentBack(const std::string& set_cookie) {
    return set_cookie.substr(0, set_cookie.find(';'));
}

TEST(Devices, AreKnownToTheirAccountAlone) {
    const DeviceCookies d({std::string(32, 'k')}, true);
    const auto set = d.issue("", 7, kNow);
    ASSERT_TRUE(set);
    EXPECT_NE(set->find("; secure; httponly; samesite=lax"), std::string::npos);
    const auto cookie = sentBack(*set);
    const auto id = d.find(cookie, 7, kNow + 1);
    ASSERT_TRUE(id);
    EXPECT_EQ(id->size(), 22u);
    EXPECT_FALSE(d.find(cookie, 8, kNow + 1));
    EXPECT_FALSE(d.find("", 7, kNow));
    EXPECT_FALSE(DeviceCookies({std::string(32, 'x')}, true).find(cookie, 7, kNow + 1));
    EXPECT_FALSE(d.find(cookie, 7, kNow + DeviceCookies::kLifeMs + 1));
    EXPECT_FALSE(d.find(cookie, 7, kNow - 1)) << "from the future";
    for (std::size_t i = 8; i < cookie.size(); ++i) {
        auto bad = cookie;
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        EXPECT_FALSE(d.find(bad, 7, kNow + 1)) << i;
    }
}

TEST(Devices, KeepTheirNameWhenRenewed) {
    const DeviceCookies d({std::string(32, 'k')}, false);
    const auto cookie = sentBack(*d.issue("", 7, kNow));
    EXPECT_FALSE(d.issue(cookie, 7, kNow + 29 * kDay)) << "still young";
    const auto renewed = d.issue(cookie, 7, kNow + 31 * kDay);
    ASSERT_TRUE(renewed);
    EXPECT_EQ(d.find(sentBack(*renewed), 7, kNow + 31 * kDay), d.find(cookie, 7, kNow));
}

TEST(Devices, FourAccountsTheLatestStay) {
    const DeviceCookies d({std::string(32, 'k')}, false);
    std::string cookie;
    for (std::int64_t account = 1; account <= 5; ++account)
        cookie = sentBack(*d.issue(cookie, account, kNow + account));
    EXPECT_FALSE(d.find(cookie, 1, kNow + 9));
    for (std::int64_t account = 2; account <= 5; ++account)
        EXPECT_TRUE(d.find(cookie, account, kNow + 9)) << account;
}

TEST(Devices, OddCookiesAreStrangers) {
    const DeviceCookies d({std::string(32, 'k')}, false);
    for (const auto& value :
         {std::string(), std::string("~~~"), std::string("a.b.c"), std::string(2'000, 'a'),
          std::string(22, 'A') + ".99999999999999999999." + std::string(43, 'A'),
          std::string(22, 'A') + ".-1." + std::string(43, 'A')})
        EXPECT_FALSE(d.find("bid_dev=" + value, 7, kNow)) << value;
}

TEST(Devices, KeysRotate) {
    const std::string old_key(32, 'o'), new_key(32, 'n');
    const auto cookie = sentBack(*DeviceCookies({old_key}, false).issue("", 7, kNow));
    EXPECT_TRUE(DeviceCookies({new_key, old_key}, false).find(cookie, 7, kNow));
}

}  // namespace
}  // namespace persona::wsapi
