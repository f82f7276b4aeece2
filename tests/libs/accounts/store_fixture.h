#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "libs/accounts/sql/database.h"
#include "libs/accounts/store.h"

namespace persona::accounts {

constexpr Millis kNow = 1'700'000'000'000;
constexpr Millis kMinute = 60'000;
constexpr Millis kHour = 60 * kMinute;
constexpr Millis kDay = 24 * kHour;

inline Address at(std::string_view text) {
    return *Address::parse(text);
}

/// The same tests on every engine; each test has a database of its own.
class StoreTest : public testing::TestWithParam<StoreOptions::Driver> {
  protected:
    void SetUp() override;
    void TearDown() override;

    [[nodiscard]] bool mysql() const { return GetParam() == StoreOptions::Driver::Mysql; }
    /// Options for this test's database.
    [[nodiscard]] StoreOptions options() const { return options_; }
    /// Opened on first use.
    Store& store();
    Writer& writer() { return *store().writer(); }
    const Reader& reader() { return store().reader(); }
    void closeStore() { store_.reset(); }
    void closeLook() { look_.reset(); }
    /// An empty database again.
    void reset();

    /// A read-only database, without operations.
    [[nodiscard]] std::unique_ptr<Database> openReader() const;
    /// A look at the tables past the operations.
    std::vector<Row> look(const std::string& sql, std::vector<Value> values = {});
    std::int64_t count(const std::string& from_where);
    /// What must hold in every database at every time, whatever happened: "" or what does not.
    std::string brokenInvariant();

    // --- accounts as tests need them
    UserId accountWith(std::string_view address, std::string hash = "hash", Millis now = kNow);
    UserId primaryWith(std::string_view address, Millis now = kNow);
    std::int64_t epoch(UserId user);
    User user(UserId id);
    EmailInfo info(std::string_view address);
    bool known(std::string_view address);

    static StageLimits unlimited() { return {0, 0, 48 * kHour}; }

  private:
    StoreOptions options_;
    std::unique_ptr<Store> store_;
    std::unique_ptr<Database> look_;
    std::string directory_;
};

/// What the reason of a failed outcome is; "ok" when it did not fail. That the database could not
/// is a failure of the test unless it looks at the reason itself.
template <typename T>
std::string why(const Outcome<T>& outcome) {
    if (outcome) return "ok";
    if (outcome.failure().reason == Reason::Unavailable)
        ADD_FAILURE() << "the database: " << outcome.error();
    return name(outcome.failure().reason);
}

/// Runs the tests of that suite on both.
#define PERSONA_ON_BOTH_ENGINES(suite)                                                         \
    INSTANTIATE_TEST_SUITE_P(                                                                  \
        On, suite, testing::Values(StoreOptions::Driver::Sqlite, StoreOptions::Driver::Mysql), \
        [](const auto& engine) {                                                               \
            return std::string(engine.param == StoreOptions::Driver::Sqlite ? "Sqlite"         \
                                                                            : "MariaDb");      \
        })

}  // namespace persona::accounts
