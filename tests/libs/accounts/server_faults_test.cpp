// A server that is stopped, paused, slow, refusing or restarting: Unavailable within the deadline,
// no thread lost, recovery by itself. And an account that can read alone.

#include <atomic>
#include <fstream>
#include <set>
#include <thread>

#include "libs/accounts/sql/mysql.h"
#include "tests/libs/accounts/mariadb_server.h"
#include "tests/libs/accounts/store_fixture.h"

namespace persona::accounts {
namespace {

using std::chrono::milliseconds;

class ServerFaults : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        server_ = std::make_unique<MariaDbServer>();
        server_->sql("CREATE DATABASE persona");
    }
    static void TearDownTestSuite() { server_.reset(); }

    static StoreOptions options() {
        StoreOptions options;
        options.driver = StoreOptions::Driver::Mysql;
        options.port = server_->port();
        options.name = "persona";
        options.user = "root";
        options.deadline = milliseconds(1500);
        return options;
    }
    static std::unique_ptr<Store> open(const StoreOptions& wanted = options()) {
        auto store = Store::open(wanted);
        if (!store) throw std::runtime_error(store.error());
        return std::move(*store);
    }
    /// All threads come back, and every one was told that the database cannot.
    static void expectUnavailable(Store& store) {
        std::atomic<int> unavailable{0}, late{0};
        std::vector<std::jthread> threads;
        for (int i = 0; i < 16; ++i)
            threads.emplace_back([&, i] {
                const auto start = std::chrono::steady_clock::now();
                const auto reason = i % 2 == 0 ? reasonOf(store.writer()->sawIdp(
                                                     "d" + std::to_string(i) + ".example", kNow))
                                               : reasonOf(store.reader().ping());
                if (reason == Reason::Unavailable) ++unavailable;
                // Twice the deadline and a second for a busy machine: a hang would be for ever.
                if (std::chrono::steady_clock::now() - start > milliseconds(4000)) ++late;
            });
        threads.clear();
        EXPECT_EQ(unavailable, 16);
        EXPECT_EQ(late, 0);
    }
    static void expectRecovers(Store& store) {
        for (int i = 0; i < 20 && !store.writer()->sawIdp("back.example", kNow); ++i) {
        }
        EXPECT_TRUE(store.writer()->sawIdp("back.example", kNow));
        EXPECT_TRUE(store.reader().ping());
    }
    template <typename T>
    static Reason reasonOf(const Outcome<T>& outcome) {
        return outcome ? Reason::NotFound : outcome.failure().reason;
    }
    static std::unique_ptr<MariaDbServer> server_;
};
std::unique_ptr<MariaDbServer> ServerFaults::server_;

TEST_F(ServerFaults, AServerThatIsNotThereYetIsWaitedForByNobody) {
    server_->stop();
    const auto store = open();
    expectUnavailable(*store);
    server_->start();
    expectRecovers(*store);
}

TEST_F(ServerFaults, APausedServer) {
    const auto store = open();
    expectRecovers(*store);
    server_->pause();
    expectUnavailable(*store);  // on connections that were open
    expectUnavailable(*store);  // and on new ones
    server_->resume();
    expectRecovers(*store);
}

TEST_F(ServerFaults, ARestartedServerIsNotNoticed) {
    const auto store = open();
    std::vector<std::jthread> threads;  // several connections grow old
    for (int i = 0; i < 8; ++i) threads.emplace_back([&] { EXPECT_TRUE(store->reader().ping()); });
    threads.clear();
    EXPECT_TRUE(store->writer()->sawIdp("x.example", kNow));
    server_->stop();
    server_->start();
    EXPECT_TRUE(store->writer()->sawIdp("y.example", kNow));
    EXPECT_TRUE(store->reader().ping());
}

TEST_F(ServerFaults, ASlowServer) {
    const auto store = open();
    expectRecovers(*store);
    // Another session holds the tables: statements wait in the server.
    std::jthread holder([] {
        server_->sql("USE persona; LOCK TABLES idp WRITE, schema_version WRITE; SELECT SLEEP(5)");
    });
    bool held = false;
    for (int i = 0; i < 500 && !held; ++i) {
        held = server_->sql(
                   "SELECT COUNT(*) FROM information_schema.processlist"
                   " WHERE info LIKE 'SELECT SLEEP%'") == "1\n";
        if (!held) std::this_thread::sleep_for(milliseconds(20));
    }
    ASSERT_TRUE(held);
    expectUnavailable(*store);
    holder.join();
    expectRecovers(*store);
}

TEST_F(ServerFaults, ARefusingServer) {
    server_->sql(
        "CREATE USER IF NOT EXISTS 'w'@'%' IDENTIFIED BY 'pw'; GRANT ALL ON persona.* TO 'w'@'%'");
    auto wanted = options();
    wanted.user = "w";
    wanted.password = "wrong";
    const auto refused = open(wanted);
    const auto tried = refused->writer()->sawIdp("x.example", kNow);
    ASSERT_FALSE(tried);
    EXPECT_EQ(tried.failure().reason, Reason::Unavailable);
    EXPECT_NE(tried.error().find("Access denied"), std::string::npos) << tried.error();
    EXPECT_EQ(tried.error().find("wrong"), std::string::npos);
    server_->sql("ALTER USER 'w'@'%' IDENTIFIED BY 'wrong'");
    expectRecovers(*refused);
}

