#include "plugins/antiabuse/request_fields.h"

#include <gtest/gtest.h>
#include <persona/sdk/host.hpp>

#include <vector>

namespace persona::antiabuse {
namespace {

RequestFields of(const std::vector<std::pair<std::string_view, std::string_view>>& fields) {
    std::vector<psn_header> raw;
    for (const auto& [name, value] : fields) raw.push_back({sdk::abi(name), sdk::abi(value)});
    psn_request r{};
    r.headers = raw.data();
    r.header_count = static_cast<std::uint32_t>(raw.size());
    return RequestFields(r);
}

TEST(RequestFields, AreFoundWhateverTheirCase) {
    const auto f = of({{"COOKIE", "a=b"},
                       {"accept", "x/y"},
                       {"Origin", "https://a"},
                       {"user-agent", "ua"},
                       {"Content-Type", "c/d"},
                       {"Accept-Language", "de"},
                       {"Bid-Work", "w"},
                       {"Content-Encoding", ""},
                       {"X-Cookie", "no"}});
    EXPECT_EQ(f.cookie, "a=b");
    EXPECT_EQ(f.accept, "x/y");
    EXPECT_EQ(f.origin, "https://a");
    EXPECT_EQ(f.agent, "ua");
    EXPECT_EQ(f.type, "c/d");
    EXPECT_EQ(f.language, "de");
    EXPECT_TRUE(f.proof);
    EXPECT_TRUE(f.encoded);
    EXPECT_FALSE(of({}).proof || of({}).encoded);
}

/// The engine refuses most that come twice; behind any other front the roles read the first.
TEST(RequestFields, OfTwoTheFirstCountsAsForTheRoles) {
    const auto f = of({{"Content-Type", "application/json"},
                       {"Cookie", ""},
                       {"Accept-Language", "de"},
                       {"User-Agent", "a"},
                       {"Accept", "a/b"},
                       {"Origin", "https://a"},
                       {"Content-Encoding", "gzip"},
                       {"content-type", "text/plain"},
                       {"cookie", "bid_class=x"},
                       {"accept-language", "en"},
                       {"user-agent", "b"},
                       {"accept", "c/d"},
                       {"origin", "https://b"},
                       {"content-encoding", ""}});
    EXPECT_EQ(f.type, "application/json");
    EXPECT_EQ(f.cookie, "");
    EXPECT_EQ(f.language, "de");
    EXPECT_EQ(f.agent, "a");
    EXPECT_EQ(f.accept, "a/b");
    EXPECT_EQ(f.origin, "https://a");
    EXPECT_TRUE(f.encoded);
}

}  // namespace
}  // namespace persona::antiabuse
