#include "host/tables/rates.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>

namespace {

constexpr persona::host::tables::Secret kSecret{1, 2};
constexpr std::int64_t kMs = 1'000'000, kStart = 1'000'000 * kMs;
using Mode = psn_rate_table::Mode;

psn_rate_spec spec(std::uint32_t slots) {
    return {sizeof(psn_rate_spec), slots, 0, 0};
}
/// Ten a second, twenty at once.
constexpr psn_rate_limit kLimit{100, 20};

struct Table {
    explicit Table(std::uint32_t slots) : table(spec(slots), kSecret) {}
    psn_rate_answer spend(std::uint64_t key, std::int64_t now, Mode mode = Mode::Take,
                          std::uint32_t cost = 1, psn_rate_limit limit = kLimit) {
        psn_rate_answer a{};
        EXPECT_EQ(table.spend(key, 1, limit, cost, now, mode, &a), PSN_OK);
        return a;
    }
    psn_rate_table table;
};

TEST(Rates, BurstThenTheSustainedRate) {
    Table t(1'024);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(t.spend(7, kStart).allowed, 1U) << i;
    const auto over = t.spend(7, kStart);
    EXPECT_EQ(over.allowed, 0U);
    EXPECT_EQ(over.retry_after_ms, 100U);
    EXPECT_EQ(t.spend(7, kStart + 99 * kMs).allowed, 0U);
    EXPECT_EQ(t.spend(7, kStart + 100 * kMs).allowed, 1U) << "exactly when it was said";
    int allowed = 0;
    for (int ms = 101; ms <= 10'100; ++ms)
        allowed += static_cast<int>(t.spend(7, kStart + ms * kMs).allowed);
    EXPECT_EQ(allowed, 100);
}

TEST(Rates, WhatIsGivenBackIsThereAgainAndNeverMore) {
    Table t(64);
    for (int i = 0; i < 20; ++i) t.spend(7, kStart);
    t.spend(7, kStart, Mode::Refund, 3);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(t.spend(7, kStart).allowed, 1U) << i;
    EXPECT_EQ(t.spend(7, kStart).allowed, 0U);
    t.spend(7, kStart, Mode::Refund, 1'000);
    t.spend(8, kStart, Mode::Refund, 5);
    EXPECT_EQ(t.table.used(), 1U) << "nothing is kept of a key that spent nothing";
    for (int i = 0; i < 20; ++i) EXPECT_EQ(t.spend(7, kStart).allowed, 1U) << i;
    EXPECT_EQ(t.spend(7, kStart).allowed, 0U);
}

TEST(Rates, WhatIsRefusedSpendsNothingAndAStrikeDoes) {
    Table t(64);
    for (int i = 0; i < 20; ++i) t.spend(7, kStart);
    for (int i = 0; i < 1'000; ++i) t.spend(7, kStart);
    EXPECT_EQ(t.spend(7, kStart).retry_after_ms, 100U);
    t.spend(7, kStart, Mode::Charge, 5);
    EXPECT_EQ(t.spend(7, kStart).retry_after_ms, 600U);
    for (int i = 0; i < 1'000; ++i) t.spend(7, kStart, Mode::Charge);
    EXPECT_EQ(t.spend(7, kStart, Mode::Peek).spent_ms, 4'000U) << "at most twice the burst";
    EXPECT_EQ(t.table.forget(7, 1), PSN_OK);
    EXPECT_EQ(t.spend(7, kStart).allowed, 1U);
}

TEST(Rates, RulesAndKeysAreApart) {
    Table t(1'024);
    for (int i = 0; i < 20; ++i) t.spend(7, kStart);
    EXPECT_EQ(t.spend(8, kStart).allowed, 1U);
    psn_rate_answer a{};
    t.table.spend(7, 2, kLimit, 1, kStart, Mode::Take, &a);
    EXPECT_EQ(a.allowed, 1U);
    EXPECT_EQ(t.spend(7, kStart).allowed, 0U);
}

TEST(Rates, LimitsOutOfRange) {
    Table t(64);
    for (const psn_rate_limit bad :
         {psn_rate_limit{0, 1}, psn_rate_limit{1, 0}, psn_rate_limit{86'400'000, 8}})
        EXPECT_EQ(t.table.spend(1, 1, bad, 1, kStart, Mode::Take, nullptr), PSN_INVALID);
    EXPECT_EQ(t.table.spend(1, 1, kLimit, UINT32_MAX, kStart, Mode::Take, nullptr), PSN_INVALID);
}

TEST(Rates, PressureForgivesTheLightAndKeepsTheHeavy) {
    Table t(64);
    // One source spends all it has; a flood of others comes once each.
    for (int i = 0; i < 20; ++i) t.spend(7, kStart);
    std::uint64_t refused = 0;
    for (std::uint64_t i = 0; i < 100'000; ++i)
        refused += t.spend(1'000 + i, kStart).allowed == 0 ? 1U : 0U;
    EXPECT_EQ(refused, 0U) << "a newcomer is never taken for another";
    EXPECT_EQ(t.spend(7, kStart).allowed, 0U) << "and the heavy one is still known";
    EXPECT_GT(t.table.evicted(), 0U);
    EXPECT_LE(t.table.used(), t.table.slots());
}

TEST(Rates, AClockThatStepsBackLocksNobodyOut) {
    Table t(64);
    for (int i = 0; i < 20; ++i) t.spend(7, kStart + 40LL * 86'400'000 * kMs);
    EXPECT_EQ(t.spend(7, kStart + 20LL * 86'400'000 * kMs).allowed, 1U);
    // A little skew between loops is no reason to forgive.
    Table u(64);
    for (int i = 0; i < 20; ++i) u.spend(7, kStart);
    EXPECT_EQ(u.spend(7, kStart - 3 * kMs).allowed, 0U);
}

TEST(Rates, LivePastTheTurnOf32BitsOfMilliseconds) {
    Table t(64);
    const std::int64_t day = 86'400'000 * kMs;
    for (int i = 0; i < 20; ++i) t.spend(7, kStart);
    for (int d = 1; d <= 120; ++d) {
        t.table.sweep(0, 1, kStart + d * day);
        EXPECT_EQ(t.spend(9, kStart + d * day).allowed, 1U) << d;
    }
    EXPECT_EQ(t.spend(7, kStart + 120 * day).spent_ms, 100U);
}

TEST(Rates, ThreadsAtOnceSpendOneBudget) {
    Table t(64);
    std::atomic<int> allowed{0};
    const auto work = [&] {
        for (int i = 0; i < 50'000; ++i) {
            psn_rate_answer a{};
            t.table.spend(7, 1, kLimit, 1, kStart, Mode::Take, &a);
            allowed += static_cast<int>(a.allowed);
        }
    };
    std::thread other(work);
    work();
    other.join();
    EXPECT_EQ(allowed, 20);
    EXPECT_EQ(t.spend(7, kStart).allowed, 0U);
}

TEST(Rates, ASlotIsEightOctets) {
    Table t(2'097'152);
    EXPECT_EQ(t.table.bytes(), 16U << 20);
    EXPECT_EQ(t.table.slots(), 2U << 20);
}

}  // namespace
