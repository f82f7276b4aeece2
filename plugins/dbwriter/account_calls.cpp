#include "plugins/dbwriter/notices.h"
#include "plugins/dbwriter/steps.h"

/// update_password, remove_email, account_cancel, and the word of primary providers (wsapi.md 4.2
/// to 4.4).
namespace persona::dbwriter {

namespace {

using accounts::Address;
using accounts::Reason;
using wsapi::Call;
using wsapi::Events;
using wsapi::Step;

wsapi::Answer busyJson() {
    auto a = wsapi::failure("server is too busy", 503);
    a.retry_after = "2";
    return a;
}

/// The same password again renews its hash alone; another one ends the other sessions. Tries at the
/// old one are counted as those of a sign-in are (W3).
Step updatePassword(const Writes& w, Call& call) {
    auto old_pass = std::make_shared<Secret>(call.text("oldpass"));
    auto new_pass = std::make_shared<Secret>(call.text("newpass"));
    return wsapi::onPasswords(
        [&w, old_pass, new_pass](Call& c) -> Step {
            const auto user = c.session.userid;
            const auto check = checkAccountPassword(w, c, user, old_pass->text());
            if (check.failure) return answerTo(*check.failure);
            if (!check.right) return wsapi::failure();
            const auto hash = w.hasher.hash(new_pass->text());
            if (!hash) {
                w.events.security(Events::Level::Alert, "BCRYPT_ERROR", "Error bcrypting password",
                                  &c.request);
                return wsapi::failure();
            }
            const bool another = old_pass->text() != new_pass->text();
            const auto epoch = w.writer.updatePassword(user, check.hash, *hash, another, c.now_ms);
            if (!epoch) return answerTo(epoch.failure());
            if (another) tell(w, c, mail::Kind::PasswordChanged, user, provenAddresses(w, user));
            signIn(w, c, user, *epoch, false);
            w.events.security(Events::Level::Warn, "AUTH_UPDATE", "Updated password for user",
                              &c.request);
            return wsapi::success();
        },
        busyJson());
}

Step removeEmail(const Writes& w, Call& call) {
    const auto address = Address::parse(call.text("email"));
    if (!address) return badAddress();
    const auto gone = w.writer.removeEmail(call.session.userid, *address, call.now_ms);
    if (!gone) {
        if (gone.failure().reason == Reason::Unavailable) {
            w.events.security(Events::Level::Alert, "REMOVE_EMAIL", "Error removing email",
                              &call.request);
            return wsapi::databaseDown();
        }
        return wsapi::refusal(
            400, "authenticated user doesn't have permission to remove specified email " +
                     call.text("email"));
    }
    w.events.security(Events::Level::Info, "REMOVE_EMAIL", "Removed user email", &call.request);
    // The last address took the account with it (W13).
    if (*gone) w.sessions.signOut(call.session, call.now_ms);
    return wsapi::success();
}

Step accountCancel(const Writes& w, Call& call) {
    auto owners = provenAddresses(w, call.session.userid);
    const auto gone = w.writer.cancelAccount(call.session.userid);
    if (!gone && gone.failure().reason != Reason::NotFound) {
        w.events.security(Events::Level::Alert, "ACCOUNT_CANCEL", "Error canceling account",
                          &call.request);
        return answerTo(gone.failure());
    }
    w.events.security(Events::Level::Warn, "ACCOUNT_CANCEL", "Canceled user account",
                      &call.request);
    if (gone) tell(w, call, mail::Kind::AccountClosed, call.session.userid, std::move(owners));
    w.sessions.signOut(call.session, call.now_ms);
    return wsapi::success();
}

Step addWithAssertion(const Writes& w, Call& call) {
    return wsapi::withProof(
        w.provider, w.proof(), call.text("assertion"), call.now_ms,
        [&w](Call& c, const wsapi::Proven& proven) -> Step {
            if (proven.busy) return wsapi::busy();
            const auto address = Address::parse(proven.email);
            if (!address) {
                w.events.security(Events::Level::Warn, "ASSERTION_ERROR", "Cannot verify assertion",
                                  &c.request);
                return wsapi::failure(proven.reason.empty() ? "invalid email in assertion"
                                                            : proven.reason);
            }
            const auto added = w.writer.addPrimaryEmail(c.session.userid, *address, c.now_ms);
            if (added) {
                if (*added) tell(w, c, mail::Kind::AddressMoved, 0, {address->spelling()});
                return wsapi::success();
            }
            w.events.security(Events::Level::Alert, "ADD_EMAIL",
                              "Failed to add primary email to account", &c.request);
            return answerTo(added.failure());
        });
}

Step usedAsPrimary(const Writes& w, Call& call) {
    const auto address = Address::parse(call.text("email"));
    if (!address) return badAddress();
    const auto owns = w.reader.userOwnsEmail(call.session.userid, *address);
    if (!owns) return wsapi::databaseDown();
    if (!*owns) return wsapi::refusal(400, "that email does not belong to you");
    return wsapi::withProvider(
        w.provider, call, std::string(address->domain()),
        [&w, address = *address](Call& c, const protocol::Discovered& found) -> Step {
            if (wsapi::supportOf(found) != wsapi::Support::Supported)
                return wsapi::refusal(400, "email is not a primary");
            const auto noted =
                w.writer.setUsedAs(c.session.userid, address, accounts::AddressType::Primary);
            if (noted) return wsapi::success();
            if (noted.failure().reason == Reason::Unavailable) return wsapi::databaseDown();
            return wsapi::refusal(500, "Unable to update database");
        });
}

/// For browserid, which has verified the assertion already: it is verified again, since only its
/// bearer may have this account, not every role.
Step createWithAssertion(const Writes& w, Call& call) {
    return wsapi::withProof(
        w.provider, w.proof(), call.text("assertion"), call.now_ms,
        [&w](Call& c, const wsapi::Proven& proven) -> Step {
            const auto address = Address::parse(proven.email);
            if (!address) return wsapi::refusal(500);
            const auto opened = w.writer.createUserWithPrimaryEmail(*address, c.now_ms);
            if (!opened) return answerTo(opened.failure());
            return wsapi::jsonAnswer(protocol::Json::object()
                                         .add("success", true)
                                         .add("userid", opened->user)
                                         .add("lastPasswordReset", opened->session_epoch));
        });
}

}  // namespace

void addAccountCalls(wsapi::Api& api, const Writes& w) {
    api.on("update_password", [&w](Call& c) { return updatePassword(w, c); });
    api.on("remove_email", [&w](Call& c) { return removeEmail(w, c); });
    api.on("account_cancel", [&w](Call& c) { return accountCancel(w, c); });
    api.on("add_email_with_assertion", [&w](Call& c) { return addWithAssertion(w, c); });
    api.on("used_address_as_primary", [&w](Call& c) { return usedAsPrimary(w, c); });
    api.on("create_account_with_assertion", [&w](Call& c) { return createWithAssertion(w, c); });
}

}  // namespace persona::dbwriter
