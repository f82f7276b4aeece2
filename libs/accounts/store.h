#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "libs/accounts/reader.h"
#include "libs/accounts/writer.h"

namespace persona::accounts {

struct StoreOptions {
    enum class Driver { Sqlite, Mysql };
    Driver driver = Driver::Sqlite;
    bool read_only = false;  ///< no Writer, and connections that cannot write
    /// Create or migrate the schema when opening for writing; else it must be there.
    bool migrate = true;
    /// Longest time that one operation may take, waiting included; past it: Unavailable.
    std::chrono::milliseconds deadline{5000};
    int connections = 4;  ///< for reading (SQLite) or all (MySQL); at least 1

    std::string file;  ///< SQLite: made with mode 0600, as are its -wal and -shm

    std::string host = "127.0.0.1";  ///< MySQL and what speaks its protocol, over TCP
    unsigned port = 3306;
    std::string name = "browserid";
    std::string user;
    std::string password;

    Random random;  ///< empty: systemRandom()
    /// Port for fault tests: called before every statement that is sent, in the thread that sends
    /// it.
    std::function<void(std::string_view sql)> before_statement;
    /// Told why the database could not, each time that an operation gives Unavailable; without
    /// addresses and other values. [any]
    std::function<void(const std::string& why)> on_unavailable;
};

/// The database of accounts. Opening needs no server: while there is none every operation gives
/// Unavailable, and the schema is made when it appears. Thread-safe; closing waits for what runs.
class Store {
  public:
    /// Errors: text says what, where and what to do. A wrong option, a file that cannot be opened,
    /// a schema that is newer than this program understands.
    [[nodiscard]] static Result<std::unique_ptr<Store>> open(StoreOptions options);
    ~Store();

    [[nodiscard]] const Reader& reader() const { return *reader_; }
    /// nullptr when opened read-only.
    [[nodiscard]] Writer* writer() { return writer_.get(); }

  private:
    Store() = default;
    std::unique_ptr<Database> read_database_, write_database_;
    std::unique_ptr<Reader> reader_;
    std::unique_ptr<Writer> writer_;
};

}  // namespace persona::accounts
