// Group commit against raw commits (issue: `bench writes`). One sign-up is two durable operations.

#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "libs/accounts/sql/mysql.h"
#include "libs/accounts/store.h"
#include "libs/passwords/passwords.h"
#include "tests/libs/accounts/mariadb_server.h"

namespace {

using persona::accounts::Address;
using persona::accounts::Connection;
using persona::accounts::Done;
using persona::accounts::MariaDbServer;
using persona::accounts::Millis;
using persona::accounts::MysqlDatabase;
using persona::accounts::MysqlSettings;
using persona::accounts::Outcome;
using persona::accounts::Store;
using persona::accounts::StoreOptions;
using persona::accounts::Writer;
using Clock = std::chrono::steady_clock;

constexpr int kClients = 32;
constexpr int kRounds = 5;
constexpr Millis kNow = 1'700'000'000'000;

/// Calls of `act` a second, by so many threads for so long.
double rate(int threads, double seconds, const std::function<void(int)>& act) {
    std::atomic<long> done{0};
    const auto start = Clock::now();
    const auto end = start + std::chrono::duration<double>(seconds);
    {
        std::vector<std::jthread> all;
        for (int i = 0; i < threads; ++i)
            all.emplace_back([&, i] {
                while (Clock::now() < end) {
                    act(i);
                    ++done;
                }
            });
    }
    return static_cast<double>(done) / std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

void must(bool ok, const std::string& why) {
    if (ok) return;
    std::fprintf(stderr, "bench_writes: %s\n", why.c_str());
    std::exit(1);
}

/// One row, one durable commit: the engine's own interface, a prepared statement, nothing of ours.
class RawSqlite {
  public:
    explicit RawSqlite(const std::string& file) {
        must(sqlite3_open(file.c_str(), &db_) == SQLITE_OK, "cannot open " + file);
        for (const char* sql : {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL",
                                "CREATE TABLE raw (id INTEGER PRIMARY KEY)"})
            must(sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK, sql);
        sqlite3_prepare_v2(db_, "INSERT INTO raw (id) VALUES (NULL)", -1, &insert_, nullptr);
    }
    ~RawSqlite() {
        sqlite3_finalize(insert_);
        sqlite3_close(db_);
    }
    RawSqlite(const RawSqlite&) = delete;
    RawSqlite& operator=(const RawSqlite&) = delete;
    void operator()() {
        must(sqlite3_step(insert_) == SQLITE_DONE, sqlite3_errmsg(db_));
        sqlite3_reset(insert_);
    }

  private:
    sqlite3* db_ = nullptr;
    sqlite3_stmt* insert_ = nullptr;
};

void measure(const char* engine, const StoreOptions& options, const std::function<void()>& raw,
             double seconds) {
    auto opened = Store::open(options);
    must(opened.ok(), opened.error());
    Writer& writer = *(*opened)->writer();
    persona::passwords::Options cheap;
    cheap.bcrypt_cost = 4;
    cheap.secret = std::string(32, 's');
    const auto hasher = persona::passwords::Hasher::create(cheap);
    must(hasher.ok(), hasher.error());
    std::atomic<long> number{0};
    const auto sign_up = [&](int) {
        const auto address = *Address::parse("user" + std::to_string(++number) + "@bench.example");
        const auto hash = hasher->hash("a password of the bench");
        const auto staged = writer.stageNewAccount(address, *hash, "https://rp.example", {}, kNow);
        must(staged.ok(), staged.error());
        const auto done = writer.completeNewAccount(staged->token, kNow + 1);
        must(done.ok(), done.error());
    };
    std::vector<double> raw_rates, sign_ups, ratios;
    for (int round = 0; round < kRounds; ++round) {
        raw_rates.push_back(rate(1, seconds, [&](int) { raw(); }));
        sign_ups.push_back(rate(kClients, seconds, sign_up));
        ratios.push_back(2 * sign_ups.back() / raw_rates.back());
    }
    std::printf("figure writes.%s.raw_commits %.0f 1/s\n", engine, median(raw_rates));
    std::printf("figure writes.%s.sign_ups_32_clients %.0f 1/s\n", engine, median(sign_ups));
    std::printf("figure writes.%s.operations_over_raw %.2f ratio\n", engine, median(ratios));
}

}  // namespace

int main(int argc, char** argv) {
    const double seconds = argc > 1 ? std::atof(argv[1]) : 2;
    must(seconds > 0 && seconds <= 60, "seconds must be above 0 and at most 60");
    std::string pattern = (std::filesystem::temp_directory_path() / "bench-writes-XXXXXX").string();
    must(::mkdtemp(pattern.data()) != nullptr, "no temporary directory");
    {
        StoreOptions options;
        options.file = pattern + "/persona.db";
        options.deadline = std::chrono::seconds(30);
        must(Store::open(options).ok(), "cannot open SQLite");
        RawSqlite raw(pattern + "/raw.db");
        measure(
            "sqlite", options, [&raw] { raw(); }, seconds);
    }
    std::filesystem::remove_all(pattern);
    try {
        const MariaDbServer server;
        server.sql("CREATE DATABASE persona");
        StoreOptions options;
        options.driver = StoreOptions::Driver::Mysql;
        options.port = server.port();
        options.name = "persona";
        options.user = "root";
        options.connections = kClients;
        options.deadline = std::chrono::seconds(30);
        MysqlSettings settings;
        settings.host = options.host;
        settings.port = options.port;
        settings.name = options.name;
        settings.user = options.user;
        settings.deadline = options.deadline;
        settings.our_schema = false;
        auto raw = MysqlDatabase::open(settings);
        must(raw.ok(), raw.error());
        server.sql("CREATE TABLE persona.raw (id CHAR(32) PRIMARY KEY)");
        long rows = 0;
        const auto insert = [&] {
            const auto done =
                transact(**raw, [key = std::to_string(++rows)](Connection& c) -> Outcome<Done> {
                    c.execute("INSERT INTO raw (id) VALUES (?)", {key});
                    return Done{};
                });
            must(done.ok(), done.error());
        };
        measure("mariadb", options, insert, seconds);
    } catch (const std::runtime_error& error) {
        must(false, error.what());
    }
    return 0;
}
