#include "tests/libs/accounts/store_fixture.h"

#include <filesystem>

#include "libs/accounts/maintenance.h"
#include "libs/accounts/sql/mysql.h"
#include "libs/accounts/sql/sqlite.h"
#include "tests/libs/accounts/mariadb_server.h"

namespace persona::accounts {

void StoreTest::SetUp() {
    std::string pattern = (std::filesystem::temp_directory_path() / "accounts-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    options_.driver = GetParam();
    options_.file = directory_ + "/persona.db";
    if (!mysql()) return;
    options_.host = "127.0.0.1";
    options_.port = MariaDbServer::shared().port();
    options_.user = "root";
    options_.name = "persona";
    reset();
}

void StoreTest::reset() {
    closeStore();
    closeLook();
    if (!mysql()) {
        for (const char* part : {"", "-wal", "-shm"}) std::filesystem::remove(options_.file + part);
        return;
    }
    // Making the tables anew takes a second; emptying them does not.
    static bool made = false;
    std::string statements = "CREATE DATABASE IF NOT EXISTS persona;";
    if (made)
        for (const char* table : {"account", "address", "staged", "used_token", "notice",
                                  "mail_budget", "device", "idp"})
            statements += std::string("DELETE FROM persona.") + table + ";";
    MariaDbServer::shared().sql(statements);
    made = true;
    if (const auto opened = Store::open(options_); !opened)
        throw std::runtime_error(opened.error());
}

void StoreTest::TearDown() {
    if (store_) {
        EXPECT_EQ(brokenInvariant(), "");
    }
    look_.reset();
    store_.reset();
    std::filesystem::remove_all(directory_);
}

Store& StoreTest::store() {
    if (!store_) {
        auto opened = Store::open(options_);
        if (!opened) throw std::runtime_error(opened.error());
        store_ = std::move(*opened);
    }
    return *store_;
}

std::unique_ptr<Database> StoreTest::openReader() const {
    if (!mysql()) {
        SqliteSettings settings;
        settings.file = options_.file;
        return std::move(*SqliteReader::open(settings));
    }
    MysqlSettings settings;
    settings.host = options_.host;
    settings.port = options_.port;
    settings.name = options_.name;
    settings.user = options_.user;
    settings.read_only = true;
    return std::move(*MysqlDatabase::open(settings));
}

std::vector<Row> StoreTest::look(const std::string& sql, std::vector<Value> values) {
    if (!look_) look_ = openReader();
    const auto rows = transact(
        *look_, [&](Connection& c) -> Outcome<std::vector<Row>> { return c.query(sql, values); });
    if (!rows) throw std::runtime_error(rows.error());
    return *rows;
}

std::int64_t StoreTest::count(const std::string& from_where) {
    return look("SELECT COUNT(*) FROM " + from_where).at(0).number(0);
}

std::string StoreTest::brokenInvariant() {
    if (!look_) look_ = openReader();
    const auto broken = transact(*look_, [](Connection& c) -> Outcome<std::vector<std::string>> {
        return brokenInvariants(c);
    });
    if (!broken) throw std::runtime_error(broken.error());
    return broken->empty() ? "" : broken->front();
}

UserId StoreTest::accountWith(std::string_view address, std::string hash, Millis now) {
    const auto staged =
        writer().stageNewAccount(at(address), std::move(hash), "https://rp", unlimited(), now);
    if (!staged) throw std::runtime_error(staged.error());
    const auto done = writer().completeNewAccount(staged->token, now);
    if (!done) throw std::runtime_error(done.error());
    return done->user;
}

UserId StoreTest::primaryWith(std::string_view address, Millis now) {
    const auto opened = writer().createUserWithPrimaryEmail(at(address), now);
    if (!opened) throw std::runtime_error(opened.error());
    return opened->user;
}

std::int64_t StoreTest::epoch(UserId user) {
    const auto value = reader().sessionEpoch(user);
    return value && *value ? **value : -1;
}

User StoreTest::user(UserId id) {
    const auto found = reader().user(id);
    if (!found || !*found) throw std::runtime_error("no such account");
    return **found;
}

EmailInfo StoreTest::info(std::string_view address) {
    const auto found = reader().emailInfo(at(address));
    if (!found || !*found) throw std::runtime_error("no such address");
    return **found;
}

bool StoreTest::known(std::string_view address) {
    const auto found = reader().emailInfo(at(address));
    if (!found) throw std::runtime_error(found.error());
    return found->has_value();
}

}  // namespace persona::accounts
