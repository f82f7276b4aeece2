#include "libs/accounts/maintenance.h"

#include <array>

#include "libs/accounts/sql/database.h"
#include "libs/accounts/sql/mysql.h"
#include "libs/accounts/sql/schema.h"
#include "libs/accounts/sql/sqlite.h"

namespace persona::accounts {

namespace {

constexpr std::chrono::seconds kDeadline{45};
constexpr std::array<const char*, 8> kTables{"account", "address",     "staged", "used_token",
                                             "notice",  "mail_budget", "device", "idp"};

std::int64_t count(Connection& connection, const std::string& from_where) {
    return connection.query("SELECT COUNT(*) FROM " + from_where).at(0).number(0);
}

/// The engine's own check of its files.
std::vector<std::string> damage(Connection& connection, bool mysql) {
    std::vector<std::string> out;
    if (!mysql) {
        for (const auto& row : connection.query("PRAGMA integrity_check(20)"))
            if (row.text(0) != "ok") out.push_back("SQLite: " + row.text(0));
        return out;
    }
    std::string list;
    for (const char* table : kTables) list += (list.empty() ? "" : ", ") + std::string(table);
    for (const auto& row : connection.query("CHECK TABLE " + list))
        if (row.text(3) != "OK") out.push_back(row.text(0) + ": " + row.text(3));
    return out;
}

}  // namespace

std::vector<std::string> brokenInvariants(Connection& connection) {
    std::vector<std::string> out;
    const auto expectNone = [&](const std::string& from_where, const std::string& what) {
        if (const auto n = count(connection, from_where); n != 0)
            out.push_back(std::to_string(n) + " x " + what);
    };
    expectNone("account WHERE id NOT IN (SELECT user_id FROM address)",
               "an account without addresses");
    for (const char* table : {"address", "staged", "used_token", "notice", "device"})
        expectNone(std::string(table) +
                       " WHERE user_id IS NOT NULL AND user_id NOT IN (SELECT id FROM account)",
                   std::string(table) + " refers to an account that is not there");
    expectNone("account WHERE id <= 0 OR id >= 9007199254740992", "an id out of range");
    expectNone("account WHERE failed_tries < 0 OR window_tries < 0", "a count below nought");
    expectNone("address WHERE verified NOT IN (0, 1) OR type NOT IN (0, 1)", "an odd flag");
    expectNone("staged WHERE kind = 0 AND (user_id IS NOT NULL OR password_hash IS NULL)",
               "a new account that is bound to an old one");
    expectNone("staged WHERE kind <> 0 AND user_id IS NULL",
               "a pending operation without its account");
    return out;
}

Maintenance::Maintenance(StoreOptions options) : options_(std::move(options)) {}

Result<std::unique_ptr<Database>> Maintenance::open(Access access) const {
    if (options_.driver == StoreOptions::Driver::Sqlite) {
        SqliteSettings s;
        s.file = options_.file;
        s.deadline = kDeadline;
        return SqliteDirect::open(s, access == Access::Read);
    }
    MysqlSettings s;
    s.host = options_.host;
    s.port = options_.port;
    s.name = options_.name;
    s.user = options_.user;
    s.password = options_.password;
    s.deadline = kDeadline;
    s.connections = 1;
    s.read_only = access == Access::Read;
    s.our_schema = false;
    return MysqlDatabase::open(s);
}

Outcome<DatabaseStatus> Maintenance::status() const {
    const auto database = open(Access::Read);
    if (!database) return Failure{Reason::Unavailable, database.error(), 0};
    const bool mysql = options_.driver == StoreOptions::Driver::Mysql;
    return transact(**database, [this, mysql](Connection& c) -> Outcome<DatabaseStatus> {
        DatabaseStatus s;
        s.engine = mysql ? c.query("SELECT VERSION()").at(0).text(0)
                         : "SQLite " + c.query("SELECT sqlite_version()").at(0).text(0);
        s.where = mysql
                      ? options_.name + " at " + options_.host + ":" + std::to_string(options_.port)
                      : options_.file;
        const auto schema = schemaStatus(c);
        s.version = schema.version;
        s.needs = schema.needs;
        s.known = knownSchemaVersion();
        s.usable = schema.usable();
        s.pending = schema.pending();
        if (s.usable)
            for (const char* table : kTables) s.rows[table] = count(c, table);
        return s;
    });
}

Outcome<int> Maintenance::migrate(Millis now_ms) const {
    const auto database = open(Access::Write);
    if (!database) return Failure{Reason::Unavailable, database.error(), 0};
    const auto random = options_.random ? options_.random : systemRandom();
    return transact(**database, [now_ms, random](Connection& c) -> Outcome<int> {
        const int before = schemaStatus(c).version;
        if (before < knownSchemaVersion()) accounts::migrate(c, makeKey(random), now_ms);
        requireUsableSchema(c);
        return schemaStatus(c).version - before;
    });
}

Outcome<std::vector<std::string>> Maintenance::check() const {
    using Lines = std::vector<std::string>;
    const auto database = open(Access::Read);
    if (!database) return Failure{Reason::Unavailable, database.error(), 0};
    const bool mysql = options_.driver == StoreOptions::Driver::Mysql;
    return transact(**database, [mysql](Connection& c) -> Outcome<Lines> {
        requireUsableSchema(c);
        auto lines = damage(c, mysql);
        for (auto& line : brokenInvariants(c)) lines.push_back(std::move(line));
        return lines;
    });
}

}  // namespace persona::accounts
