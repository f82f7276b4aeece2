#include "libs/accounts/store.h"

#include "libs/accounts/sql/database.h"
#include "libs/accounts/sql/sqlite.h"

namespace persona::accounts {

namespace {

Error wrong(const std::string& what) {
    return Error{"database: " + what};
}

}  // namespace

Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(StoreOptions options) {
    if (options.deadline.count() < 1) return wrong("the deadline must be at least 1 ms");
    if (options.connections < 1) return wrong("at least one connection is needed");
    if (!options.random) options.random = systemRandom();
    std::unique_ptr<Store> store(new Store);
    if (options.driver == StoreOptions::Driver::Mysql)
        return wrong("this build has no driver for MySQL");
    if (options.file.empty()) return wrong("the driver sqlite needs a file");
    const SqliteSettings settings{options.file, options.deadline, options.connections,
                                  options.migrate, options.before_statement};
    if (!options.read_only) {
        auto database = SqliteWriter::open(settings);
        if (!database) return Error{database.error()};
        store->write_database_ = std::move(*database);
        store->writer_ = std::make_unique<Writer>(*store->write_database_, options.random);
    }
    auto database = SqliteReader::open(settings);
    if (!database) return Error{database.error()};
    store->read_database_ = std::move(*database);
    store->reader_ = std::make_unique<Reader>(*store->read_database_);
    return store;
}

}  // namespace persona::accounts
