#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "host/tables/tables.h"

namespace persona::host::tables {
namespace {

namespace fs = std::filesystem;
constexpr Secret kSecret{11, 22};
constexpr std::int64_t kMs = 1'000'000, kNow = 5'000'000 * kMs, kWall = 1'700'000'000'000;

class Snapshot : public ::testing::Test {
  protected:
    Snapshot() {
        std::string pattern = (fs::temp_directory_path() / "persona-tables-XXXXXX").string();
        dir_ = ::mkdtemp(pattern.data());
        file_ = dir_ + "/tables.snapshot";
    }
    ~Snapshot() override { fs::remove_all(dir_); }
    static psn_counter_table* counters(Tables& t, std::uint32_t slots = 1'024) {
        bool replaced = false;
        std::string error;
        return t.openCounters("p.c", {sizeof(psn_counter_spec), slots, 0, 60'000}, replaced, error);
    }
    static psn_rate_table* rates(Tables& t, const std::string& name, std::uint32_t persist) {
        bool replaced = false;
        std::string error;
        return t.openRates(name, {sizeof(psn_rate_spec), 1'024, persist, 0}, replaced, error);
    }
    void fillAndSave() {
        Tables t(kSecret);
        for (int i = 0; i < 100; ++i)
            counters(t)->add("key" + std::to_string(i), 3, kNow - 10'000 * kMs, nullptr);
        counters(t)->setFlag("key7", 9, kNow - 10'000 * kMs);
        const psn_rate_limit limit{1'000, 60};
        for (const std::string name : {"p.kept", "p.not"})
            rates(t, name, name == "p.kept" ? 1 : 0)
                ->spend(1, 1, limit, 60, kNow, psn_rate_table::Mode::Take, nullptr);
        ASSERT_EQ(t.save(file_, kWall, kNow), "");
    }
    std::string dir_, file_;
};

TEST_F(Snapshot, BringsBackWhatWasThereWithItsAge) {
    fillAndSave();
    struct stat st {};
    ASSERT_EQ(::stat(file_.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777U, 0600U);
    EXPECT_FALSE(fs::exists(file_ + ".new"));
    // Another process: its monotonic clock began anew; 20 s have passed on the wall.
    Tables t(kSecret);
    const std::int64_t now = 77 * 1'000 * kMs;
    ASSERT_EQ(t.load(file_, kWall + 20'000, now), "");
    psn_counter_value v{};
    for (int i = 0; i < 100; ++i) {
        ASSERT_EQ(counters(t)->get("key" + std::to_string(i), now, &v), PSN_OK) << i;
        EXPECT_EQ(v.count, 3U);
        EXPECT_EQ(v.age_ms, 30'000U);
    }
    counters(t)->get("key7", now, &v);
    EXPECT_EQ(v.flag, 9U);
    psn_rate_answer a{};
    const psn_rate_limit limit{1'000, 60};
    rates(t, "p.kept", 1)->spend(1, 1, limit, 21, now, psn_rate_table::Mode::Take, &a);
    EXPECT_EQ(a.allowed, 0U) << "20 of 60 s have been earned back";
    EXPECT_EQ(a.retry_after_ms, 1'000U);
    rates(t, "p.not", 0)->spend(1, 1, limit, 60, now, psn_rate_table::Mode::Take, &a);
    EXPECT_EQ(a.allowed, 1U);
}

TEST_F(Snapshot, ThatIsOldForeignOrOfAnotherShapeStartsEmpty) {
    fillAndSave();
    {
        Tables t(kSecret);
        EXPECT_NE(t.load(file_, kWall + 601'000, kNow).find("601 s old"), std::string::npos);
        EXPECT_EQ(counters(t)->used(), 0U);
    }
    {
        Tables t({11, 23});
        EXPECT_NE(t.load(file_, kWall, kNow).find("another secret"), std::string::npos);
    }
    {
        Tables t(kSecret);
        EXPECT_EQ(t.load(file_, kWall, kNow), "");
        EXPECT_EQ(counters(t, 2'048)->used(), 0U);
    }
    {
        // A wall clock that stepped back: nothing has passed, as far as anybody can tell.
        Tables t(kSecret);
        EXPECT_EQ(t.load(file_, kWall - 3'600'000, kNow), "");
        EXPECT_EQ(counters(t)->used(), 100U);
    }
    Tables t(kSecret);
    EXPECT_EQ(t.load(dir_ + "/none", kWall, kNow), "");
}

TEST_F(Snapshot, DamagedAtAnyPlaceIsRefusedSoftly) {
    fillAndSave();
    std::ifstream in(file_, std::ios::binary);
    const std::string sound((std::istreambuf_iterator<char>(in)), {});
    ASSERT_GT(sound.size(), 2'000U);
    const auto loadOf = [&](const std::string& bytes) {
        std::ofstream(file_, std::ios::binary | std::ios::trunc) << bytes;
        Tables t(kSecret);
        auto said = t.load(file_, kWall, kNow);
        EXPECT_EQ(counters(t)->used(), said.empty() ? 100U : 0U);
        return said;
    };
    EXPECT_EQ(loadOf(sound), "");
    for (std::size_t at = 0; at < sound.size(); at += 97) {
        auto bad = sound;
        bad[at] = static_cast<char>(bad[at] ^ 0x40);
        EXPECT_NE(loadOf(bad).find("damaged"), std::string::npos) << at;
        EXPECT_NE(loadOf(sound.substr(0, at)), "") << at;
    }
    EXPECT_NE(loadOf(""), "");
}

TEST_F(Snapshot, ADirectoryThatIsNotThereIsNoDisaster) {
    Tables t(kSecret);
    EXPECT_EQ(t.save(dir_ + "/none/tables", kWall, kNow), "") << "nothing to be saved";
    counters(t);
    EXPECT_NE(t.save(dir_ + "/none/tables", kWall, kNow).find("No such file"), std::string::npos);
}

TEST_F(Snapshot, TheSecretIsMadeOnceAndForThisUserAlone) {
    std::string error;
    const auto first = loadSecret(dir_ + "/secret", error);
    EXPECT_EQ(error, "");
    EXPECT_EQ(loadSecret(dir_ + "/secret", error), first);
    fs::permissions(dir_ + "/secret", fs::perms::group_read, fs::perm_options::add);
    EXPECT_NE(loadSecret(dir_ + "/secret", error), first);
    EXPECT_NE(error.find("may be read by others"), std::string::npos);
    error.clear();
    std::ofstream(dir_ + "/short", std::ios::binary) << "x";
    fs::permissions(dir_ + "/short", fs::perms::owner_read);
    EXPECT_NE(loadSecret(dir_ + "/short", error), first);
    EXPECT_NE(error.find("damaged"), std::string::npos);
}

}  // namespace
}  // namespace persona::host::tables
