#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "libs/accounts/sql/database.h"

namespace persona::accounts {

struct SqliteSettings {
    std::string file;
    std::chrono::milliseconds deadline{5000};
    int connections = 4;
    bool migrate = true;
    BeforeStatement before_statement;
};

/// Makes the file (mode 0600) when it is not there.
[[nodiscard]] Result<Done> prepareSqliteFile(const std::string& file);

/// Connections that cannot write (`query_only`); each transaction sees one snapshot.
class SqliteReader final : public Database {
  public:
    [[nodiscard]] static Result<std::unique_ptr<Database>> open(SqliteSettings settings);
    [[nodiscard]] std::optional<Failure> run(Body body) override;

  private:
    explicit SqliteReader(SqliteSettings settings) : settings_(std::move(settings)) {}
    [[nodiscard]] std::unique_ptr<Connection> acquire();
    void release(std::unique_ptr<Connection> connection);

    const SqliteSettings settings_;
    std::mutex mutex_;
    std::condition_variable free_;
    std::vector<std::unique_ptr<Connection>> idle_;
    int open_ = 0;
};

/// The one writer. Transactions that wait together are committed together: each runs inside a
/// savepoint of its own, one COMMIT makes them all durable (synchronous=FULL), and only then are
/// they answered.
class SqliteWriter final : public Database {
  public:
    [[nodiscard]] static Result<std::unique_ptr<Database>> open(SqliteSettings settings);
    ~SqliteWriter() override;
    [[nodiscard]] std::optional<Failure> run(Body body) override;

  private:
    struct Task;
    explicit SqliteWriter(SqliteSettings settings) : settings_(std::move(settings)) {}
    void work();
    std::string schemaTrouble();
    void runBatch(const std::vector<std::shared_ptr<Task>>& batch);
    bool tryBatch(const std::vector<std::shared_ptr<Task>>& batch);
    void runAlone(Task& task);
    void rollBack();

    const SqliteSettings settings_;
    std::unique_ptr<Connection> connection_;
    bool schema_ready_ = false;  ///< the worker's, once that runs
    std::mutex mutex_;
    std::condition_variable wanted_;
    std::deque<std::shared_ptr<Task>> queue_;
    bool stopping_ = false;
    std::thread thread_;
};

/// For maintenance: a connection of its own for each `run`, without a transaction around it and
/// whatever the schema is. The file must be there.
class SqliteDirect final : public Database {
  public:
    [[nodiscard]] static Result<std::unique_ptr<Database>> open(SqliteSettings settings,
                                                                bool read_only);
    [[nodiscard]] std::optional<Failure> run(Body body) override;

  private:
    SqliteDirect(SqliteSettings settings, bool read_only)
        : settings_(std::move(settings)), read_only_(read_only) {}
    const SqliteSettings settings_;
    const bool read_only_;
};

}  // namespace persona::accounts
