#include "libs/accounts/store.h"

#include "libs/accounts/sql/mysql.h"
#include "libs/accounts/sql/sqlite.h"

namespace persona::accounts {

namespace {

Error wrong(const std::string& what) {
    return Error{"database: " + what};
}

SqliteSettings sqliteSettings(const StoreOptions& options) {
    return {options.file, options.deadline, options.connections, options.migrate,
            options.before_statement};
}

MysqlSettings mysqlSettings(const StoreOptions& options, bool read_only) {
    MysqlSettings settings;
    settings.host = options.host;
    settings.port = options.port;
    settings.name = options.name;
    settings.user = options.user;
    settings.password = options.password;
    settings.deadline = options.deadline;
    settings.connections = options.connections;
    settings.migrate = options.migrate;
    settings.read_only = read_only;
    settings.before_statement = options.before_statement;
    settings.random = options.random;
    return settings;
}

/// Says why, and hands on.
class ReportingDatabase final : public Database {
  public:
    using Report = std::function<void(const std::string& why)>;
    ReportingDatabase(std::unique_ptr<Database> inner, Report report)
        : inner_(std::move(inner)), report_(std::move(report)) {}
    [[nodiscard]] std::optional<Failure> run(Body body) override {
        auto failure = inner_->run(std::move(body));
        if (failure) report_(failure->text);
        return failure;
    }

  private:
    const std::unique_ptr<Database> inner_;
    const Report report_;
};

void reportTo(const StoreOptions& options, std::unique_ptr<Database>& database) {
    if (options.on_unavailable)
        database = std::make_unique<ReportingDatabase>(std::move(database), options.on_unavailable);
}

}  // namespace

Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(StoreOptions options) {
    if (options.deadline.count() < 1) return wrong("the deadline must be at least 1 ms");
    if (options.connections < 1) return wrong("at least one connection is needed");
    if (!options.random) options.random = systemRandom();
    std::unique_ptr<Store> store(new Store);
    const bool mysql = options.driver == StoreOptions::Driver::Mysql;
    if (!options.read_only) {
        auto database = mysql ? MysqlDatabase::open(mysqlSettings(options, false))
                              : SqliteWriter::open(sqliteSettings(options));
        if (!database) return Error{database.error()};
        // A server that is there gets its schema now; one that is not, with the first operation.
        if (auto* server = dynamic_cast<MysqlDatabase*>(database->get())) {
            (void)server->run([](Connection&) { return true; });
            server->awaitMigration();
        }
        store->write_database_ = std::move(*database);
        reportTo(options, store->write_database_);
        store->writer_ = std::make_unique<Writer>(*store->write_database_, options.random);
    }
    auto database = mysql ? MysqlDatabase::open(mysqlSettings(options, true))
                          : SqliteReader::open(sqliteSettings(options));
    if (!database) return Error{database.error()};
    store->read_database_ = std::move(*database);
    reportTo(options, store->read_database_);
    store->reader_ = std::make_unique<Reader>(*store->read_database_);
    return store;
}

}  // namespace persona::accounts
