#pragma once

#include <persona/sdk/command.hpp>

#include <functional>
#include <vector>

#include "libs/accounts/maintenance.h"
#include "plugins/dbwriter/writes.h"

namespace persona::dbwriter {

/// What operators' commands work with. Called on executors, while the role is active.
struct OperatorPort {
    std::function<const Writes&()> writes;
    std::function<accounts::Maintenance()> maintenance;
    std::function<std::int64_t()> now_ms;
};

/// accounts find|export|erase|revoke-sessions|unlock ADDRESS. Changes are written to the log with
/// the account's number, which says nothing to those who lack the database.
[[nodiscard]] std::vector<sdk::Command> accountCommands(const OperatorPort& port);
/// db status|migrate|check|import.
[[nodiscard]] std::vector<sdk::Command> databaseCommands(const OperatorPort& port);
/// send-test-mail ADDRESS.
[[nodiscard]] std::vector<sdk::Command> mailCommands(const OperatorPort& port);

/// Throws sdk::Refusal for a failure of the database.
[[noreturn]] void refuse(const accounts::Failure& failure);
template <typename T>
[[nodiscard]] T orRefuse(accounts::Outcome<T> outcome) {
    if (!outcome) refuse(outcome.failure());
    return std::move(*outcome);
}

}  // namespace persona::dbwriter
