#include "plugins/browserid/measurements.h"

#include <gtest/gtest.h>

#include "libs/wsapi/form.h"

namespace persona::browserid {
namespace {

using protocol::Json;

TEST(UserAgents, AreCoarse) {
    const auto of = [](const char* agent) {
        const auto o = coarseUserAgent(agent);
        return *o.findText("os") + "/" + *o.findText("browser") + "/" +
               std::to_string(static_cast<int>(o.find("version")->number()));
    };
    EXPECT_EQ(of("Mozilla/5.0 (Windows NT 6.1; WOW64; rv:24.0) Gecko/20100101 Firefox/24.0"),
              "Windows NT 6.1/Firefox/24");
    EXPECT_EQ(of("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
                 "Chrome/30.0.1599.66 Safari/537.36"),
              "Linux/Chrome/30");
    EXPECT_EQ(of("Mozilla/5.0 (iPhone; CPU iPhone OS 7_0 like Mac OS X) AppleWebKit/537.51.1 "
                 "(KHTML, like Gecko) Version/7.0 Mobile/11A465 Safari/9537.53"),
              "iPhone/Safari/7");
    EXPECT_EQ(of("Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; Trident/6.0)"),
              "Windows NT 6.2/MSIE/10");
    EXPECT_EQ(of("Mozilla/5.0 (Mobile; rv:18.0) Gecko/18.0 Firefox/18.0"), "FirefoxOS/Firefox/18");
    EXPECT_EQ(of(""), "Unknown/Unknown/0");
    EXPECT_EQ(of("Firefox/"), "Unknown/Firefox/0");
    EXPECT_EQ(of("Firefox/99999999999999999999"), "Unknown/Firefox/99999");
}

TEST(Measurements, GoInBatchesAndSayLess) {
    std::vector<std::string> sent;
    Measurements m({true, 2}, [&](std::string form) { sent.push_back(std::move(form)); });
    m.take(*Json::parse(R"([{"timestamp":1400000123456,"local_timestamp":"x","a":1}])"), "");
    EXPECT_TRUE(sent.empty());
    m.take(*Json::parse(R"([{"b":2}, 7, "text"])"), "Firefox/3");
    ASSERT_EQ(sent.size(), 1u);
    const auto form = wsapi::parseForm(sent[0]);
    ASSERT_TRUE(form && form->size() == 1);
    EXPECT_EQ(form->front().second,
              R"([{"timestamp":1399999800000,"a":1,"user_agent":{"os":"Unknown","browser":)"
              R"("Unknown","version":0}},{"b":2,"user_agent":{"os":"Unknown","browser":"Firefox",)"
              R"("version":3}}])");
}

TEST(Measurements, AreDroppedWhereNobodyWantsThem) {
    int sent = 0;
    Measurements off({false, 1}, [&](const std::string&) { ++sent; });
    off.take(*Json::parse(R"([{"a":1}])"), "");
    Measurements on({true, 1}, [&](const std::string&) { ++sent; });
    for (const auto* odd : {"7", "{}", "\"x\"", "null", "[]", "[1,2]"})
        on.take(*Json::parse(odd), "");
    EXPECT_EQ(sent, 0);
    on.take(*Json::parse("[{\"a\":\"" + std::string(9'000, 'x') + "\"}]"), "");
    EXPECT_EQ(sent, 0) << "too large";
}

}  // namespace
}  // namespace persona::browserid
