#include "plugins/dbwriter/steps.h"

/// The calls that stage an operation and mail its link (wsapi.md 4.3). Cheap checks come first,
/// then the password's hash on its own executor, then one transaction, then the mail.
namespace persona::dbwriter {

namespace {

using accounts::Address;
using accounts::Reason;
using protocol::Json;
using wsapi::Call;
using wsapi::Events;
using wsapi::Step;

/// T60 before any hashing; the transaction decides it once more.
std::optional<wsapi::Answer> refuseEarly(const Writes& w, const Call& call,
                                         const Address& address) {
    if (auto no = refuseSite(call)) return no;
    const auto staged = w.reader.stagedFor(address, call.now_ms);
    if (!staged) return wsapi::databaseDown();
    if (!*staged) return std::nullopt;
    const auto wait = w.limits.waitAfter((*staged)->created_ms, call.now_ms);
    if (wait == 0) return std::nullopt;
    return answerTo({Reason::Throttled, "", wait});
}

wsapi::Answer refused(const Writes& w, const Call& call, const accounts::Failure& failure) {
    if (failure.reason == Reason::Throttled)
        w.events.security(Events::Level::Alert, "EMAIL_LOAD", "Throttling email staging request",
                          &call.request);
    if (failure.reason == Reason::Unavailable)
        w.events.security(Events::Level::Alert, "DB_FAILURE", "Cannot stage user; dbwriter failure",
                          &call.request);
    return answerTo(failure);
}

/// Hashes on the passwords' executor and goes on with the hash.
Step hashed(const Writes& w, const SecretPtr& password,
            std::function<Step(Call&, const std::string& hash)> then) {
    return wsapi::onPasswords([&w, password, then = std::move(then)](Call& c) -> Step {
        const auto hash = w.hasher.hash(password->text());
        if (!hash) {
            w.events.security(Events::Level::Alert, "BCRYPT_ERROR", "Error bcrypting password",
                              &c.request);
            return wsapi::failure();
        }
        return then(c, *hash);
    });
}

Step hashAndStageUser(const Writes& w, const Call& call, const Address& address) {
    return hashed(
        w, std::make_shared<Secret>(call.text("pass")),
        [&w, address](Call& c, const std::string& hash) -> Step {
            const auto site = c.text("site");
            if (w.settings.allow_unverified && c.flag("allowUnverified")) {
                const auto staged =
                    w.writer.stageUnverified(address, hash, site, w.limits, c.now_ms);
                if (!staged) return refused(w, c, staged.failure());
                w.events.flow("stage_user.success");
                if (staged->user) {
                    c.session.pending.addition = staged->tokens.token;
                    return mailStaged(
                        w, c, mail::Kind::Confirm, address.spelling(), staged->tokens,
                        wsapi::jsonAnswer(
                            Json::object().add("success", true).add("unverified", true)));
                }
                c.session.pending.creation = staged->tokens.token;
                return mailStaged(w, c, mail::Kind::NewAccount, address.spelling(), staged->tokens);
            }
            const auto staged = w.writer.stageNewAccount(address, hash, site, w.limits, c.now_ms);
            if (!staged) return refused(w, c, staged.failure());
            w.events.flow("stage_user.success");
            c.session.pending.creation = staged->token;
            return mailStaged(w, c, mail::Kind::NewAccount, address.spelling(), *staged);
        });
}

Step stageUser(const Writes& w, Call& call) {
    w.sessions.signOut(call.session, call.now_ms);
    const auto address = Address::parse(call.text("email"));
    if (!address) return badAddress();
    if (auto no = refuseEarly(w, call, *address)) return *no;
    return unlessOffline(w, call, *address, [&w, address = *address](Call& c) {
        return hashAndStageUser(w, c, address);
    });
}

Step stageEmail(const Writes& w, Call& call) {
    const auto address = Address::parse(call.text("email"));
    if (!address) return badAddress();
    if (auto no = refuseEarly(w, call, *address)) return *no;
    const auto user = w.reader.user(call.session.userid);
    if (!user) return wsapi::databaseDown();
    const bool has = *user && (*user)->password_hash;
    const auto pass = call.given("pass");
    if (!has && !pass) return wsapi::failure("user must choose a password");
    if (has && pass) return wsapi::failure("a password may not be set at this time");
    const auto stage = [&w, address = *address](Call& c, std::optional<std::string> hash) -> Step {
        const auto staged = w.writer.stageEmail(c.session.userid, address, std::move(hash),
                                                c.text("site"), w.limits, c.now_ms);
        if (!staged) {
            const auto reason = staged.failure().reason;
            if (reason == Reason::PasswordRequired)
                return wsapi::failure("user must choose a password");
            if (reason == Reason::PasswordNotAllowed)
                return wsapi::failure("a password may not be set at this time");
            return refused(w, c, staged.failure());
        }
        w.events.flow("stage_email.success");
        c.session.pending.addition = staged->token;
        return mailStaged(w, c, mail::Kind::Confirm, address.spelling(), *staged);
    };
    return unlessOffline(w, call, *address, [&w, stage, pass](Call& c) -> Step {
        if (!pass) return stage(c, std::nullopt);
        return hashed(
            w, std::make_shared<Secret>(*pass),
            [stage](Call& next, const std::string& hash) -> Step { return stage(next, hash); });
    });
}

Step stageReverify(const Writes& w, Call& call) {
    const auto address = Address::parse(call.text("email"));
    if (!address) return badAddress();
    if (auto no = refuseSite(call)) return *no;
    const auto staged = w.writer.stageReverify(call.session.userid, *address, call.text("site"),
                                               w.limits, call.now_ms);
    if (!staged) {
        const auto reason = staged.failure().reason;
        if (reason == Reason::NotOwner || reason == Reason::NotFound)
            return wsapi::failure("you don't control that email address");
        if (reason == Reason::AlreadyVerified) return wsapi::failure("email is already verified");
        return refused(w, call, staged.failure());
    }
    w.events.flow("stage_reverify.success");
    call.session.pending.reverification = staged->token;
    return mailStaged(w, call, mail::Kind::Confirm, address->spelling(), *staged);
}

wsapi::Answer noSuchAddress() {
    auto a = wsapi::jsonAnswer(
        Json::object().add("reason", "No such email address.").add("success", false));
    a.outcome = wsapi::Outcome::AddressUnknown;
    return a;
}

Step stageReset(const Writes& w, Call& call) {
    const auto address = Address::parse(call.text("email"));
    if (!address) return badAddress();
    if (auto no = refuseEarly(w, call, *address)) return *no;
    w.sessions.signOut(call.session, call.now_ms);
    const auto staged =
        w.writer.stageReset(*address, call.text("site"), w.reset_limits, call.now_ms);
    if (!staged) {
        if (staged.failure().reason == Reason::NotFound) return noSuchAddress();
        return refused(w, call, staged.failure());
    }
    w.events.flow("stage_reset.success");
    call.session.pending.reset = staged->token;
    return mailStaged(w, call, mail::Kind::Reset, address->spelling(), *staged);
}

Step stageTransition(const Writes& w, Call& call) {
    const auto address = Address::parse(call.text("email"));
    if (!address) return badAddress();
    if (auto no = refuseEarly(w, call, *address)) return *no;
    const auto known = w.reader.emailInfo(*address);
    if (!known) return wsapi::databaseDown();
    w.sessions.signOut(call.session, call.now_ms);
    if (!*known) return noSuchAddress();
    return hashed(w, std::make_shared<Secret>(call.text("pass")),
                  [&w, address = *address](Call& c, const std::string& hash) -> Step {
                      const auto staged = w.writer.stageTransition(address, hash, c.text("site"),
                                                                   w.limits, c.now_ms);
                      if (!staged) {
                          if (staged.failure().reason == Reason::NotFound) return noSuchAddress();
                          return refused(w, c, staged.failure());
                      }
                      w.events.flow("stage_transition.success");
                      c.session.pending.reset = staged->token;
                      return mailStaged(w, c, mail::Kind::Transition, address.spelling(), *staged);
                  });
}

}  // namespace

void addStagingCalls(wsapi::Api& api, const Writes& w) {
    const auto on = [&](std::string_view name, Step (*stage)(const Writes&, Call&),
                        bool signs_out) {
        api.on(name, [&w, stage, signs_out](Call& c) -> Step {
            if (!c.asked("skip-mail") && !w.sender.full()) return stage(w, c);
            // Nothing is staged either: a link that was mailed before stays good.
            if (signs_out) w.sessions.signOut(c.session, c.now_ms);
            if (!c.asked("skip-mail")) return mailsWait(w, c);
            auto a = wsapi::success();
            a.outcome = wsapi::Outcome::MailSkipped;
            return a;
        });
    };
    on("stage_user", stageUser, true);
    on("stage_email", stageEmail, false);
    on("stage_reverify", stageReverify, false);
    on("stage_reset", stageReset, true);
    on("stage_transition", stageTransition, true);
}

}  // namespace persona::dbwriter
