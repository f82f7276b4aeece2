#include "libs/discovery/hop_cache.h"

#include <gtest/gtest.h>

namespace persona::discovery {
namespace {

constexpr Lifetimes kBounds{300'000, 10'000, 21'600'000};

HopPtr hop() {
    return std::make_shared<const protocol::Hop>();
}

TEST(HopCache, FreshThenStaleThenGone) {
    HopCache cache(10);
    const auto h = hop();
    cache.put("a", h, 100, 150);
    EXPECT_EQ(cache.find("a", 99).hop, h);
    EXPECT_FALSE(cache.find("a", 99).stale);
    EXPECT_EQ(cache.find("a", 100).hop, h);
    EXPECT_TRUE(cache.find("a", 149).stale);
    EXPECT_EQ(cache.find("a", 150).hop, nullptr);
    EXPECT_EQ(cache.size(), 0u);
}

TEST(HopCache, TheLeastUsedGoesFirst) {
    HopCache cache(3);
    for (const auto* key : {"a", "b", "c"}) cache.put(key, hop(), 100, 100);
    EXPECT_NE(cache.find("a", 0).hop, nullptr);
    cache.put("d", hop(), 100, 100);
    EXPECT_EQ(cache.size(), 3u);
    EXPECT_EQ(cache.find("b", 0).hop, nullptr);
    for (const auto* key : {"a", "c", "d"}) EXPECT_NE(cache.find(key, 0).hop, nullptr) << key;
}

TEST(HopCache, PutReplaces) {
    HopCache cache(3);
    cache.put("a", hop(), 100, 100);
    const auto second = hop();
    cache.put("a", second, 200, 200);
    EXPECT_EQ(cache.size(), 1u);
    EXPECT_EQ(cache.find("a", 150).hop, second);
}

TEST(Lifetime, OfCacheControl) {
    const std::pair<const char*, std::int64_t> cases[] = {
        {"", 300'000},
        {"public", 300'000},
        {"max-age=60", 60'000},
        {"public, max-age=60", 60'000},
        {"Max-Age=60, Public", 60'000},
        {"max-age=\"60\"", 60'000},
        {"max-age=1", 10'000},
        {"max-age=0", 10'000},
        {"max-age=-5", 10'000},
        {"max-age=x", 10'000},
        {"max-age=", 10'000},
        {"max-age=999999", 21'600'000},
        {"max-age=99999999999999999999999999", 21'600'000},
        {"no-store", 10'000},
        {"max-age=600, no-store", 10'000},
        {"s-maxage=600", 300'000},
    };
    for (const auto& [text, wanted] : cases) EXPECT_EQ(lifetimeOf(text, kBounds), wanted) << text;
}

}  // namespace
}  // namespace persona::discovery
