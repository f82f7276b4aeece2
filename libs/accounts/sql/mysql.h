#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "libs/accounts/random.h"
#include "libs/accounts/sql/database.h"
#include "libs/accounts/sql/watchdog.h"

namespace persona::accounts {

struct MysqlSettings {
    std::string host;
    unsigned port = 3306;
    std::string name, user, password;
    std::chrono::milliseconds deadline{5000};
    int connections = 4;
    bool migrate = true;
    bool read_only = false;
    bool our_schema = true;  ///< false: somebody else's tables, to be read as they are
    BeforeStatement before_statement;
    Random random;
};

/// MySQL, MariaDB, and what speaks their protocol. READ COMMITTED; a transaction that the server
/// refused for the sake of another (deadlock, certification, lock timeout, unique violation) or
/// whose connection broke is run anew as a whole until the deadline. Whatever the server does,
/// `run` returns soon after its deadline: connecting has a timeout, and the watchdog ends waiting
/// for answers.
class MysqlDatabase final : public Database {
  public:
    /// Does not connect. Error: an option that cannot be.
    [[nodiscard]] static Result<std::unique_ptr<Database>> open(MysqlSettings settings);
    ~MysqlDatabase() override;
    [[nodiscard]] std::optional<Failure> run(Body body) override;
    /// Waits for a migration that an operation has started; at most 90 seconds.
    void awaitMigration();

  private:
    using Clock = Watchdog::Clock;
    explicit MysqlDatabase(MysqlSettings settings) : settings_(std::move(settings)) {}
    [[nodiscard]] std::unique_ptr<Connection> acquire(Clock::time_point due);
    [[nodiscard]] std::unique_ptr<Connection> connect(Clock::time_point due);
    [[nodiscard]] std::unique_ptr<Connection> connectBare(Clock::time_point due);
    void prepareSchema(Connection& connection, Clock::time_point due);
    void migrateUntil(Clock::time_point due);
    void release(std::unique_ptr<Connection> connection);
    void dropIdle();
    void attempt(const Body& body, Clock::time_point due);

    const MysqlSettings settings_;
    Watchdog watchdog_;
    std::mutex mutex_;
    std::condition_variable free_;
    std::vector<std::unique_ptr<Connection>> idle_;
    int open_ = 0;
    bool schema_ready_ = false;
    bool migrating_ = false;
    std::condition_variable schema_changed_;
    std::thread migration_;
};

}  // namespace persona::accounts
