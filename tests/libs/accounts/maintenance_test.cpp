// The operator's hand on the database as a whole.

#include "libs/accounts/maintenance.h"

#include <filesystem>
#include <fstream>

#include "libs/accounts/sql/mysql.h"
#include "libs/accounts/sql/sqlite.h"
#include "tests/libs/accounts/mariadb_server.h"
#include "tests/libs/accounts/store_fixture.h"

namespace persona::accounts {
namespace {

class MaintenanceTest : public StoreTest {
  protected:
    [[nodiscard]] Maintenance maintenance() const { return Maintenance(options()); }
    /// Behind the back of all operations.
    void change(const std::string& sql) {
        std::unique_ptr<Database> database;
        if (mysql()) {
            MysqlSettings s;
            s.host = options().host;
            s.port = options().port;
            s.name = options().name;
            s.user = options().user;
            s.our_schema = false;
            database = std::move(*MysqlDatabase::open(s));
        } else {
            SqliteSettings s;
            s.file = options().file;
            database = std::move(*SqliteDirect::open(s, false));
        }
        const auto done = transact(*database, [sql](Connection& c) -> Outcome<Done> {
            c.control(sql);
            return Done{};
        });
        if (!done) throw std::runtime_error(done.error());
    }
    /// As before anything was ever started.
    void dropEverything() {
        closeStore();
        closeLook();
        if (mysql())
            MariaDbServer::shared().sql("DROP DATABASE persona; CREATE DATABASE persona");
        else
            reset();
    }
};

TEST_P(MaintenanceTest, StatusTellsWhatIsThere) {
    (void)accountWith("a@x.example");
    const auto s = maintenance().status();
    ASSERT_TRUE(s) << s.error();
    EXPECT_EQ(s->engine.starts_with("SQLite 3."), !mysql()) << s->engine;
    EXPECT_NE(s->where.find("persona"), std::string::npos);
    EXPECT_GT(s->version, 0);
    EXPECT_EQ(s->version, s->known);
    EXPECT_TRUE(s->usable);
    EXPECT_FALSE(s->pending);
    EXPECT_EQ(s->rows.at("account"), 1);
    EXPECT_EQ(s->rows.at("used_token"), 1);
}

TEST_P(MaintenanceTest, WhoMigratesByHandDoesSoOnce) {
    dropEverything();
    auto wanted = options();
    wanted.migrate = false;
    auto opened = Store::open(wanted);
    ASSERT_TRUE(opened) << opened.error();
    const auto refused = (*opened)->writer()->sawIdp("x.example", kNow);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().find("persona-host db migrate"), std::string::npos)
        << refused.error();
    EXPECT_FALSE((*opened)->reader().ping());

    EXPECT_TRUE(maintenance().status()->pending);
    EXPECT_TRUE(maintenance().status()->rows.empty());
    const auto unchecked = maintenance().check();
    ASSERT_FALSE(unchecked);
    EXPECT_NE(unchecked.error().find("db migrate"), std::string::npos);

    const auto known = maintenance().status()->known;
    const auto migrated = maintenance().migrate(kNow);
    ASSERT_TRUE(migrated) << migrated.error();
    EXPECT_EQ(*migrated, known);
    EXPECT_EQ(*maintenance().migrate(kNow), 0);
    // Who was there all the time goes on.
    EXPECT_EQ(why((*opened)->writer()->sawIdp("x.example", kNow)), "ok");
    EXPECT_TRUE((*opened)->reader().ping());
}

TEST_P(MaintenanceTest, ANewerSchemaIsLeftAlone) {
    store();
    closeStore();
    change("INSERT INTO schema_version (version, needs, applied_ms) VALUES (99, 99, 1)");
    const auto s = maintenance().status();
    ASSERT_TRUE(s) << s.error();
    EXPECT_EQ(s->version, 99);
    EXPECT_EQ(s->needs, 99);
    EXPECT_FALSE(s->usable);
    EXPECT_FALSE(s->pending);
    const auto migrated = maintenance().migrate(kNow);
    ASSERT_FALSE(migrated);
    EXPECT_NE(migrated.error().find("needs a newer program"), std::string::npos);
    change("DELETE FROM schema_version WHERE version = 99");
}

TEST_P(MaintenanceTest, TheCheckFindsWhatNoOperationLeavesBehind) {
    (void)accountWith("a@x.example");
    const auto clean = maintenance().check();
    ASSERT_TRUE(clean) << clean.error();
    EXPECT_TRUE(clean->empty()) << clean->front();
    change("DELETE FROM address");
    change("UPDATE used_token SET user_id = 7");
    const auto found = maintenance().check();
    ASSERT_TRUE(found) << found.error();
    EXPECT_EQ(*found,
              (std::vector<std::string>{"1 x an account without addresses",
                                        "1 x used_token refers to an account that is not there"}));
    reset();
}

TEST_P(MaintenanceTest, DamageIsSeen) {
    if (mysql()) GTEST_SKIP() << "the server's files are its own";
    for (int i = 0; i < 200; ++i) (void)primaryWith("u" + std::to_string(i) + "@x.example");
    closeStore();
    closeLook();
    for (const char* part : {"-wal", "-shm"}) std::filesystem::remove(options().file + part);
    const auto size = static_cast<long>(std::filesystem::file_size(options().file));
    ASSERT_GT(size, 12 * 4096) << "the closed file holds everything";
    std::fstream file(options().file, std::ios::in | std::ios::out | std::ios::binary);
    for (long at = 2 * 4096; at < size; at += 4096) {
        file.seekp(at + 16);
        file << std::string(4'000, '\xA5');
    }
    file.close();
    const auto found = maintenance().check();
    // Whichever page it meets first: it is said, and nothing is made worse.
    EXPECT_TRUE(!found || !found->empty());
    reset();
}

TEST_P(MaintenanceTest, WhatIsNotThereIsSaid) {
    auto wanted = options();
    wanted.file = "/nowhere/persona.db";
    wanted.name = "nowhere";
    const auto s = Maintenance(wanted).status();
    ASSERT_FALSE(s);
    EXPECT_NE(s.error().find("nowhere"), std::string::npos) << s.error();
}

PERSONA_ON_BOTH_ENGINES(MaintenanceTest);

}  // namespace
}  // namespace persona::accounts
