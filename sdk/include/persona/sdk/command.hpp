#pragma once

#include <persona/abi/ext/admin.h>

#include <functional>
#include <list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "guard.hpp"
#include "text.hpp"

namespace persona::sdk {

/// Thrown by a command that does not do what was asked; the text, which says what to do, reaches
/// the operator. PSN_INVALID: wrong arguments; PSN_UNREACHABLE: what it works with does not answer.
class Refusal : public std::runtime_error {
  public:
    explicit Refusal(const std::string& text, psn_rc rc = PSN_FAIL)
        : std::runtime_error(text), rc_(rc) {}
    [[nodiscard]] psn_rc rc() const noexcept { return rc_; }

  private:
    psn_rc rc_;
};

/// What an operator asked for, while it is being done. [executor]
class CommandCall {
  public:
    explicit CommandCall(const psn_admin_call& call) : call_(call) {}
    [[nodiscard]] std::size_t count() const noexcept { return call_.argument_count; }
    /// Empty when there are fewer.
    [[nodiscard]] std::string argument(std::size_t n) const {
        return n < count() ? text(call_.arguments[n]) : std::string();
    }
    [[nodiscard]] bool json() const noexcept { return call_.json != 0; }
    [[nodiscard]] std::string from() const { return text(call_.from); }  ///< "uid 1000"
    void say(std::string_view piece) const { call_.write(call_.out, abi(piece)); }

  private:
    const psn_admin_call& call_;
};

/// One command of a role (psn.admin/1). `run` may block and may throw; see Refusal.
struct Command {
    std::string name, arguments, help;  ///< "accounts find", "ADDRESS", a line
    unsigned min_arguments = 0, max_arguments = 0;
    bool changes = false;
    std::function<void(const CommandCall&)> run;
};

/// The commands of one instance, with their rows for the host.
class CommandTable {
  public:
    void add(Command command) {
        const auto& c = commands_.emplace_back(std::move(command));
        rows_.push_back({abi(c.name), abi(c.arguments), abi(c.help), c.min_arguments,
                         c.max_arguments, c.changes ? PSN_ADMIN_CHANGES : 0, 0});
        runs_.push_back(&c.run);
    }
    [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }
    [[nodiscard]] const std::vector<psn_admin_command>& rows() const noexcept { return rows_; }
    psn_rc run(const psn_admin_call& call, psn_err* err) const noexcept {
        psn_rc rc = PSN_OK;
        const psn_rc thrown = guarded(err, [&] {
            try {
                (*runs_.at(call.command))(CommandCall(call));
            } catch (const Refusal& refusal) {
                setError(err, refusal.what());
                rc = refusal.rc();
            }
        });
        return thrown != PSN_OK ? thrown : rc;
    }

  private:
    std::list<Command> commands_;  ///< never moved: the rows point into it
    std::vector<psn_admin_command> rows_;
    std::vector<const std::function<void(const CommandCall&)>*> runs_;
};

}  // namespace persona::sdk