TEST_F(ServerFaults, WhatWasAcknowledgedSurvivesTheServersDeath) {
    const auto store = open();
    std::mutex mutex;
    std::set<std::string> acknowledged;
    std::atomic<bool> stop{false};
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; !stop; ++i) {
                const auto name = "k" + std::to_string(t) + "-" + std::to_string(i) + "@x.example";
                const auto made = store->writer()->createUserWithPrimaryEmail(at(name), kNow);
                const std::lock_guard lock(mutex);
                if (made) acknowledged.insert(name);
            }
        });
    for (;;) {
        const std::lock_guard lock(mutex);
        if (acknowledged.size() > 60) break;
    }
    server_->kill();
    stop = true;
    threads.clear();
    server_->start();
    expectRecovers(*store);
    for (const auto& name : acknowledged) {
        const auto found = store->reader().emailInfo(at(name));
        ASSERT_TRUE(found) << found.error();
        EXPECT_TRUE(found->has_value()) << name;
    }
    EXPECT_EQ(server_->sql("SELECT COUNT(*) FROM persona.account WHERE id NOT IN"
                           " (SELECT user_id FROM persona.address)"),
              "0\n");
}

TEST_F(ServerFaults, TheShippedReadingAccountCanReadAlone) {
    ASSERT_EQ(server_->shell("PERSONA_WRITER_PASSWORD='writer pass word' "
                             "PERSONA_READER_PASSWORD=\"it's a pass\\\\word\" "
                             "scripts/mysql-accounts shipped | $CLIENT"),
              0);
    auto writing = options();
    writing.name = "shipped";
    writing.user = "persona_writer";
    writing.password = "writer pass word";
    const auto writer = open(writing);
    ASSERT_TRUE(writer->writer()->sawIdp("x.example", kNow));  // schema and all

    auto reading = writing;
    reading.user = "persona_reader";
    reading.password = "it's a pass\\word";
    reading.read_only = true;
    const auto reader = open(reading);
    EXPECT_EQ(reader->writer(), nullptr);
    EXPECT_TRUE(reader->reader().idpLastSeen("x.example")->has_value());

    // Neither the account nor the session lets anything be written.
    for (const bool read_only_session : {false, true}) {
        MysqlSettings settings;
        settings.host = "127.0.0.1";
        settings.port = server_->port();
        settings.name = "shipped";
        settings.user = read_only_session ? "persona_writer" : "persona_reader";
        settings.password = read_only_session ? writing.password : reading.password;
        settings.read_only = read_only_session;
        settings.migrate = false;
        const auto database = std::move(*MysqlDatabase::open(settings));
        for (const char* sql :
             {"INSERT INTO idp (id, domain, last_seen_ms) VALUES ('1', 'evil.example', 1)",
              "UPDATE idp SET last_seen_ms = 1", "DELETE FROM idp", "DROP TABLE idp",
              "CREATE TABLE t (a INT PRIMARY KEY)", "TRUNCATE TABLE idp"}) {
            const auto tried = transact(*database, [sql](Connection& c) -> Outcome<Done> {
                c.control(sql);
                return Done{};
            });
            ASSERT_FALSE(tried) << sql;
            EXPECT_NE(tried.error().find(read_only_session ? "1792" : "1142"), std::string::npos)
                << sql << ": " << tried.error();
        }
    }
    EXPECT_EQ(**reader->reader().idpLastSeen("x.example"), kNow);
}

TEST_F(ServerFaults, ErrorsRepeatNoValues) {
    const auto store = open();
    MysqlSettings settings;
    settings.host = "127.0.0.1";
    settings.port = server_->port();
    settings.name = "persona";
    settings.user = "root";
    settings.deadline = milliseconds(300);
    settings.random = systemRandom();
    const auto database = std::move(*MysqlDatabase::open(settings));
    const auto tried = transact(*database, [](Connection& c) -> Outcome<Done> {
        for (int i = 0; i < 2; ++i)
            c.execute("INSERT INTO idp (id, domain, last_seen_ms) VALUES (?, ?, 1)",
                      {std::string("same"), std::string("secret.example")});
        return Done{};
    });
    ASSERT_FALSE(tried);
    EXPECT_EQ(tried.error().find("secret"), std::string::npos) << tried.error();
    EXPECT_NE(tried.error().find("1062"), std::string::npos) << tried.error();
}

TEST_F(ServerFaults, ManyMayMigrateAtOnce) {
    server_->sql("CREATE DATABASE fresh");
    auto wanted = options();
    wanted.name = "fresh";
    wanted.deadline = milliseconds(60'000);
    std::atomic<int> opened{0};
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i)
        threads.emplace_back([&] {
            const auto store = Store::open(wanted);
            if (store && (*store)->writer()->sawIdp("x.example", kNow)) ++opened;
        });
    threads.clear();
    EXPECT_EQ(opened, 8);
    EXPECT_EQ(server_->sql("SELECT COUNT(*) FROM fresh.schema_version"), "1\n");
}

}  // namespace
}  // namespace persona::accounts
