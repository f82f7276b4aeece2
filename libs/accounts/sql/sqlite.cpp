#include "libs/accounts/sql/sqlite.h"

#include <Poco/Data/SQLite/SQLiteException.h>
#include <Poco/Data/SQLite/SessionImpl.h>
#include <Poco/Data/SQLite/Utility.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "libs/accounts/sql/schema.h"
#include "libs/accounts/types.h"

namespace persona::accounts {

namespace {

SqlError errorOf(sqlite3* db) {
    const int code = sqlite3_errcode(db) & 0xff;
    std::string text = sqlite3_errmsg(db);
    if (code == SQLITE_FULL) text += ": free space on the database's file system";
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
        text += ": restore the file from a backup, or recover it with sqlite3's .recover";
    if (code == SQLITE_READONLY || code == SQLITE_CANTOPEN || code == SQLITE_PERM)
        text += ": check owner and mode of the database file and of its directory";
    // SQLITE_BUSY comes after the whole deadline: no reason to wait for another one.
    return {code == SQLITE_CONSTRAINT ? SqlError::Kind::Again : SqlError::Kind::Fatal, text};
}

class SqliteDialect final : public Dialect {
  public:
    [[nodiscard]] SqlError translate(Poco::Data::Session& session) const override {
        auto* db = Poco::Data::SQLite::Utility::dbHandle(session);
        if (sqlite3_errcode(db) != SQLITE_OK) return errorOf(db);
        try {  // not the engine's word, but the frame's
            throw;
        } catch (const Poco::Exception& error) {
            return {SqlError::Kind::Fatal, error.displayText()};
        }
    }
    void control(Poco::Data::Session& session, const std::string& sql) const override {
        auto* db = Poco::Data::SQLite::Utility::dbHandle(session);
        if (sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
            throw errorOf(db);
    }
    [[nodiscard]] const char* tableOptions() const override { return " WITHOUT ROWID"; }
    [[nodiscard]] bool transactionalSchema() const override { return true; }
    [[nodiscard]] const char* tableExists() const override {
        return "SELECT name FROM sqlite_master WHERE type = 'table' AND name = ?";
    }
    [[nodiscard]] const char* indexExists() const override {
        return "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND name = ?";
    }
};

const SqliteDialect kDialect;

std::unique_ptr<Connection> connect(const SqliteSettings& settings, bool read_only) {
    Poco::AutoPtr<Poco::Data::SessionImpl> impl(new Poco::Data::SQLite::SessionImpl(settings.file));
    Poco::Data::Session session(impl);
    sqlite3_busy_timeout(Poco::Data::SQLite::Utility::dbHandle(session),
                         static_cast<int>(settings.deadline.count()));
    auto connection =
        std::make_unique<Connection>(std::move(session), kDialect, settings.before_statement);
    if (!read_only) {
        (void)connection->query("PRAGMA journal_mode = WAL");
        connection->control("PRAGMA synchronous = FULL");
    } else {
        connection->control("PRAGMA query_only = ON");
    }
    connection->control("PRAGMA temp_store = MEMORY");
    connection->control("PRAGMA trusted_schema = OFF");
    return connection;
}

/// Opening would create a file that is not there.
void requireFile(const std::string& file) {
    if (::access(file.c_str(), F_OK) != 0)
        throw SqlError(SqlError::Kind::Fatal, "is not there (dbwriter makes it)");
}

Millis wallClockMs() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

std::string describe(const std::string& file, const std::string& why) {
    return "the database " + file + ": " + why;
}

Failure unavailable(const std::string& text) {
    return Failure{Reason::Unavailable, text, 0};
}

/// Runs `body`; text of the error if the engine refused. `ok`: what the body said.
std::optional<SqlError> attempt(const Database::Body& body, Connection& connection, bool& ok) {
    try {
        ok = body(connection);
        return std::nullopt;
    } catch (const SqlError& error) {
        return error;
    } catch (const std::exception& error) {
        return SqlError(SqlError::Kind::Fatal, error.what());
    }
}

constexpr int kTries = 5;
constexpr std::size_t kMaxBatch = 256;

}  // namespace

Result<Done> prepareSqliteFile(const std::string& file) {
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return Error{describe(file, std::string("cannot be opened for writing: ") +
                                        std::strerror(errno) +
                                        " (does its directory exist, and may this user write?)")};
    struct stat st {};
    const bool open_to_others = ::fstat(fd, &st) == 0 && (st.st_mode & 07) != 0;
    ::close(fd);
    if (open_to_others)
        return Error{describe(
            file,
            "can be read or written by everybody: chmod 600 it (or 660, where the users of "
            "dbwriter and browserid share a group)")};
    return Done{};
}

// --- reading

Result<std::unique_ptr<Database>> SqliteReader::open(SqliteSettings settings) {
    if (settings.file.empty()) return Error{"database: the driver sqlite needs a file"};
    std::unique_ptr<SqliteReader> reader(new SqliteReader(std::move(settings)));
    return std::unique_ptr<Database>(std::move(reader));
}

std::unique_ptr<Connection> SqliteReader::acquire() {
    std::unique_lock lock(mutex_);
    const bool got = free_.wait_for(lock, settings_.deadline, [this] {
        return !idle_.empty() || open_ < settings_.connections;
    });
    if (!got) throw SqlError(SqlError::Kind::Fatal, "no reading connection became free in time");
    if (!idle_.empty()) {
        auto connection = std::move(idle_.back());
        idle_.pop_back();
        return connection;
    }
    ++open_;
    lock.unlock();
    try {
        requireFile(settings_.file);
        auto connection = connect(settings_, true);
        requireUsableSchema(*connection);
        return connection;
    } catch (...) {
        lock.lock();
        --open_;
        lock.unlock();
        free_.notify_one();
        throw;
    }
}

void SqliteReader::release(std::unique_ptr<Connection> connection) {
    const std::lock_guard lock(mutex_);
    if (connection)
        idle_.push_back(std::move(connection));
    else
        --open_;
    free_.notify_one();
}

std::optional<Failure> SqliteReader::run(Body body) {
    try {
        auto connection = acquire();
        try {
            connection->control("BEGIN");
            (void)body(*connection);
            connection->control("COMMIT");
        } catch (...) {
            connection.reset();
            release(nullptr);
            throw;
        }
        release(std::move(connection));
        return std::nullopt;
    } catch (const Poco::Exception& error) {
        return unavailable(describe(settings_.file, error.displayText()));
    } catch (const std::exception& error) {
        return unavailable(describe(settings_.file, error.what()));
    }
}

// --- maintenance

Result<std::unique_ptr<Database>> SqliteDirect::open(SqliteSettings settings, bool read_only) {
    if (settings.file.empty()) return Error{"database: the driver sqlite needs a file"};
    return std::unique_ptr<Database>(new SqliteDirect(std::move(settings), read_only));
}

std::optional<Failure> SqliteDirect::run(Body body) {
    try {
        requireFile(settings_.file);
        (void)body(*connect(settings_, read_only_));
        return std::nullopt;
    } catch (const Poco::Exception& error) {
        return unavailable(describe(settings_.file, error.displayText()));
    } catch (const std::exception& error) {
        return unavailable(describe(settings_.file, error.what()));
    }
}

// --- writing

struct SqliteWriter::Task {
    explicit Task(Body b) : body(std::move(b)) {}
    const Body body;
    bool ok = false;                 // what the body said; the worker's until `done`
    std::optional<Failure> failure;  // the same
    std::mutex mutex;
    std::condition_variable changed;
    bool started = false, abandoned = false, done = false;

