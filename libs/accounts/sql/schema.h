#pragma once

#include <cstdint>
#include <string>

#include "libs/accounts/sql/connection.h"
#include "libs/protocol/result.h"

namespace persona::accounts {

/// Highest schema version that this program knows.
[[nodiscard]] int knownSchemaVersion();

struct SchemaStatus {
    int version = 0;  ///< 0: empty database
    int needs = 0;    ///< lowest version that a program must know to use this database
    [[nodiscard]] bool usable() const;   ///< by this program
    [[nodiscard]] bool pending() const;  ///< migrations of this program are still to be applied
};

/// Throws SqlError.
[[nodiscard]] SchemaStatus schemaStatus(Connection& connection);

/// Throws SqlError (Fatal) with what to do unless this program can use the database.
void requireUsableSchema(Connection& connection);

/// Applies what is pending, each step at most once, whatever number of processes try at a time.
/// Steps only go forward; they add what older programs do not look at, or raise `needs`. On an
/// engine that cannot roll back CREATE TABLE each statement can be repeated, and a lease in
/// `schema_lock` keeps others out. Throws SqlError; Again: another process is at it.
void migrate(Connection& connection, const std::string& holder, std::int64_t now_ms);

}  // namespace persona::accounts
