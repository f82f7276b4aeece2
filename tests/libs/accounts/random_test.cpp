#include "libs/accounts/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>
#include <stdexcept>

namespace persona::accounts {
namespace {

TEST(Random, TokensAre48CharactersEachEquallyLikely) {  // W25: the original took the octet mod 62
    std::mt19937 engine(1);
    const Random seeded = [&](unsigned char* out, std::size_t size) {
        for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<unsigned char>(engine());
        return true;
    };
    std::map<char, int> seen;
    constexpr int kTokens = 5000;
    for (int i = 0; i < kTokens; ++i)
        for (const char c : makeToken(seeded)) ++seen[c];
    ASSERT_EQ(seen.size(), 62U);
    const double expected = kTokens * 48 / 62.0;
    double chi = 0;
    for (const auto& [c, n] : seen) chi += (n - expected) * (n - expected) / expected;
    // 61 degrees of freedom: one in a million exceeds 126; "mod 62" gives some 1,700.
    EXPECT_LT(chi, 126);
    const auto token = makeToken(systemRandom());
    EXPECT_TRUE(isToken(token)) << token;
    EXPECT_NE(token, makeToken(systemRandom()));
}

TEST(Random, OctetsPastTheLastFullRoundAreRejected) {
    const Random high_then_zero = [first = true](unsigned char* out, std::size_t size) mutable {
        std::fill(out, out + size, first ? 248 : 0);
        first = false;
        return true;
    };
    EXPECT_EQ(makeToken(high_then_zero), std::string(48, 'A'));
}

TEST(Random, OnlyTokensAreTokens) {
    EXPECT_TRUE(isToken(std::string(48, 'z')));
    EXPECT_FALSE(isToken(std::string(47, 'z')));
    EXPECT_FALSE(isToken(std::string(49, 'z')));
    EXPECT_FALSE(isToken(std::string(47, 'z') + "-"));
    EXPECT_FALSE(isToken(std::string(47, 'z') + '\0'));
}

TEST(Random, IdsArePositiveAndBelow2To53) {
    const auto constant = [](unsigned char octet) {
        return Random([octet](unsigned char* out, std::size_t size) {
            std::fill(out, out + size, octet);
            return true;
        });
    };
    EXPECT_EQ(makeUserId(constant(0xff)), (std::int64_t(1) << 53) - 1);
    bool first = true;
    const Random zero_first = [&](unsigned char* out, std::size_t size) {
        std::fill(out, out + size, first ? 0 : 1);
        first = false;
        return true;
    };
    EXPECT_GT(makeUserId(zero_first), 0);
    std::set<std::int64_t> ids;
    for (int i = 0; i < 1000; ++i) ids.insert(makeUserId(systemRandom()));
    EXPECT_EQ(ids.size(), 1000U);
}

TEST(Random, DigestsAreSha256) {
    EXPECT_EQ(tokenDigest("abc"),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(makeKey(systemRandom()).size(), 32U);
}

TEST(Random, AFailingSourceIsAnError) {
    const Random broken = [](unsigned char*, std::size_t) { return false; };
    EXPECT_THROW((void)makeToken(broken), std::runtime_error);
    EXPECT_THROW((void)makeUserId(broken), std::runtime_error);
}

}  // namespace
}  // namespace persona::accounts
