// What is SQLite's alone: files, modes, group commit, versions, a full disk.

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <barrier>
#include <filesystem>
#include <fstream>
#include <thread>

#include "libs/accounts/sql/sqlite.h"
#include "tests/libs/accounts/store_fixture.h"

namespace persona::accounts {
namespace {

class SqliteStore : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = (std::filesystem::temp_directory_path() / "sqlite-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        directory_ = pattern;
        options_.file = directory_ + "/persona.db";
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }
    std::unique_ptr<Store> open() {
        auto store = Store::open(options_);
        if (!store) throw std::runtime_error(store.error());
        return std::move(*store);
    }
    std::string openError() {
        const auto store = Store::open(options_);
        return store ? "opened" : store.error();
    }
    unsigned mode(const std::string& file) {
        struct stat st {};
        return ::stat(file.c_str(), &st) == 0 ? st.st_mode & 0777 : 0;
    }
    int sqlite(const std::string& sql) {
        return std::system(("sqlite3 '" + options_.file + "' \"" + sql + "\" >/dev/null").c_str());
    }
    static bool contains(const std::string& text, const std::string& part) {
        return text.find(part) != std::string::npos;
    }
    std::string directory_;
    StoreOptions options_;
};

TEST_F(SqliteStore, FilesAreForTheirOwnerAlone) {
    const auto old = ::umask(0);
    const auto store = open();
    ASSERT_TRUE(store->writer()->sawIdp("x.example", kNow));
    ::umask(old);
    EXPECT_EQ(mode(options_.file), 0600U);
    EXPECT_EQ(mode(options_.file + "-wal"), 0600U);
    EXPECT_EQ(mode(options_.file + "-shm"), 0600U);
}

TEST_F(SqliteStore, AFileThatOthersCanReadIsRefused) {
    std::ofstream(options_.file).flush();
    ::chmod(options_.file.c_str(), 0604);
    EXPECT_TRUE(contains(openError(), "chmod 600"));
    options_.file = directory_ + "/none/persona.db";
    EXPECT_TRUE(contains(openError(), options_.file));
    EXPECT_TRUE(contains(openError(), "No such file"));
    options_.file = "";
    EXPECT_TRUE(contains(openError(), "needs a file"));
}

TEST_F(SqliteStore, AFileThatIsNoDatabaseIsRefusedAndLeftAlone) {
    std::ofstream(options_.file) << std::string(8192, 'x');
    ::chmod(options_.file.c_str(), 0600);
    EXPECT_TRUE(contains(openError(), "not a database")) << openError();
    EXPECT_EQ(std::filesystem::file_size(options_.file), 8192U);
}

TEST_F(SqliteStore, ReadingConnectionsCannotWrite) {
    const auto store = open();
    ASSERT_TRUE(store->writer()->sawIdp("x.example", kNow));
    SqliteSettings settings;
    settings.file = options_.file;
    const auto reader = std::move(*SqliteReader::open(settings));
    for (const char* sql :
         {"INSERT INTO idp (id, domain, last_seen_ms) VALUES ('1', 'evil.example', 1)",
          "UPDATE idp SET last_seen_ms = 1", "DELETE FROM idp", "DROP TABLE idp",
          "CREATE TABLE t (a INT)", "PRAGMA user_version = 7"}) {
        const auto tried = transact(*reader, [sql](Connection& c) -> Outcome<Done> {
            c.execute(sql);
            return Done{};
        });
        if (std::string_view(sql).starts_with("PRAGMA")) continue;  // checked below
        ASSERT_FALSE(tried) << sql;
        EXPECT_TRUE(contains(tried.error(), "readonly")) << tried.error();
    }
    EXPECT_EQ(**store->reader().idpLastSeen("x.example"), kNow);
    EXPECT_EQ(sqlite("SELECT 1/(user_version = 0) FROM pragma_user_version"), 0);
}

TEST_F(SqliteStore, ReadersWithoutAWriterSayWhatIsMissingAndRecover) {
    auto settings = options_;
    settings.read_only = true;
    const auto reading = std::move(*Store::open(settings));
    const auto missing = reading->reader().ping();
    ASSERT_FALSE(missing);
    EXPECT_TRUE(contains(missing.error(), "dbwriter makes it")) << missing.error();
    EXPECT_FALSE(std::filesystem::exists(options_.file));
    const auto store = open();
    EXPECT_TRUE(reading->reader().ping());
}

TEST_F(SqliteStore, ANewerSchemaIsRefusedUnlessItSaysThatItServesUs) {
    open();
    ASSERT_EQ(sqlite("INSERT INTO schema_version (version, needs, applied_ms) VALUES (99, 1, 0)"),
              0);
    EXPECT_EQ(openError(), "opened");
    ASSERT_EQ(sqlite("UPDATE schema_version SET needs = 99 WHERE version = 99"), 0);
    EXPECT_TRUE(contains(openError(), "newer program")) << openError();
    auto settings = options_;
    settings.read_only = true;
    EXPECT_FALSE((*Store::open(settings))->reader().ping());
}

TEST_F(SqliteStore, ManyProcessesMayMigrateAtOnce) {
    std::vector<std::jthread> threads;
    std::barrier start(16);
    std::atomic<int> opened{0};
    for (int i = 0; i < 16; ++i)
        threads.emplace_back([&] {
            start.arrive_and_wait();
            const auto store = Store::open(options_);
            if (store && (*store)->writer()->sawIdp("x.example", kNow)) ++opened;
        });
    threads.clear();
    EXPECT_EQ(opened, 16);
    EXPECT_EQ(sqlite("SELECT 1/(COUNT(*) = 1) FROM schema_version"), 0);
}

TEST_F(SqliteStore, WritesThatWaitTogetherAreCommittedTogetherAndFailAlone) {
    std::atomic<int> commits{0};
    std::atomic<bool> hold{false};
    options_.before_statement = [&](std::string_view sql) {
        if (sql == "COMMIT") ++commits;
        while (sql == "BEGIN IMMEDIATE" && hold) std::this_thread::yield();
    };
    const auto store = open();
    commits = 0;
    hold = true;
    std::atomic<int> made{0}, refused{0};
    std::vector<std::jthread> threads;
    for (int i = 0; i < 40; ++i)
        threads.emplace_back([&, i] {
            const auto address = at("u" + std::to_string(i % 20) + "@x.example");
            if (store->writer()->stageNewAccount(address, "h", "s", {}, kNow))
                ++made;
            else
                ++refused;
        });
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    hold = false;
    threads.clear();
    EXPECT_EQ(made, 20);
    EXPECT_EQ(refused, 20);  // the throttled half did not take the others with it
    EXPECT_LT(commits, 20);
}

TEST_F(SqliteStore, AWriterThatIsHeldUpAnswersWithinTheDeadlineAndRecovers) {
    options_.deadline = std::chrono::milliseconds(300);
    std::atomic<bool> hold{false};
    options_.before_statement = [&](std::string_view sql) {
        while (sql == "BEGIN IMMEDIATE" && hold) std::this_thread::yield();
    };
    const auto store = open();
    hold = true;
    std::vector<std::jthread> threads;
    std::atomic<int> unavailable{0};
    for (int i = 0; i < 16; ++i)
        threads.emplace_back([&, i] {
            const auto tried = store->writer()->sawIdp("d" + std::to_string(i) + ".example", kNow);
            if (!tried && tried.failure().reason == Reason::Unavailable) ++unavailable;
        });
    threads.clear();  // all came back while the writer was still held
    EXPECT_EQ(unavailable, 16);
    hold = false;
    EXPECT_TRUE(store->writer()->sawIdp("late.example", kNow));
    EXPECT_TRUE(store->reader().ping());
}

TEST_F(SqliteStore, AnotherProcessThatHoldsTheLockIsWaitedForAndNamed) {
    options_.deadline = std::chrono::milliseconds(200);
    const auto store = open();
    const auto other = open();
    std::atomic<bool> inside{false}, leave{false};
    SqliteSettings settings;
    settings.file = options_.file;
    const auto holder = std::move(*SqliteWriter::open(settings));
    std::jthread thread([&] {
        (void)holder->run([&](Connection&) {
            inside = true;
            while (!leave) std::this_thread::yield();
            return false;
        });
    });
    while (!inside) std::this_thread::yield();
    EXPECT_FALSE(store->writer()->sawIdp("x.example", kNow));
    EXPECT_TRUE(store->reader().ping());  // reading goes on
    leave = true;
    thread.join();
    for (int i = 0; i < 100 && !store->writer()->sawIdp("x.example", kNow); ++i) {
    }
    EXPECT_TRUE(store->reader().idpLastSeen("x.example")->has_value());
}

TEST_F(SqliteStore, AFullDiskIsAClearErrorAndCorruptsNothing) {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting a small file system takes root";
    const std::string mount = directory_ + "/small";
    ::mkdir(mount.c_str(), 0700);
    ASSERT_EQ(::mount("tmpfs", mount.c_str(), "tmpfs", 0, "size=2m"), 0) << std::strerror(errno);
    options_.file = mount + "/persona.db";
    std::vector<std::string> acknowledged;
    std::string error;
    {
        const auto store = open();
        std::ofstream(mount + "/ballast") << std::string(1'000'000, 'b');
        for (int i = 0; i < 5000 && error.empty(); ++i) {
            const auto address = "user" + std::to_string(i) + "@x.example";
            const auto made = store->writer()->createUserWithPrimaryEmail(at(address), kNow);
            if (made)
                acknowledged.push_back(address);
            else
                error = made.error();
        }
        EXPECT_TRUE(contains(error, "free space")) << error;
        EXPECT_GT(acknowledged.size(), 10U);
        std::filesystem::remove(mount + "/ballast");
        const auto after = store->writer()->createUserWithPrimaryEmail(at("after@x.example"), kNow);
        EXPECT_TRUE(after) << after.error();
        acknowledged.emplace_back("after@x.example");
    }
    {
        const auto store = open();
        for (const auto& address : acknowledged)
            EXPECT_TRUE(store->reader().emailInfo(at(address))->has_value()) << address;
    }
    EXPECT_EQ(
        std::system(
            ("test \"$(sqlite3 '" + options_.file + "' 'PRAGMA integrity_check')\" = ok").c_str()),
        0);
    EXPECT_EQ(::umount(mount.c_str()), 0);
}

}  // namespace
}  // namespace persona::accounts
