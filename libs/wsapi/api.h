#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libs/wsapi/call.h"
#include "libs/wsapi/credentials.h"
#include "libs/wsapi/session_class.h"

namespace persona::wsapi {

/// Epoch of an account; empty: it is gone. Not ok: the database does not answer. May block.
using EpochPort = std::function<Result<std::optional<std::int64_t>>(std::int64_t userid)>;

/// The checks that come before every handler, in the order of wsapi.md 3.1, for one role. Handlers
/// are registered while it is built; const afterwards, [any] thread.
class Api {
  public:
    struct Options {
        bool writes = false;  ///< dbwriter; else browserid
        const SessionCookies* sessions = nullptr;
        const ClassCookies* classes = nullptr;
        CredentialChecker* credentials = nullptr;
        bool open_roles = false;  ///< `test_open_roles`: internal calls need no credentials
        EpochPort epoch;
        std::function<std::int64_t()> now_ms;
        std::function<void(std::string_view op, std::string_view why)> on_refused_role;
        std::function<void(const Request& request)> on_busy;  ///< an executor had no room for it
    };
    explicit Api(Options options) : options_(std::move(options)) {}

    /// Throws std::logic_error for calls that are not this role's. `blocks` false: the work needs
    /// nothing but the request as long as nobody is signed in, and then runs on the event loop.
    void on(std::string_view name, Work work, bool blocks = true);
    /// Calls of this role without a handler; empty when all is there.
    [[nodiscard]] std::vector<std::string> missing() const;

    /// Never blocks. `call` lives until its answer; its `request` is set.
    [[nodiscard]] Step start(Call& call) const;
    /// To be told of calls that no executor has room for.
    void tooBusy(const Call& call) const {
        if (options_.on_busy) options_.on_busy(call.request);
    }
    /// To be done with every answer: the session's cookie and the browser's class, where they
    /// changed, and what became of the call.
    void finish(Call& call, Answer& answer) const;

  private:
    struct Handler {
        Work work;
        bool blocks;
    };
    void openSession(Call& call) const;
    /// Step 4; Work thread.
    [[nodiscard]] std::optional<Answer> checkAccount(Call& call) const;
    /// Steps 5 to 7.
    [[nodiscard]] std::optional<Answer> checkRequest(const Call& call) const;
    [[nodiscard]] std::optional<Answer> checkRole(const Call& call) const;
    /// `bid_class`, where it changes: who signs in here is known, who signs out is not signed in.
    [[nodiscard]] std::optional<std::string> classCookie(const Call& call) const;
    Options options_;
    std::map<std::string, Handler, std::less<>> handlers_;
};

}  // namespace persona::wsapi
