#include "host/bridge/breaker.h"

#include <gtest/gtest.h>

#include "host/bridge/log_limit.h"

namespace persona::host::bridge {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

TEST(Breaker, OpensAtFiveFaultsInARowForThirtySeconds) {
    Breaker b(2);
    for (int i = 0; i < 4; ++i) {
        b.called(0);
        EXPECT_FALSE(b.failed(100 * kSecond));
    }
    b.succeeded();
    for (int i = 0; i < 4; ++i) EXPECT_FALSE(b.failed(101 * kSecond));
    EXPECT_FALSE(b.isOpen(101 * kSecond));
    EXPECT_TRUE(b.failed(101 * kSecond));
    EXPECT_TRUE(b.isOpen(130 * kSecond));
    EXPECT_FALSE(b.isOpen(132 * kSecond));
    EXPECT_EQ(b.openings(), 1U);
    EXPECT_EQ(b.faults(), 9U);
}

TEST(Breaker, OpensOverFivePercentOfTwoHundredCallsInTenSeconds) {
    Breaker b(2);
    const auto now = 100 * kSecond;
    bool opened = false;
    int calls = 0, faults = 0;
    for (; calls < 1'000 && !opened; ++calls) {
        b.called(calls % 2U);
        if (calls % 16 == 0) {
            ++faults;
            opened = b.failed(now);
        } else {
            b.succeeded();
        }
    }
    EXPECT_TRUE(opened);
    EXPECT_GE(calls, 200);
    EXPECT_LT(calls, 220);
    EXPECT_EQ(b.calls(), static_cast<std::uint64_t>(calls));
    EXPECT_EQ(b.faults(), static_cast<std::uint64_t>(faults));
}

TEST(Breaker, StaysClosedAtFourPercent) {
    Breaker b(1);
    for (int i = 0; i < 10'000; ++i) {
        b.called(0);
        if (i % 25 == 24) {
            EXPECT_FALSE(b.failed(100 * kSecond));
        } else {
            b.succeeded();
        }
    }
}

TEST(Breaker, ForgetsWhatIsOlderThanTenSeconds) {
    Breaker b(1);
    // Three faults in each window of 100 calls: never 200 calls in one window.
    for (int w = 0; w < 20; ++w)
        for (int i = 0; i < 100; ++i) {
            b.called(0);
            if (i % 10 == 0) {
                EXPECT_FALSE(b.failed((100 + 11 * w) * kSecond)) << w;
            } else {
                b.succeeded();
            }
        }
}

TEST(LogLimit, LetsOneLineASecondThroughAndSaysHowManyItHeldBack) {
    LogLimit b;
    std::uint64_t held = 99;
    EXPECT_TRUE(b.may(100 * kSecond, held));
    EXPECT_EQ(held, 0U);
    EXPECT_FALSE(b.may(100 * kSecond + 5, held));
    EXPECT_FALSE(b.may(100 * kSecond + 9, held));
    EXPECT_TRUE(b.may(102 * kSecond, held));
    EXPECT_EQ(held, 2U);
}

}  // namespace
}  // namespace persona::host::bridge
