#include "host/tables/sharing.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace persona::host::tables {
namespace {

constexpr std::int64_t kMs = 1'000'000, kStart = 1'000'000 * kMs;
using Mode = psn_rate_table::Mode;
/// Ten a second, twenty at once.
constexpr psn_rate_limit kLimit{100, 20};

/// What a backend does (psn.counter-backend), in memory.
struct Store {
    struct Entry {
        std::string table;
        std::uint32_t rule;
        std::uint64_t key;
        std::int64_t spent;
        std::uint64_t changed;  ///< 0: never spent by half
    };
    std::vector<Entry> entries;
    std::uint64_t epoch = 1, seq = 0;

    Entry& at(const std::string& table, std::uint32_t rule, std::uint64_t key) {
        for (auto& e : entries)
            if (e.table == table && e.rule == rule && e.key == key) return e;
        return entries.emplace_back(Entry{table, rule, key, 0, 0});
    }
    void take(const std::string& table, const Sharing::Change& c) {
        auto& e = at(table, c.key.rule, c.key.key);
        const auto old = e.spent;
        e.spent = std::max(std::max<std::int64_t>(0, old + c.delta_ms), c.at_least_ms);
        if (2 * std::max(old, e.spent) >= c.window_ms) e.changed = ++seq;
    }
    void lose() {
        entries.clear();
        ++epoch;
        seq = 0;
    }
};

struct Process {
    explicit Process(Store& s) : store(s) {
        bool replaced = false;
        std::string error;
        const psn_rate_spec spec{sizeof spec, 1'024, 0, 0};
        table = tables.openRates("login.tries", spec, replaced, error);
        own = tables.openRates("rate.requests", spec, replaced, error);
    }
    psn_rate_answer spend(std::uint64_t key, Mode mode = Mode::Take, std::uint32_t cost = 1,
                          psn_rate_limit limit = kLimit) const {
        psn_rate_answer a{};
        EXPECT_EQ(table->spend(key, 1, limit, cost, kStart, mode, &a), PSN_OK);
        return a;
    }
    [[nodiscard]] unsigned left(std::uint64_t key) const {
        return kLimit.burst - table->spentMs(key, 1, kStart) / kLimit.interval_ms;
    }
    /// `answered` false: the changes arrive, and the process never learns that.
    std::size_t exchange(bool answered = true) {
        const auto changes = sharing.gather(1'000, kStart);
        for (const auto& c : changes) store.take(sharing.nameOf(c.key.table), c);
        if (!answered) {
            sharing.failed();
            return changes.size();
        }
        if (store.epoch != sharing.epoch()) cursor = 0;
        for (const auto& e : store.entries)
            if (e.changed > cursor) sharing.adopt(e.table, e.rule, e.key, e.spent, kStart);
        cursor = store.seq;
        sharing.arrived(store.epoch, 2);
        return changes.size();
    }
    Store& store;
    Tables tables{Secret{1, 2}};
    Sharing sharing{tables, {{"login.tries", true}}};
    psn_rate_table *table = nullptr, *own = nullptr;
    std::uint64_t cursor = 0;
};

struct Pair : ::testing::Test {
    Store store;
    Process a{store}, b{store};
    void both() {
        a.exchange();
        b.exchange();
        a.exchange();
    }
};

TEST_F(Pair, TwoProcessesHaveOneBudget) {
    a.spend(7, Mode::Charge, 12);
    b.spend(7, Mode::Charge, 5);
    both();
    EXPECT_EQ(a.left(7), 3U);
    EXPECT_EQ(b.left(7), 3U);
    EXPECT_EQ(b.spend(7, Mode::Take, 3).allowed, 1U);
    both();
    EXPECT_EQ(a.spend(7).allowed, 0U) << "what the other one spent last is known";
    EXPECT_EQ(a.left(8), 20U);
}

TEST_F(Pair, WhatIsSpentMeanwhileIsNotLost) {
    a.spend(7, Mode::Charge, 12);
    a.exchange();
    b.spend(7, Mode::Charge, 2);
    const auto said = b.sharing.gather(1'000, kStart);
    b.spend(7, Mode::Charge, 3);  // while the exchange is under way
    for (const auto& c : said) store.take("login.tries", c);
    b.sharing.adopt("login.tries", 1, 7, store.at("login.tries", 1, 7).spent, kStart);
    EXPECT_EQ(b.left(7), 3U);
    b.exchange();
    EXPECT_EQ(b.left(7), 3U);
}

TEST_F(Pair, WhatIsGivenBackAndForgottenIsSoEverywhere) {
    a.spend(7, Mode::Charge, 12);
    b.spend(7, Mode::Charge, 5);
    both();
    a.spend(7, Mode::Refund, 2);
    both();
    EXPECT_EQ(b.left(7), 5U);
    b.table->forget(7, 1);
    b.exchange();
    a.exchange();
    EXPECT_EQ(a.left(7), 20U);
}

TEST_F(Pair, UnderHalfABudgetNothingIsTold) {
    a.spend(7, Mode::Charge, 9);
    both();
    EXPECT_EQ(b.left(7), 20U);
    b.spend(7, Mode::Charge, 1);
    both();
    EXPECT_EQ(b.left(7), 10U) << "together it is half";
    EXPECT_EQ(a.left(7), 10U);
}

TEST_F(Pair, OtherTablesAreEachProcessOwn) {
    psn_rate_answer answer{};
    a.own->spend(7, 1, kLimit, 20, kStart, Mode::Charge, &answer);
    EXPECT_EQ(a.exchange(), 0U);
    EXPECT_FALSE(b.sharing.adopt("rate.requests", 1, 7, 2'000, kStart));
    EXPECT_EQ(b.own->spentMs(7, 1, kStart), 0U);
}

TEST_F(Pair, AnExchangeOfWhichNobodyKnowsIsNotCountedTwice) {
    a.spend(7, Mode::Charge, 12);
    a.exchange(false);
    a.spend(7, Mode::Charge, 1);
    both();
    EXPECT_EQ(a.left(7), 7U);
    EXPECT_EQ(b.left(7), 7U);
    a.spend(7, Mode::Charge, 1);
    both();
    EXPECT_EQ(b.left(7), 6U) << "from then on changes count again";
}

TEST_F(Pair, AStoreThatHasLostItsMemoryResetsNobody) {
    a.spend(7, Mode::Charge, 12);
    b.spend(7, Mode::Charge, 4);
    both();
    store.lose();
    a.spend(7, Mode::Charge, 1);
    EXPECT_EQ(a.left(7), 3U);
    for (int i = 0; i < 3; ++i) both();
    EXPECT_EQ(a.left(7), 3U);
    EXPECT_EQ(b.left(7), 3U);
    EXPECT_EQ(store.at("login.tries", 1, 7).spent, 1'700);
}

TEST_F(Pair, WhoIsAloneHasHalfABudget) {
    both();
    a.sharing.setAlone(true);
    unsigned allowed = 0;
    for (int i = 0; i < 20; ++i) allowed += a.spend(7).allowed;
    EXPECT_EQ(allowed, 10U);
    EXPECT_EQ(a.spend(9, Mode::Take, 1, {1'000, 1}).allowed, 1U) << "of one there is no half";
    EXPECT_EQ(b.spend(7, Mode::Take, 20).allowed, 1U);
    a.sharing.setAlone(false);
    EXPECT_EQ(a.spend(10, Mode::Take, 20).allowed, 1U);
}

TEST(Sharing, WhoHasNoOthersIsNotAlone) {
    Store store;
    Process only(store);
    only.sharing.setAlone(true);
    EXPECT_EQ(only.spend(7, Mode::Take, 20).allowed, 1U);
}

TEST_F(Pair, NothingGrowsWithoutBound) {
    for (std::uint64_t key = 1; key <= 3 * Outbox::kMostKeys; ++key)
        a.spend(key * 0x9e3779b97f4a7c15ULL, Mode::Charge, 20);
    EXPECT_GT(a.sharing.leftOut(), Outbox::kMostKeys);
    std::size_t sent = 0, calls = 0;
    do {
        sent += a.exchange();
        ++calls;
    } while (a.sharing.hasMore());
    EXPECT_LE(sent, Outbox::kMostKeys);
    EXPECT_GT(calls, sent / 1'000);
}

}  // namespace
}  // namespace persona::host::tables
