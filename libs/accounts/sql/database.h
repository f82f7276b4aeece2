#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <type_traits>

#include "libs/accounts/failure.h"
#include "libs/accounts/sql/connection.h"

namespace persona::accounts {

/// Runs transactions. Thread-safe.
class Database {
  public:
    /// True: commit. False: roll back. May be run several times, in another thread, and even after
    /// `run` has given up waiting for it: it owns all that it touches.
    using Body = std::function<bool(Connection&)>;

    virtual ~Database() = default;
    /// Runs `body` in one transaction. None: it ran to its end, and if it said true its effects are
    /// durable. Else why the database could not.
    [[nodiscard]] virtual std::optional<Failure> run(Body body) = 0;
};

/// Runs `operation(Connection&) -> Outcome<T>` in one transaction; a failure rolls it back.
template <typename Operation>
auto transact(Database& database, Operation operation) {
    using Answer = std::invoke_result_t<Operation&, Connection&>;
    auto answer = std::make_shared<std::optional<Answer>>();
    const auto failure =
        database.run([answer, operation = std::move(operation)](Connection& connection) mutable {
            answer->emplace(operation(connection));
            return (*answer)->ok();
        });
    return failure ? Answer(*failure) : std::move(**answer);
}

}  // namespace persona::accounts
