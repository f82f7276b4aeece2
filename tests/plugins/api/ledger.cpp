#include "tests/plugins/api/ledger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "tests/plugins/api/api_fixture.h"

namespace persona::api {

namespace {

constexpr std::size_t kKept = 160;  ///< octets of an answer: longer than any that rows() tells

/// Whether every test of the run was to run: a filter may have left some out.
bool isWhole(const std::string& run) {
    const auto* unit = ::testing::UnitTest::GetInstance();
    int all = 0, chosen = 0;
    for (int i = 0; i < unit->total_test_suite_count(); ++i) {
        const auto* suite = unit->GetTestSuite(i);
        for (int k = 0; k < suite->total_test_count(); ++k) {
            const std::string name = suite->GetTestInfo(k)->name();
            if (std::string(suite->name()) != "Service/Api" || !name.ends_with("/" + run)) continue;
            ++all;
            chosen += suite->GetTestInfo(k)->should_run() ? 1 : 0;
        }
    }
    return all > 0 && all == chosen;
}

}  // namespace

Ledger& Ledger::shared() {
    static Ledger ledger;
    static const bool kListens = [] {
        testing::observeAnswers(
            [](unsigned short port, const std::string& target, const Response& answer) {
                ledger.note(port, target, answer.text());
            });
        return true;
    }();
    (void)kListens;
    return ledger;
}

void Ledger::begin(const Run& run) {
    const std::lock_guard lock(mutex_);
    run_ = run;
}

void Ledger::noteRouter(unsigned short port) {
    const std::lock_guard lock(mutex_);
    routers_.insert(port);
}

void Ledger::note(unsigned short port, const std::string& target, const std::string& text) {
    constexpr std::string_view kPrefix = "/wsapi/";
    if (!target.starts_with(kPrefix)) return;
    const auto call = target.substr(kPrefix.size(), target.find('?') - kPrefix.size());
    const std::lock_guard lock(mutex_);
    if (run_) seen_[*run_][{call, routers_.contains(port)}].insert(text.substr(0, kKept));
}

bool Ledger::has(const Run& run, const Row& row) const {
    const auto calls = seen_.find(run);
    if (calls == seen_.end()) return false;
    const auto at = calls->second.find({row.call, row.seen == Row::Seen::Router});
    if (at == calls->second.end()) return false;
    const auto text = at->second.lower_bound(row.answer);
    return text != at->second.end() && text->starts_with(row.answer);
}

void Ledger::judge() const {
    const std::lock_guard lock(mutex_);
    for (const auto& [run, calls] : seen_) {
        const auto name = nameOf(run);
        if (!isWhole(name)) continue;
        const auto all = rows();
        std::size_t shown = 0;
        for (const auto& row : all) {
            const bool is_there = has(run, row);
            shown += is_there ? 1 : 0;
            EXPECT_TRUE(is_there) << name << ": no test saw " << row.call << " answer '"
                                  << row.answer << "'"
                                  << (row.seen == Row::Seen::Role ? " to a role" : "");
        }
        std::printf("%s: %zu of %zu answers of wsapi.md section 4 seen\n", name.c_str(), shown,
                    all.size());
    }
}

TEST(Coverage, AnAnswerCountsForItsCallItsSenderAndItsRun) {
    constexpr unsigned short kRouter = 1, kRole = 2;
    const Ledger::Run run{Shape::Split, Database::Sqlite}, other{Shape::Split, Database::Mysql};
    Ledger ledger;
    ledger.noteRouter(kRouter);
    ledger.note(kRouter, "/wsapi/ping", "200 before any run");
    ledger.begin(run);
    ledger.note(kRouter, "/wsapi/ping?x=1", "200 ok");
    ledger.note(kRole, "/wsapi/saw_idp", R"(200 {"success":true})");
    ledger.note(kRouter, "/ping", "404 Not Found");
    EXPECT_TRUE(ledger.has(run, {"ping", "200 ok", Row::Seen::Router}));
    EXPECT_TRUE(ledger.has(run, {"saw_idp", "200 {", Row::Seen::Role}));
    EXPECT_FALSE(ledger.has(run, {"ping", "200 ok!", Row::Seen::Router}));
    EXPECT_FALSE(ledger.has(run, {"ping", "200 before", Row::Seen::Router}));
    EXPECT_FALSE(ledger.has(run, {"ping", "404", Row::Seen::Router}));
    EXPECT_FALSE(ledger.has(run, {"ping", "200 ok", Row::Seen::Role}));
    EXPECT_FALSE(ledger.has(run, {"saw_idp", "200 {", Row::Seen::Router}));
    EXPECT_FALSE(ledger.has(run, {"pin", "200", Row::Seen::Router}));
    EXPECT_FALSE(ledger.has(other, {"ping", "200 ok", Row::Seen::Router}));
}

TEST(Coverage, EveryWeaknessHasATestInEveryShapeOnEveryDatabase) {
    std::set<std::string> tests;
    const auto* unit = ::testing::UnitTest::GetInstance();
    for (int i = 0; i < unit->total_test_suite_count(); ++i) {
        const auto* suite = unit->GetTestSuite(i);
        if (std::string(suite->name()) != "Service/Api") continue;
        for (int k = 0; k < suite->total_test_count(); ++k)
            tests.insert(suite->GetTestInfo(k)->name());
    }
    constexpr int kWeaknesses = 35;
    for (int w = 1; w <= kWeaknesses; ++w) {
        const auto at = weaknesses().find(w);
        ASSERT_NE(at, weaknesses().end()) << "W" << w;
        EXPECT_FALSE(at->second.empty()) << "W" << w;
        for (const auto& test : at->second)
            for (const auto shape : {Shape::OneProcess, Shape::Split})
                for (const auto database : {Database::Sqlite, Database::Mysql})
                    EXPECT_TRUE(tests.contains(test + "/" + nameOf({shape, database})))
                        << "W" << w << ": there is no test " << test;
    }
    EXPECT_EQ(weaknesses().size(), kWeaknesses);
}

}  // namespace persona::api
