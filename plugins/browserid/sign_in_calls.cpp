#include "plugins/browserid/password_check.h"
#include "plugins/browserid/reads.h"

/// authenticate_user, auth_with_assertion (wsapi.md 4.2).
namespace persona::browserid {

namespace {

using protocol::Json;
using wsapi::Answer;
using wsapi::Call;
using wsapi::Events;
using wsapi::Step;

/// One reason for all, unless the operator wants the original's (W6).
Answer refuse(const Reads& r, const Call& call, const PasswordCheck& check, bool known) {
    r.events.security(Events::Level::Warn, "AUTH_FAILURE", "User authentication failed",
                      &call.request);
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
            c.proven_addresses.push_back(c.text("email"));
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

Step signedInByProvider(const Reads& r, Call& call, const std::string& address, std::int64_t userid,
                        std::int64_t epoch) {
    call.proven_addresses.push_back(address);
    call.outcomes.note(wsapi::Outcome::AuthOk);
    r.sessions.signIn(call.session,
                      {userid, epoch, wsapi::Level::Assertion, call.flag("ephemeral"), true},
                      call.request.user_agent, call.now_ms);
    return wsapi::jsonAnswer(Json::object()
                                 .add("success", true)
                                 .add("userid", userid)
                                 .add("suppress_ask_if_users_computer",
                                      wsapi::SessionCookies::isFirefoxOs(call.request.user_agent)));
}

/// An address that nobody has proven yet: dbwriter verifies the assertion again and makes the
/// account. Its answer counts as it is; a read could come before the write (mozilla/persona#3309).
Step makeAccount(const Reads& r, Call& call, const std::string& address) {
    const auto made = r.write("create_account_with_assertion",
                              Json::object().add("assertion", call.text("assertion")));
    const auto json = made.json();
    const auto* userid = json ? json->find("userid") : nullptr;
    const auto* epoch = json ? json->find("lastPasswordReset") : nullptr;
    if (!made.succeeded() || userid == nullptr || epoch == nullptr)
        return wsapi::failure("internal error creating account");
    r.events.flow("idp.create_new_user");
    return signedInByProvider(r, call, address, static_cast<std::int64_t>(userid->number()),
                              static_cast<std::int64_t>(epoch->number()));
}

Step authWithAssertion(const Reads& r, Call& call) {
    return wsapi::withProof(r.provider, r.proof(), call.text("assertion"), call.now_ms,
                            [&r](Call& c, const wsapi::Proven& proven) -> Step {
                                if (proven.busy) return wsapi::busy();
                                if (proven.email.empty()) return wsapi::failure(proven.reason);
                                const auto address = accounts::Address::parse(proven.email);
                                if (!address) return wsapi::failure("invalid email in assertion");
                                const auto info = r.reader.emailInfo(*address);
                                if (!info) return wsapi::databaseDown();
                                // An account in which nobody has proven this address yet is not its
                                // owner's either.
                                if (!*info || !(*info)->verified)
                                    return makeAccount(r, c, proven.email);
                                const auto userid = (*info)->user;
                                const auto epoch = r.reader.sessionEpoch(userid);
                                if (!epoch) return wsapi::databaseDown();
                                if (!*epoch) return wsapi::failure("internal error");
                                if ((*info)->type == accounts::AddressType::Secondary)
                                    r.writeLater(c, "user_used_email_as",
                                                 Json::object()
                                                     .add("userid", userid)
                                                     .add("email", (*info)->address)
                                                     .add("used_as", "primary"));
                                return signedInByProvider(r, c, proven.email, userid, **epoch);
                            });
}

}  // namespace

void addSignInCalls(wsapi::Api& api, const Reads& r) {
    api.on("authenticate_user", [&r](Call& c) { return authenticate(r, c); });
    api.on("auth_with_assertion", [&r](Call& c) { return authWithAssertion(r, c); });
}

}  // namespace persona::browserid
