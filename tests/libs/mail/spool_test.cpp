#include "libs/mail/spool.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <utime.h>

#include <filesystem>
#include <fstream>

#include "libs/mail/schedule.h"
#include "tests/support/temp_dir.h"

namespace persona::mail {
namespace {

using persona::testing::TempDir;

using State = Spool::Found::State;

const std::string kId(32, 'a');
const Spool::Stored kMail{"confirm", "from@mail.example", "to@mail.example",
                          "Subject: x\r\n\r\nbody\r\n", 5000};

TEST(Spool, KeepsAMessageAsItIsThroughAttemptsAndRestarts) {
    const TempDir dir;
    auto spool = Spool::open(dir / "q");
    ASSERT_TRUE(spool) << spool.error();
    auto entry = spool->add(kId, kMail, 1000);
    ASSERT_TRUE(entry) << entry.error();
    EXPECT_EQ(spool->reschedule(*entry, 3, 4000), "");

    const auto again = Spool::open(dir / "q");
    ASSERT_TRUE(again);
    std::size_t strange = 9;
    const auto found = again->scan(strange, 1000);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(strange, 0U);
    EXPECT_EQ(found[0].id, kId);
    EXPECT_EQ(found[0].attempts, 3U);
    EXPECT_EQ(found[0].due_ms, 4000);
    const auto read = again->read(found[0]);
    ASSERT_EQ(read.state, State::Good) << read.error;
    EXPECT_EQ(read.mail.kind, kMail.kind);
    EXPECT_EQ(read.mail.from, kMail.from);
    EXPECT_EQ(read.mail.to, kMail.to);
    EXPECT_EQ(read.mail.octets, kMail.octets);
    EXPECT_EQ(read.mail.expires_ms, 5000);
    EXPECT_EQ(again->remove(found[0]), "");
    EXPECT_EQ(again->read(found[0]).state, State::Gone);
}

TEST(Spool, IsPrivate) {
    const TempDir dir;
    auto spool = Spool::open(dir / "q");
    ASSERT_TRUE(spool);
    const auto entry = spool->add(kId, kMail, 1000);
    ASSERT_TRUE(entry);
    for (const char* folder : {"q", "q/new", "q/queue", "q/dead"}) {
        struct stat st {};
        ASSERT_EQ(::stat((dir / folder).c_str(), &st), 0);
        EXPECT_EQ(st.st_mode & 0777, 0700U) << folder;
    }
    struct stat st {};
    ASSERT_EQ(::stat((dir / "q/queue/" + entry->fileName()).c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0600U);
}

TEST(Spool, StrangeAndHalfWrittenFilesAreNotDelivered) {
    const TempDir dir;
    const auto spool = Spool::open(dir / "q");
    ASSERT_TRUE(spool);
    for (const auto& name :
         {std::string("x"), kId, kId + "-1", kId + "-1-", kId + "-x-1",
          std::string(32, 'G') + "-1-1", kId.substr(1) + "-1-1", kId + "-1-1-1", kId + "--1-1"})
        std::ofstream(dir / "q/queue/" + name) << "x";
    const std::string half = dir / "q/new/" + std::string(32, 'b');
    std::ofstream(half) << "persona-mail/1 confirm";
    std::size_t strange = 0;
    EXPECT_TRUE(spool->scan(strange, 0).empty());
    EXPECT_EQ(strange, 9U);
    EXPECT_TRUE(std::filesystem::exists(half)) << "perhaps another process is writing it";
    const utimbuf old{1, 1};
    ASSERT_EQ(::utime(half.c_str(), &old), 0);
    EXPECT_TRUE(spool->scan(strange, 3'700'000).empty());
    EXPECT_FALSE(std::filesystem::exists(half));
}

TEST(Spool, ADamagedFileIsAnErrorThatNamesIt) {
    const TempDir dir;
    const auto spool = Spool::open(dir / "q");
    ASSERT_TRUE(spool);
    const Spool::Entry entry{kId, 0, 1};
    for (const char* content :
         {"", "x", "persona-mail/1 confirm 1 a\n", "persona-mail/2 confirm 1 a b\nx",
          "persona-mail/1 confirm x a b\nx", "persona-mail/1 confirm 1 a b c\nx"}) {
        std::ofstream(dir / "q/queue/" + entry.fileName()) << content;
        const auto mail = spool->read(entry);
        ASSERT_EQ(mail.state, State::Damaged) << content;
        EXPECT_NE(mail.error.find(entry.fileName()), std::string::npos);
    }
}

TEST(Spool, OneProcessDelivers) {
    const TempDir dir;
    auto first = Spool::open(dir / "q");
    auto second = Spool::open(dir / "q");
    ASSERT_TRUE(first && second);
    EXPECT_TRUE(first->tryLock());
    EXPECT_TRUE(first->tryLock());
    EXPECT_FALSE(second->tryLock());
    { const auto gone = std::move(*first); }
    EXPECT_TRUE(second->tryLock());
}

TEST(Spool, OldDeadLettersGo) {
    const TempDir dir;
    const auto spool = Spool::open(dir / "q");
    ASSERT_TRUE(spool);
    const auto entry = spool->add(kId, kMail, 1000);
    ASSERT_TRUE(entry);
    const auto queued = dir / "q/queue/" + entry->fileName(),
               dead = dir / "q/dead/" + entry->fileName();
    const utimbuf old{1, 1};
    ASSERT_EQ(::utime(queued.c_str(), &old), 0);
    EXPECT_EQ(spool->bury(*entry), "");
    spool->purgeDead(10'000'000);
    EXPECT_TRUE(std::filesystem::exists(dead)) << "its age counts from its death";
    ASSERT_EQ(::utime(dead.c_str(), &old), 0);
    spool->purgeDead(10'000'000);
    EXPECT_FALSE(std::filesystem::exists(dead));
}

TEST(Schedule, TheLongestDueComesFirstAndNothingComesTwice) {
    Schedule schedule(1000);
    EXPECT_TRUE(schedule.add({"a", 0, 30}));
    EXPECT_TRUE(schedule.add({"b", 0, 10}));
    EXPECT_TRUE(schedule.add({"c", 0, 20}));
    EXPECT_FALSE(schedule.add({"b", 1, 5})) << "known";
    EXPECT_EQ(schedule.nextDue(0), 10);
    EXPECT_FALSE(schedule.take(9));
    auto b = schedule.take(20);
    ASSERT_TRUE(b);
    EXPECT_EQ(b->id, "b");
    EXPECT_FALSE(schedule.add({"b", 0, 10})) << "taken, so still known";
    EXPECT_EQ(schedule.take(20)->id, "c");
    EXPECT_FALSE(schedule.take(20));
    EXPECT_EQ(schedule.size(), 3U);
    b->due_ms = 40;
    schedule.back(*b);
    EXPECT_EQ(schedule.take(100)->id, "a");
    EXPECT_EQ(schedule.take(100)->id, "b");
    schedule.done(*b);
    EXPECT_TRUE(schedule.add({"b", 0, 10}));
}

TEST(Schedule, WhatAClockThatWasSetBackPutOffIsDue) {
    Schedule schedule(1000);
    EXPECT_TRUE(schedule.add({"late", 3, 500'900}));
    EXPECT_EQ(schedule.nextDue(500'000), 500'900);
    EXPECT_FALSE(schedule.take(500'000));
    // The clock goes back: what is due comes first, then what no wait explains.
    EXPECT_TRUE(schedule.add({"new", 0, 40'000}));
    EXPECT_TRUE(schedule.add({"soon", 1, 40'500}));
    EXPECT_EQ(schedule.take(40'000)->id, "new");
    EXPECT_EQ(schedule.nextDue(40'000), 40'000);
    EXPECT_EQ(schedule.take(40'000)->id, "late");
    EXPECT_EQ(schedule.nextDue(40'000), 40'500);
    EXPECT_FALSE(schedule.take(40'000));
    EXPECT_EQ(schedule.take(40'500)->id, "soon");
    EXPECT_FALSE(schedule.nextDue(40'500));
}

TEST(Spool, ADescriptorThatIsMissingIsNoFaultOfTheMessage) {
    const TempDir dir;
    auto spool = Spool::open(dir / "q");
    ASSERT_TRUE(spool);
    const auto entry = spool->add(kId, kMail, 1000);
    ASSERT_TRUE(entry);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none{0, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const auto hidden = spool->read(*entry);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(hidden.state, State::Unreadable);
    EXPECT_NE(hidden.error, "");
    EXPECT_EQ(spool->read(*entry).state, State::Good);
}

TEST(Backoff, DoublesWithinAQuarterUpToItsLimit) {
    SmtpOptions options;
    options.retry_first = std::chrono::milliseconds(1000);
    options.retry_most = std::chrono::milliseconds(60'000);
    const std::int64_t expected[] = {1000, 2000, 4000, 8000, 16'000, 32'000, 60'000, 60'000};
    for (unsigned attempt = 1; attempt <= 8; ++attempt) {
        EXPECT_EQ(backoffMs(options, attempt, 0), expected[attempt - 1] * 3 / 4);
        EXPECT_EQ(backoffMs(options, attempt, 128), expected[attempt - 1]);
        EXPECT_LE(backoffMs(options, attempt, 255), expected[attempt - 1] * 5 / 4);
    }
    EXPECT_EQ(backoffMs(options, 4'000'000'000U, 128), 60'000);
    EXPECT_EQ(backoffMs(options, 0, 128), 1000);
}

}  // namespace
}  // namespace persona::mail