    /// False: its caller has gone, leave it.
    bool start() {
        const std::lock_guard lock(mutex);
        started = true;
        return !abandoned;
    }
    void finish() {
        const std::lock_guard lock(mutex);
        done = true;
        changed.notify_all();
    }
};

Result<std::unique_ptr<Database>> SqliteWriter::open(SqliteSettings settings) {
    const std::string file = settings.file;
    if (file.empty()) return Error{"database: the driver sqlite needs a file"};
    if (const auto made = prepareSqliteFile(file); !made) return Error{made.error()};
    try {
        std::unique_ptr<SqliteWriter> writer(new SqliteWriter(std::move(settings)));
        writer->connection_ = connect(writer->settings_, false);
        // Several processes may do this at once: BEGIN IMMEDIATE makes them queue.
        if (writer->settings_.migrate && schemaStatus(*writer->connection_).pending())
            migrate(*writer->connection_, "", wallClockMs());
        // Left to the operator: until it is done nothing is written.
        writer->schema_ready_ = schemaStatus(*writer->connection_).usable();
        if (!writer->schema_ready_ && writer->settings_.migrate)
            requireUsableSchema(*writer->connection_);
        writer->thread_ = std::thread([raw = writer.get()] { raw->work(); });
        return std::unique_ptr<Database>(std::move(writer));
    } catch (const Poco::Exception& error) {
        return Error{describe(file, error.displayText())};
    } catch (const std::exception& error) {
        return Error{describe(file, error.what())};
    }
}

SqliteWriter::~SqliteWriter() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wanted_.notify_all();
    if (thread_.joinable()) thread_.join();
}

std::optional<Failure> SqliteWriter::run(Body body) {
    auto task = std::make_shared<Task>(std::move(body));
    {
        const std::lock_guard lock(mutex_);
        if (stopping_) return unavailable(describe(settings_.file, "is being closed"));
        queue_.push_back(task);
    }
    wanted_.notify_one();
    std::unique_lock lock(task->mutex);
    if (task->changed.wait_for(lock, settings_.deadline, [&] { return task->done; }))
        return task->failure;
    task->abandoned = true;
    return unavailable(
        describe(settings_.file, task->started ? "no answer in time; the change may still be made"
                                               : "no answer in time; nothing was changed"));
}

void SqliteWriter::work() {
    for (;;) {
        std::vector<std::shared_ptr<Task>> batch;
        {
            std::unique_lock lock(mutex_);
            wanted_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
            if (queue_.empty()) return;
            while (!queue_.empty() && batch.size() < kMaxBatch) {
                batch.push_back(std::move(queue_.front()));
                queue_.pop_front();
            }
        }
        std::erase_if(batch, [](const auto& task) { return !task->start(); });
        if (const auto why = schemaTrouble(); !why.empty())
            for (const auto& task : batch)
                task->failure = unavailable(describe(settings_.file, why));
        else if (!batch.empty())
            runBatch(batch);
        for (const auto& task : batch) task->finish();
    }
}

std::string SqliteWriter::schemaTrouble() {
    if (schema_ready_) return "";
    try {
        requireUsableSchema(*connection_);
        schema_ready_ = true;
        return "";
    } catch (const SqlError& error) {
        return error.what();
    }
}

void SqliteWriter::runBatch(const std::vector<std::shared_ptr<Task>>& batch) {
    if (batch.size() > 1 && tryBatch(batch)) return;
    // One alone, or the engine gave up the whole transaction: each by itself, so that one which
    // cannot be done takes no other with it.
    for (const auto& task : batch) runAlone(*task);
}

bool SqliteWriter::tryBatch(const std::vector<std::shared_ptr<Task>>& batch) {
    try {
        connection_->control("BEGIN IMMEDIATE");
        for (const auto& task : batch) {
            connection_->control("SAVEPOINT operation");
            if (attempt(task->body, *connection_, task->ok)) {
                rollBack();
                return false;
            }
            if (!task->ok) connection_->control("ROLLBACK TO operation");
            connection_->control("RELEASE operation");
        }
        connection_->control("COMMIT");
        return true;
    } catch (const SqlError&) {
        rollBack();
        return false;
    }
}

void SqliteWriter::runAlone(Task& task) {
    for (int left = kTries; left > 0; --left) {
        try {
            connection_->control("BEGIN IMMEDIATE");
            if (const auto error = attempt(task.body, *connection_, task.ok))
                throw SqlError(*error);
            connection_->control(task.ok ? "COMMIT" : "ROLLBACK");
            return;
        } catch (const SqlError& error) {
            rollBack();
            if (error.kind() == SqlError::Kind::Again && left > 1) continue;
            task.failure = unavailable(describe(settings_.file, error.what()));
            return;
        }
    }
}

void SqliteWriter::rollBack() {
    // After some errors the engine has rolled back already.
    if (sqlite3_get_autocommit(Poco::Data::SQLite::Utility::dbHandle(connection_->session())) != 0)
        return;
    try {
        connection_->control("ROLLBACK");
    } catch (const SqlError&) {
        // The next BEGIN says what is wrong.
    }
}

}  // namespace persona::accounts
