#include "libs/wsapi/arguments.h"
#include "plugins/dbwriter/steps.h"

/// What other roles may ask for (wsapi.md 4.4, W21, W28): the account is named in the arguments,
/// the credentials of the caller were checked before.
namespace persona::dbwriter {

namespace {

using accounts::Reason;
using protocol::Json;
using wsapi::Call;
using wsapi::Step;

std::int64_t userOf(const Call& call) {
    return wsapi::accountId(*call.parameters.find("userid")).value_or(0);
}

/// A database that does not answer is 503; that the operation had no effect is for the caller to
/// judge.
Step done(const accounts::Outcome<accounts::Done>& outcome) {
    return outcome ? wsapi::success() : answerTo(outcome.failure());
}

/// increment_failed_auth_tries: "device" comes back when the attempt was counted there.
Step reserve(const Writes& w, const Call& call) {
    const auto attempt = w.writer.reserveLoginAttempt(userOf(call), call.given("device"),
                                                      w.settings.login, call.now_ms);
    if (!attempt) {
        const auto& f = attempt.failure();
        if (f.reason == Reason::Unavailable) return wsapi::databaseDown();
        return wsapi::failure(f.reason == Reason::Locked ? "locked" : "no such user");
    }
    Json o = Json::object();
    o.add("success", true);
    if (attempt->device) o.add("device", *attempt->device);
    return wsapi::jsonAnswer(o);
}

/// reset_failed_auth_tries: "epoch" is what the session is made under.
Step succeeded(const Writes& w, const Call& call) {
    accounts::LoginAttempt attempt;
    attempt.user.id = userOf(call);
    attempt.user.password_hash = call.text("hash");
    attempt.device = call.given("device");
    const auto epoch = w.writer.loginSucceeded(attempt, {call.given("rehash")}, call.now_ms);
    if (!epoch) return answerTo(epoch.failure());
    return wsapi::jsonAnswer(Json::object().add("success", true).add("epoch", *epoch));
}

Step usedAs(const Writes& w, const Call& call) {
    const auto address = accounts::Address::parse(call.text("email"));
    if (!address) return badAddress();
    const auto outcome =
        w.writer.setUsedAs(userOf(call), *address,
                           call.text("used_as") == "primary" ? accounts::AddressType::Primary
                                                             : accounts::AddressType::Secondary);
    if (outcome) return wsapi::success();
    if (outcome.failure().reason == Reason::Unavailable) return wsapi::databaseDown();
    return wsapi::refusal(400, "email does not belong to authenticated user");
}

}  // namespace

void addRoleCalls(wsapi::Api& api, const Writes& w) {
    api.on("increment_failed_auth_tries", [&w](Call& c) { return reserve(w, c); });
    api.on("reset_failed_auth_tries", [&w](Call& c) { return succeeded(w, c); });
    api.on("user_used_email_as", [&w](Call& c) { return usedAs(w, c); });
    api.on("saw_idp", [&w](Call& c) { return done(w.writer.sawIdp(c.text("domain"), c.now_ms)); });
    api.on("forget_idp", [&w](Call& c) {
        w.forget_provider(c.text("domain"));
        return done(w.writer.forgetIdp(c.text("domain")));
    });
    api.on("ping", [&w](Call&) -> Step {
        if (!w.reader.ping()) return wsapi::textAnswer(500, "fail");
        auto ok = wsapi::textAnswer(200, "ok");
        ok.content_type = "text/html; charset=utf-8";
        return ok;
    });
}

}  // namespace persona::dbwriter
