#include "libs/wsapi/address_state.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

/// address_info.json of tests/data/vectors, every case.
namespace persona::wsapi {
namespace {

using protocol::Json;

TEST(AddressInfo, Vectors) {
    std::ifstream in("tests/data/vectors/address_info.json");
    std::stringstream text;
    text << in.rdbuf();
    const auto file = Json::parse(text.str());
    ASSERT_TRUE(file);
    constexpr std::int64_t kNow = 1'750'000'000'000, kDay = 86'400'000;
    const std::map<std::string, std::int64_t> ages{
        {"1 day ago", kDay}, {"exactly the grace period ago", 5 * kDay}, {"6 days ago", 6 * kDay}};
    const std::map<std::string, Support> supports{{"supported", Support::Supported},
                                                  {"disabled", Support::Disabled},
                                                  {"error", Support::Error}};
    std::size_t ran = 0;
    for (const auto& c : file->find("cases")->items()) {
        AddressQuestion q;
        const auto issuer = *c.findText("issuer");
        q.forced_issuer = issuer == "default" ? "" : issuer;
        q.own_host = "login.example.org";
        if (const auto* support = c.findText("support"))
            if (const auto known = supports.find(*support); known != supports.end())
                q.support = known->second;
        q.authentication = "https://idp.example/auth";
        q.provisioning = "https://idp.example/prov";
        q.issuer = "idp.example";
        q.now_ms = kNow;
        if (const auto* seen = c.findText("idp_last_seen"))
            if (const auto age = ages.find(*seen); age != ages.end())
                q.idp_last_seen_ms = kNow - age->second;
        if (const auto* e = c.find("email"); e != nullptr && e->isObject())
            q.known = KnownAddress{e->find("hasPassword")->boolean(),
                                   *e->findText("lastUsedAs") == "primary",
                                   e->find("verified")->boolean(), "A@idp.example"};
        const auto answer = addressInfo(q);
        EXPECT_EQ(answer.response.dump(), c.find("response")->dump()) << c.dump();
        const auto* forget = c.find("forget_idp");
        EXPECT_EQ(answer.forget_idp, forget != nullptr && forget->boolean()) << c.dump();
        ++ran;
    }
    EXPECT_GE(ran, 80u);
}

TEST(AddressInfo, OfflineIsWithinTheGraceAlone) {
    EXPECT_TRUE(isOffline(Support::Error, 1'000, 1'999, 1'000));
    EXPECT_FALSE(isOffline(Support::Error, 1'000, 2'000, 1'000));
    EXPECT_FALSE(isOffline(Support::Disabled, 1'000, 1'001, 1'000));
    EXPECT_FALSE(isOffline(Support::Supported, 1'000, 1'001, 1'000));
    EXPECT_FALSE(isOffline(Support::Error, std::nullopt, 1'001, 1'000));
}

}  // namespace
}  // namespace persona::wsapi
