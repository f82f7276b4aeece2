#include "libs/accounts/sql/mysql.h"

#include <Poco/Data/MySQL/Connector.h>
#include <Poco/Data/MySQL/MySQLException.h>
#include <Poco/Data/MySQL/SessionImpl.h>
#include <Poco/Data/MySQL/Utility.h>
#include <mysql.h>

#include <algorithm>
#include <array>
#include <random>
#include <thread>

#include "libs/accounts/sql/schema.h"
#include "libs/accounts/types.h"

namespace persona::accounts {

namespace {

namespace Code {
constexpr int kDuplicate = 1062;
constexpr std::array kAgain{1213, 1205, 1020,
                            kDuplicate};  // deadlock, lock timeout, record changed
// The server goes away, turned read-only under us, or the client lost it.
constexpr std::array kLost{1053, 1927, 2002, 2003, 2006, 2013, 2014, 2026, 2055};
// Their texts repeat values that were sent, which may be addresses.
constexpr std::array kQuoting{kDuplicate, 1264, 1265, 1292, 1366, 1406};
}  // namespace Code

template <std::size_t N>
bool among(const std::array<int, N>& codes, int code) {
    return std::find(codes.begin(), codes.end(), code) != codes.end();
}

SqlError errorOf(int code, const std::string& state, const std::string& text) {
    std::string what = "error " + std::to_string(code);
    if (!text.empty() && !among(Code::kQuoting, code)) what += " (" + text + ")";
    if (code == 1021 || code == 1114) what += ": free space on the server's file system";
    if (code == 1044 || code == 1045 || code == 1142)
        what += ": check user, password and grants (scripts/mysql-accounts)";
    if (among(Code::kAgain, code) || state == "40001") return {SqlError::Kind::Again, what};
    return {among(Code::kLost, code) ? SqlError::Kind::Lost : SqlError::Kind::Fatal, what};
}

class MysqlDialect final : public Dialect {
  public:
    [[nodiscard]] SqlError translate(Poco::Data::Session& session) const override {
        MYSQL* handle = Poco::Data::MySQL::Utility::handle(session);
        if (const int code = static_cast<int>(mysql_errno(handle)); code != 0)
            return errorOf(code, mysql_sqlstate(handle), mysql_error(handle));
        try {  // not the engine's word, but the frame's
            throw;
        } catch (const Poco::Exception& error) {
            return {SqlError::Kind::Fatal, error.className()};
        }
    }
    void control(Poco::Data::Session& session, const std::string& sql) const override {
        // Not every server prepares these.
        MYSQL* handle = Poco::Data::MySQL::Utility::handle(session);
        if (mysql_real_query(handle, sql.data(), sql.size()) == 0) return;
        throw errorOf(static_cast<int>(mysql_errno(handle)), mysql_sqlstate(handle),
                      mysql_error(handle));
    }
    [[nodiscard]] const char* tableOptions() const override {
        return " ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";
    }
    [[nodiscard]] bool transactionalSchema() const override { return false; }
    [[nodiscard]] const char* tableExists() const override {
        return "SELECT table_name FROM information_schema.tables"
               " WHERE table_schema = DATABASE() AND table_name = ?";
    }
    [[nodiscard]] const char* indexExists() const override {
        return "SELECT index_name FROM information_schema.statistics"
               " WHERE table_schema = DATABASE() AND table_name = ? AND index_name = ? LIMIT 1";
    }
};

const MysqlDialect kDialect;

/// Jitter keeps those who collided from colliding again.
std::chrono::milliseconds pauseBefore(int attempt) {
    thread_local std::minstd_rand engine(std::random_device{}());
    const int most = std::min(2 << std::min(attempt, 6), 100);
    return std::chrono::milliseconds(std::uniform_int_distribution<int>(1, most)(engine));
}

Millis wallClockMs() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

/// Longer than a lease of schema_lock, so that one left behind by a process that died runs out
/// first.
constexpr std::chrono::seconds kMigrationTime{90};

int socketOf(Connection& connection) {
    return static_cast<int>(
        mysql_get_socket(Poco::Data::MySQL::Utility::handle(connection.session())));
}

}  // namespace

Result<std::unique_ptr<Database>> MysqlDatabase::open(MysqlSettings settings) {
    // The frame's connection string has no way to quote.
    for (const auto* part : {&settings.host, &settings.name, &settings.user, &settings.password})
        if (part->find_first_of(std::string_view(";=\0", 3)) != std::string::npos)
            return Error{"database: host, name, user and password must not contain ';' or '='"};
    if (settings.host.empty() || settings.name.empty() || settings.user.empty())
        return Error{"database: the driver mysql needs host, name and user"};
    // Once for the process, and counted there.
    Poco::Data::MySQL::Connector::registerConnector();
    return std::unique_ptr<Database>(new MysqlDatabase(std::move(settings)));
}

MysqlDatabase::~MysqlDatabase() {
    awaitMigration();
}

std::unique_ptr<Connection> MysqlDatabase::connectBare(Clock::time_point due) {
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(due - Clock::now()).count();
    const auto text = "host=" + settings_.host + ";port=" + std::to_string(settings_.port) +
                      ";user=" + settings_.user + ";password=" + settings_.password +
                      ";db=" + settings_.name + ";auto-reconnect=false;character-set=utf8mb4";
    try {
        Poco::AutoPtr<Poco::Data::SessionImpl> impl(new Poco::Data::MySQL::SessionImpl(
            text, static_cast<std::size_t>(std::max<long>(1, left))));
        return std::make_unique<Connection>(Poco::Data::Session(impl), kDialect,
                                            settings_.before_statement);
    } catch (const Poco::Exception& error) {
        // Names of host and user at most. Nothing to be gained by trying again at once.
        throw SqlError(SqlError::Kind::Fatal, "cannot connect: " + error.displayText());
    }
}

std::unique_ptr<Connection> MysqlDatabase::connect(Clock::time_point due) {
    auto connection = connectBare(due);
    const Watchdog::Guard guard(watchdog_, socketOf(*connection), due);
    connection->control("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
    if (settings_.read_only) connection->control("SET SESSION TRANSACTION READ ONLY");
    const auto wait = std::max<long>(
        1, std::chrono::duration_cast<std::chrono::seconds>(settings_.deadline).count() / 2);
    connection->control("SET SESSION sql_mode = 'STRICT_ALL_TABLES', innodb_lock_wait_timeout = " +
                        std::to_string(wait));
    if (settings_.our_schema) prepareSchema(*connection, due);
    return connection;
}

void MysqlDatabase::prepareSchema(Connection& connection, Clock::time_point due) {
    {
        const std::lock_guard lock(mutex_);
        if (schema_ready_) return;
    }
    if (settings_.migrate && !settings_.read_only && schemaStatus(connection).pending()) {
        // A migration may take longer than any operation may: it has a thread and a connection of
        // its own, and goes on when this operation has given up.
        std::unique_lock lock(mutex_);
        if (!migrating_ && !schema_ready_) {
            if (migration_.joinable()) migration_.join();  // an earlier one, that failed
            migrating_ = true;
            migration_ = std::thread([this] { migrateUntil(Clock::now() + kMigrationTime); });
        }
        if (!schema_changed_.wait_until(lock, due, [this] { return !migrating_; }))
            throw SqlError(SqlError::Kind::Fatal, "its schema is being migrated");
    }
    requireUsableSchema(connection);
    const std::lock_guard lock(mutex_);
    schema_ready_ = true;
}

void MysqlDatabase::migrateUntil(Clock::time_point due) {
    for (bool again = true; again && Clock::now() < due;) {
        again = false;
        try {
            const auto connection = connectBare(due);
            const Watchdog::Guard guard(watchdog_, socketOf(*connection), due);
            if (schemaStatus(*connection).pending())
                migrate(*connection, makeKey(settings_.random), wallClockMs());
        } catch (const SqlError& error) {
            // Another process is at it: see what it has done.
            again = error.kind() == SqlError::Kind::Again;
            if (again) std::this_thread::sleep_for(std::chrono::milliseconds(100));
        } catch (const std::exception&) {
            // No randomness. The operation that comes next tries once more, and says what is wrong.
        }
    }
    const std::lock_guard lock(mutex_);
    migrating_ = false;
    schema_changed_.notify_all();
}

void MysqlDatabase::awaitMigration() {
    std::unique_lock lock(mutex_);
    schema_changed_.wait(lock, [this] { return !migrating_; });
    if (migration_.joinable()) migration_.join();
}

std::unique_ptr<Connection> MysqlDatabase::acquire(Clock::time_point due) {
    std::unique_lock lock(mutex_);
    if (!free_.wait_until(lock, due,
                          [this] { return !idle_.empty() || open_ < settings_.connections; }))
        throw SqlError(SqlError::Kind::Fatal, "no connection became free in time");
    if (!idle_.empty()) {
        auto connection = std::move(idle_.back());
        idle_.pop_back();
        return connection;
    }
    ++open_;
    lock.unlock();
    try {
        return connect(due);
    } catch (...) {
        release(nullptr);
        throw;
    }
}

void MysqlDatabase::release(std::unique_ptr<Connection> connection) {
    const std::lock_guard lock(mutex_);
    if (connection)
        idle_.push_back(std::move(connection));
    else
        --open_;
    free_.notify_one();
}

void MysqlDatabase::dropIdle() {
    std::vector<std::unique_ptr<Connection>> old;
    const std::lock_guard lock(mutex_);
    open_ -= static_cast<int>(idle_.size());
    old.swap(idle_);
    free_.notify_all();
}

void MysqlDatabase::attempt(const Body& body, Clock::time_point due) {
    auto connection = acquire(due);
    try {
        const Watchdog::Guard guard(watchdog_, socketOf(*connection), due);
        if (settings_.read_only) {
            // Each statement sees what is committed when it starts, inside a transaction or not.
            (void)body(*connection);
        } else {
            connection->control("START TRANSACTION");
            try {
                connection->control(body(*connection) ? "COMMIT" : "ROLLBACK");
            } catch (const SqlError& error) {
                if (error.kind() == SqlError::Kind::Again) connection->control("ROLLBACK");
                throw;
            }
        }
    } catch (const SqlError& error) {
        if (error.kind() != SqlError::Kind::Again) connection.reset();
        release(std::move(connection));
        throw;
    } catch (...) {
        connection.reset();
        release(nullptr);
        throw;
    }
    release(std::move(connection));
}

std::optional<Failure> MysqlDatabase::run(Body body) {
    const auto due = Clock::now() + settings_.deadline;
    const auto unavailable = [this](const char* why) {
        return Failure{Reason::Unavailable,
                       "the database " + settings_.name + " at " + settings_.host + ":" +
                           std::to_string(settings_.port) + ": " + why,
                       0};
    };
    for (int tries = 0;; ++tries) {
        try {
            attempt(body, due);
            return std::nullopt;
        } catch (const SqlError& error) {
            const auto pause = pauseBefore(tries);
            if (error.kind() == SqlError::Kind::Fatal || Clock::now() + pause >= due)
                return unavailable(error.what());
            // One that broke is a sign that the others did too.
            if (error.kind() == SqlError::Kind::Lost) dropIdle();
            std::this_thread::sleep_for(pause);
        } catch (const std::exception& error) {
            return unavailable(error.what());
        }
    }
}

}  // namespace persona::accounts
