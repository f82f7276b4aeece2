#include "host/tables/counters.h"

#include <gtest/gtest.h>

#include <thread>

#include "host/tables/tables.h"

namespace persona::host::tables {
namespace {

constexpr Secret kSecret{0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};
constexpr std::int64_t kMs = 1'000'000, kStart = 1'000'000 * kMs;

psn_counter_spec spec(std::uint32_t slots, std::uint32_t window_ms = 0, std::uint32_t ttl_ms = 0) {
    return {sizeof(psn_counter_spec), slots, window_ms, ttl_ms};
}

TEST(SipHash, GivesThePublishedVectors) {
    // The reference vectors of SipHash-2-4: key 00..0f, input 00, 01, ...
    std::string input;
    EXPECT_EQ(sdk::sipHash(kSecret, input), 0x726fdb47dd0e0e31ULL);
    for (int i = 0; i < 15; ++i) input.push_back(static_cast<char>(i));
    EXPECT_EQ(sdk::sipHash(kSecret, input), 0xa129ca6149be45e5ULL);
}

TEST(Counters, CountWithinASlidingWindow) {
    psn_counter_table t(spec(1'024, 1'000), kSecret);
    psn_counter_value v{};
    for (int i = 0; i < 10; ++i) EXPECT_EQ(t.add("a", 1, kStart, &v), PSN_OK);
    EXPECT_EQ(v.count, 10U);
    EXPECT_EQ(t.get("a", kStart + 1'500 * kMs, &v), PSN_OK);
    EXPECT_EQ(v.count, 5U) << "half of the window before is left";
    EXPECT_EQ(t.get("a", kStart + 2'500 * kMs, &v), PSN_OK);
    EXPECT_EQ(v.count, 0U);
    EXPECT_EQ(t.get("b", kStart, &v), PSN_NOT_FOUND);
    EXPECT_EQ(t.add("", 1, kStart, &v), PSN_INVALID);
    EXPECT_EQ(t.add(std::string(257, 'x'), 1, kStart, &v), PSN_INVALID);
}

TEST(Counters, SaturateFlagAndForget) {
    psn_counter_table t(spec(64, 0, 1'000), kSecret);
    psn_counter_value v{};
    t.add("a", UINT32_MAX, kStart, &v);
    t.add("a", 5, kStart, &v);
    EXPECT_EQ(v.count, UINT32_MAX);
    EXPECT_EQ(t.setFlag("a", 7, kStart + 100 * kMs), PSN_OK);
    EXPECT_EQ(t.get("a", kStart + 600 * kMs, &v), PSN_OK);
    EXPECT_EQ(v.flag, 7U);
    EXPECT_EQ(v.age_ms, 500U);
    EXPECT_EQ(t.get("a", kStart + 1'200 * kMs, &v), PSN_NOT_FOUND) << "its time is over";
    EXPECT_EQ(t.erase("a"), PSN_NOT_FOUND);
}

TEST(Counters, PressureForgetsTheIdlestAndKeepsTheBusy) {
    psn_counter_table t(spec(64), kSecret);
    psn_counter_value v{};
    auto now = kStart;
    for (int i = 0; i < 100'000; ++i) {
        now += kMs;
        t.add("busy", 1, now, nullptr);
        t.add("idle" + std::to_string(i), 1, now, nullptr);
    }
    ASSERT_EQ(t.get("busy", now, &v), PSN_OK);
    EXPECT_EQ(v.count, 100'000U);
    EXPECT_GT(t.evicted(), 90'000U);
    EXPECT_LE(t.used(), t.slots());
}

TEST(Counters, AClockThatStepsBackNeitherForgetsNorPunishes) {
    psn_counter_table t(spec(64, 1'000, 5'000), kSecret);
    psn_counter_value v{};
    t.add("a", 10, kStart, nullptr);
    // Another loop read its clock a little earlier.
    t.add("a", 1, kStart - 3 * kMs, &v);
    EXPECT_EQ(v.count, 11U);
    EXPECT_EQ(v.age_ms, 0U);
    t.add("a", 1, kStart - 3'600'000 * kMs, &v);
    EXPECT_EQ(v.count, 12U);
    EXPECT_EQ(t.get("a", kStart + 2'500 * kMs, &v), PSN_OK);
    EXPECT_EQ(v.count, 0U);
}

TEST(Counters, LivePastTheTurnOf32BitsOfMilliseconds) {
    psn_counter_table t(spec(64, 1'000), kSecret);
    psn_counter_value v{};
    t.add("a", 10, kStart, nullptr);
    // Swept now and then, as the host does, for 120 days.
    const std::int64_t day = 86'400'000 * kMs;
    for (int d = 1; d <= 120; ++d) t.sweep(0, 1, kStart + d * day);
    EXPECT_EQ(t.get("a", kStart + 120 * day, &v), PSN_OK);
    EXPECT_EQ(v.count, 0U);
    EXPECT_GT(v.age_ms, 19U * 86'400'000U);
}

TEST(Counters, TwoThreadsLoseNothing) {
    psn_counter_table t(spec(64), kSecret);
    const auto work = [&] {
        for (int i = 0; i < 100'000; ++i) t.add("shared", 1, kStart, nullptr);
    };
    std::thread other(work);
    work();
    other.join();
    psn_counter_value v{};
    t.get("shared", kStart, &v);
    EXPECT_EQ(v.count, 200'000U);
}

TEST(Counters, PeekChangesNothing) {
    psn_counter_table t(spec(64), kSecret);
    psn_counter_value v{};
    EXPECT_EQ(t.peek("a", 3, kStart, &v), PSN_OK);
    EXPECT_EQ(v.count, 3U);
    EXPECT_EQ(t.get("a", kStart, &v), PSN_NOT_FOUND);
}

TEST(Tables, OneNameIsOneTableUntilItsShapeChanges) {
    Tables tables(kSecret);
    bool replaced = false;
    std::string error;
    auto* a = tables.openCounters("p.x", spec(64), replaced, error);
    ASSERT_NE(a, nullptr);
    EXPECT_EQ(tables.openCounters("p.x", spec(64), replaced, error), a);
    EXPECT_FALSE(replaced);
    auto* b = tables.openCounters("p.x", spec(128), replaced, error);
    EXPECT_TRUE(replaced);
    EXPECT_NE(a, b);
    EXPECT_EQ(a->add("k", 1, kStart, nullptr), PSN_OK) << "who has the old one may go on";
    EXPECT_EQ(tables.openCounters("", spec(64), replaced, error), nullptr);
    EXPECT_EQ(tables.openCounters("p.y", spec(63), replaced, error), nullptr);
    EXPECT_NE(error.find("64 to 16777216 slots"), std::string::npos);
}

}  // namespace
}  // namespace persona::host::tables
