#include "plugins/browserid/password_check.h"
#include "plugins/browserid/reads.h"

/// authenticate_user (wsapi.md 4.2).
namespace persona::browserid {

namespace {

using protocol::Json;
using wsapi::Answer;
using wsapi::Call;
using wsapi::Events;
using wsapi::Step;

/// One reason for all, unless the operator wants the original's (W6).
Answer refuse(const Reads& r, const Call& call, const PasswordCheck& check, bool known) {
    r.events.security(Events::Level::Warn, "AUTH_FAILURE", "User authentication failed");
    if (!r.settings.legacy_reasons) return wsapi::failure("email or password is wrong");
    if (!known) return wsapi::failure("no such user");
    if (check.locked)
        return wsapi::jsonAnswer(Json::object()
                                     .add("success", false)
                                     .add("code", "account locked")
                                     .add("reason", "account is locked"));
    if (check.no_password) return wsapi::failure("no password set for user");
    return wsapi::failure("password mismatch for user: " + call.text("email"));
}

Step authenticate(const Reads& r, Call& call) {
    const auto address = accounts::Address::parse(call.text("email"));
    if (!address) return wsapi::failure("email: ValidatorError: Invalid email", 400);
    const auto info = r.reader.emailInfo(*address);
    if (!info) return wsapi::databaseDown();
    const std::int64_t userid = *info ? (*info)->user : 0;
    auto busy = wsapi::failure("server is too busy", 503);
    busy.retry_after = "2";
    return checkPassword(
        r, call, userid, call.text("pass"),
        [&r, userid](Call& c, const PasswordCheck& check) -> Step {
            if (check.unavailable) return wsapi::databaseDown();
            if (!check.right) return refuse(r, c, check, userid != 0);
            r.sessions.signIn(
                c.session, {userid, check.epoch, wsapi::Level::Password, c.flag("ephemeral"), true},
                c.request.user_agent, c.now_ms);
            if (auto device = r.devices.issue(c.request.cookie, userid, c.now_ms))
                c.cookies.push_back(std::move(*device));
            return wsapi::jsonAnswer(
                Json::object()
                    .add("success", true)
                    .add("userid", userid)
                    .add("suppress_ask_if_users_computer",
                         wsapi::SessionCookies::isFirefoxOs(c.request.user_agent)));
        },
        std::move(busy));
}

}  // namespace

void addSignInCalls(wsapi::Api& api, const Reads& r) {
    api.on("authenticate_user", [&r](Call& c) { return authenticate(r, c); });
}

}  // namespace persona::browserid
