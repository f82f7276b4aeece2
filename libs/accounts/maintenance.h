#pragma once

#include <map>
#include <string>
#include <vector>

#include "libs/accounts/store.h"

namespace persona::accounts {

class Connection;

struct DatabaseStatus {
    std::string engine;    ///< "SQLite 3.40.1" and the like
    std::string where;     ///< the file, or database at host:port
    int version = 0;       ///< of the schema that is there; 0: none
    int needs = 0;         ///< lowest version that a program must know to use it
    int known = 0;         ///< version that this program knows
    bool usable = false;   ///< by this program, as it is
    bool pending = false;  ///< migrations of this program are still to be applied
    std::map<std::string, std::int64_t> rows;  ///< of each table; empty unless usable
};

/// The operator's hand on the database as a whole (`persona-host db`). Each call opens a connection
/// of its own, whatever the schema is, and works beside those who use the database. Blocks for at
/// most 45 s; Unavailable says what the engine said.
class Maintenance {
  public:
    explicit Maintenance(StoreOptions options);
    [[nodiscard]] Outcome<DatabaseStatus> status() const;
    /// Applies what is pending. Value: how many steps that were.
    [[nodiscard]] Outcome<int> migrate(Millis now_ms) const;
    /// The engine's own check, and the invariants of the tables. What is wrong, a line each.
    [[nodiscard]] Outcome<std::vector<std::string>> check() const;

  private:
    enum class Access { Read, Write };
    [[nodiscard]] Result<std::unique_ptr<Database>> open(Access access) const;
    const StoreOptions options_;
};

/// What no operation may leave behind (wsapi.md 5.3, W7, W13), as far as `connection` sees it:
/// a line each, without addresses. Throws SqlError.
[[nodiscard]] std::vector<std::string> brokenInvariants(Connection& connection);

}  // namespace persona::accounts
