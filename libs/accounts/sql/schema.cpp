#include "libs/accounts/sql/schema.h"

#include <algorithm>
#include <array>
#include <vector>

namespace persona::accounts {

namespace {

struct Index {
    const char* name;
    const char* table;
    const char* column;
    bool unique;
};

struct Migration {
    int version;
    int needs;
    std::vector<const char*> tables;  ///< "%" stands for the engine's table options
    std::vector<Index> indexes;
};

// Portable SQL: keys made by us, no auto-increment, foreign keys, triggers or defaults. Texts that
// are compared are ASCII in their normal form. Digests are SHA-256 in hexadecimal, times
// milliseconds.
const std::vector<Migration>& migrations() {
    static const std::vector<Migration> all{
        {1,
         1,
         {
             // revision: raised first by every transaction that changes the account or its
             // addresses; that makes them queue on this row, and gives addresses their order (seq).
             "CREATE TABLE IF NOT EXISTS account (id BIGINT NOT NULL PRIMARY KEY,"
             " password_hash VARCHAR(255), session_epoch BIGINT NOT NULL, revision BIGINT NOT NULL,"
             " failed_tries INT NOT NULL, window_tries INT NOT NULL,"
             " window_start_ms BIGINT NOT NULL, password_set_ms BIGINT NOT NULL,"
             " created_ms BIGINT NOT NULL)%",
             "CREATE TABLE IF NOT EXISTS address (id CHAR(32) NOT NULL PRIMARY KEY,"
             " address_key VARCHAR(254) NOT NULL, spelling VARCHAR(254) NOT NULL,"
             " user_id BIGINT NOT NULL, type INT NOT NULL, verified INT NOT NULL,"
             " seq BIGINT NOT NULL, added_ms BIGINT NOT NULL)%",
             "CREATE TABLE IF NOT EXISTS staged (id CHAR(32) NOT NULL PRIMARY KEY,"
             " digest CHAR(64) NOT NULL, address_key VARCHAR(254) NOT NULL,"
             " spelling VARCHAR(254) NOT NULL, kind INT NOT NULL, user_id BIGINT,"
             " password_hash VARCHAR(255), site VARCHAR(320) NOT NULL, tries INT NOT NULL,"
             " created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL)%",
             "CREATE TABLE IF NOT EXISTS used_token (digest CHAR(64) NOT NULL PRIMARY KEY,"
             " kind INT NOT NULL, user_id BIGINT NOT NULL, spelling VARCHAR(254) NOT NULL,"
             " used_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL)%",
             "CREATE TABLE IF NOT EXISTS notice (digest CHAR(64) NOT NULL PRIMARY KEY,"
             " kind INT NOT NULL, staged_id CHAR(32), user_id BIGINT,"
             " address_key VARCHAR(254) NOT NULL, created_ms BIGINT NOT NULL,"
             " expires_ms BIGINT NOT NULL)%",
             // Of addresses that nobody has confirmed only a digest is kept.
             "CREATE TABLE IF NOT EXISTS mail_budget (digest CHAR(64) NOT NULL PRIMARY KEY,"
             " mails INT NOT NULL, window_start_ms BIGINT NOT NULL)%",
             "CREATE TABLE IF NOT EXISTS device (digest CHAR(64) NOT NULL PRIMARY KEY,"
             " user_id BIGINT NOT NULL, tries INT NOT NULL, window_start_ms BIGINT NOT NULL)%",
             "CREATE TABLE IF NOT EXISTS idp (id CHAR(32) NOT NULL PRIMARY KEY,"
             " domain VARCHAR(253) NOT NULL, last_seen_ms BIGINT NOT NULL)%",
         },
         {
             {"address_by_key", "address", "address_key", true},
             {"address_by_user", "address", "user_id", false},
             {"staged_by_digest", "staged", "digest", true},
             {"staged_by_key", "staged", "address_key", true},
             {"staged_by_user", "staged", "user_id", false},
             {"staged_by_expiry", "staged", "expires_ms", false},
             {"used_token_by_user", "used_token", "user_id", false},
             {"used_token_by_expiry", "used_token", "expires_ms", false},
             {"notice_by_staged", "notice", "staged_id", false},
             {"notice_by_user", "notice", "user_id", false},
             {"notice_by_address", "notice", "address_key", false},
             {"notice_by_expiry", "notice", "expires_ms", false},
             {"mail_budget_by_start", "mail_budget", "window_start_ms", false},
             {"device_by_user", "device", "user_id", false},
             {"device_by_start", "device", "window_start_ms", false},
             {"idp_by_domain", "idp", "domain", true},
         }},
    };
    return all;
}

constexpr std::int64_t kLeaseMs = 60'000;

void run(Connection& connection, std::string statement) {
    if (const auto at = statement.find('%'); at != std::string::npos)
        statement.replace(at, 1, connection.dialect().tableOptions());
    connection.control(statement);
}

void apply(Connection& connection, const Migration& step, std::int64_t now_ms) {
    for (const char* table : step.tables) run(connection, table);
    for (const auto& index : step.indexes) {
        // Not every engine knows IF NOT EXISTS for an index.
        if (connection.first(connection.dialect().indexExists(),
                             {std::string(index.table), std::string(index.name)}))
            continue;
        connection.control(std::string(index.unique ? "CREATE UNIQUE INDEX " : "CREATE INDEX ") +
                           index.name + " ON " + index.table + " (" + index.column + ")");
    }
    connection.execute("INSERT INTO schema_version (version, needs, applied_ms) VALUES (?, ?, ?)",
                       {std::int64_t(step.version), std::int64_t(step.needs), now_ms});
}

void applyPending(Connection& connection, std::int64_t now_ms) {
    const auto status = schemaStatus(connection);
    for (const auto& step : migrations())
        if (step.version > status.version) apply(connection, step, now_ms);
}

void createBookkeeping(Connection& connection) {
    run(connection,
        "CREATE TABLE IF NOT EXISTS schema_version (version INT NOT NULL PRIMARY KEY,"
        " needs INT NOT NULL, applied_ms BIGINT NOT NULL)%");
    run(connection,
        "CREATE TABLE IF NOT EXISTS schema_lock (id INT NOT NULL PRIMARY KEY,"
        " holder CHAR(32) NOT NULL, until_ms BIGINT NOT NULL)%");
}

/// False: somebody else has it.
bool takeLease(Connection& connection, const std::string& holder, std::int64_t now_ms) {
    if (!connection.first("SELECT id FROM schema_lock WHERE id = 1"))
        connection.execute("INSERT INTO schema_lock (id, holder, until_ms) VALUES (1, ?, 0)",
                           {holder});
    return connection.execute(
               "UPDATE schema_lock SET holder = ?, until_ms = ? WHERE id = 1 AND until_ms < ?",
               {holder, now_ms + kLeaseMs, now_ms}) == 1;
}

}  // namespace

int knownSchemaVersion() {
    return migrations().back().version;
}

bool SchemaStatus::usable() const {
    return version > 0 && needs <= knownSchemaVersion() && !pending();
}

bool SchemaStatus::pending() const {
    return version < knownSchemaVersion();
}

SchemaStatus schemaStatus(Connection& connection) {
    SchemaStatus status;
    if (!connection.first(connection.dialect().tableExists(), {std::string("schema_version")}))
        return status;
    for (const auto& row : connection.query("SELECT version, needs FROM schema_version")) {
        status.version = std::max(status.version, static_cast<int>(row.number(0)));
        status.needs = std::max(status.needs, static_cast<int>(row.number(1)));
    }
    return status;
}

void requireUsableSchema(Connection& connection) {
    const auto status = schemaStatus(connection);
    if (status.usable()) return;
    if (status.needs > knownSchemaVersion())
        throw SqlError(SqlError::Kind::Fatal,
                       "its schema needs a newer program: it is for version " +
                           std::to_string(status.needs) + ", this one knows " +
                           std::to_string(knownSchemaVersion()));
    throw SqlError(SqlError::Kind::Fatal,
                   "its schema is at version " + std::to_string(status.version) +
                       ", this program needs " + std::to_string(knownSchemaVersion()) +
                       ": persona-host db migrate (dbwriter does so by itself when it starts, "
                       "unless database.migrate is false)");
}

void migrate(Connection& connection, const std::string& holder, std::int64_t now_ms) {
    if (connection.dialect().transactionalSchema()) {
        connection.control("BEGIN IMMEDIATE");
        try {
            createBookkeeping(connection);
            applyPending(connection, now_ms);
            connection.control("COMMIT");
        } catch (const SqlError&) {
            connection.control("ROLLBACK");
            throw;
        }
        return;
    }
    createBookkeeping(connection);
    if (!takeLease(connection, holder, now_ms))
        throw SqlError(SqlError::Kind::Again, "another process is migrating the schema");
    const auto release = [&] {
        connection.execute("UPDATE schema_lock SET until_ms = 0 WHERE id = 1 AND holder = ?",
                           {holder});
    };
    try {
        applyPending(connection, now_ms);
    } catch (const SqlError& error) {
        // Without a connection it runs out by itself.
        if (error.kind() != SqlError::Kind::Lost) release();
        throw;
    }
    release();
}

}  // namespace persona::accounts
