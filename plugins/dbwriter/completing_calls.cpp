#include "libs/wsapi/seal.h"
#include "plugins/dbwriter/notices.h"
#include "plugins/dbwriter/steps.h"

/// The calls by which a mailed token does its work (wsapi.md 4.3). A token is validated before it
/// is consumed (W8), tries at its password are counted (W3), and what is no token says so (W9).
namespace persona::dbwriter {

namespace {

using accounts::Completion;
using accounts::Outcome;
using accounts::Reason;
using accounts::StagedKind;
using wsapi::Call;
using wsapi::Step;

constexpr int kTriesPerToken = 10;

bool isOwn(const std::string& pending, const std::string& token) {
    return !pending.empty() && wsapi::equalSecrets(pending, token);
}

/// Ends a call whose operation was done: who did it is signed in.
Step completed(const Writes& w, Call& call, const Outcome<Completion>& done,
               std::string wsapi::Pending::*pending, bool renew, const char* event) {
    if (!done) {
        if (done.failure().reason != Reason::Unavailable && pending != nullptr)
            (call.session.pending.*pending).clear();
        return answerTo(done.failure());
    }
    if (pending != nullptr) (call.session.pending.*pending).clear();
    call.outcomes.note(wsapi::Outcome::TokenOk);
    call.proven_addresses.push_back(done->address);
    if (done->took) tell(w, call, mail::Kind::AddressMoved, 0, {done->address});
    signIn(w, call, done->user, done->session_epoch, renew);
    w.events.flow(event);
    return wsapi::success();
}

/// A reset or transition of that account; its other addresses, which it un-verifies, are told too.
Step completedReset(const Writes& w, Call& call, accounts::UserId user,
                    const std::optional<std::string>& hash, const char* event) {
    auto owners = provenAddresses(w, user);
    const auto done = w.writer.completeReset(call.text("token"), hash, call.now_ms);
    if (done) tell(w, call, mail::Kind::PasswordChanged, done->user, std::move(owners));
    return completed(w, call, done, &wsapi::Pending::reset, true, event);
}

/// Another browser than the one that staged: the password staged with the token is asked for.
Step byStagedPassword(const Writes& w, const SecretPtr& pass, std::function<Step(Call&)> then) {
    return wsapi::onPasswords([&w, pass, then = std::move(then)](Call& c) -> Step {
        const auto staged =
            w.writer.reserveStagedAttempt(c.text("token"), kTriesPerToken, c.now_ms);
        if (!staged) {
            if (staged.failure().reason != Reason::Locked) return answerTo(staged.failure());
            c.outcomes.note(wsapi::Outcome::Locked);
            return wsapi::refusal(401, "password mismatch");
        }
        if (!matches(w, pass->text(), staged->password_hash)) {
            c.outcomes.note(wsapi::Outcome::AuthFail);
            return wsapi::refusal(401, "password mismatch");
        }
        return then(c);
    });
}

Step completeUserCreation(const Writes& w, Call& call) {
    const auto finish = [&w](Call& c) -> Step {
        return completed(w, c, w.writer.completeNewAccount(c.text("token"), c.now_ms),
                         &wsapi::Pending::creation, true, "complete_user_creation.success");
    };
    if (isOwn(call.session.pending.creation, call.text("token"))) return finish(call);
    const auto pass = call.given("pass");
    if (!pass) return wsapi::refusal(401, "Provide your password");
    return byStagedPassword(w, std::make_shared<Secret>(*pass), finish);
}

/// stage_email, stage_reverify, unverified sign-ups. The initiator, signed in by password, needs to
/// show no more; else the password staged, or the account's where none was.
Step completeEmailConfirmation(const Writes& w, Call& call) {
    const auto token = call.text("token");
    const auto staged = w.reader.staged(token, call.now_ms);
    if (!staged) return answerTo(staged.failure());
    if (staged->kind != StagedKind::Unverified && staged->kind != StagedKind::AddEmail &&
        staged->kind != StagedKind::Reverify)
        return wsapi::noSuchToken();
    const auto finishBy = [&w](accounts::ShownBy shown) {
        return [&w, shown](Call& c) -> Step {
            return completed(w, c, w.writer.completeEmail(c.text("token"), shown, c.now_ms),
                             nullptr, false, "complete_email_confirmation.success");
        };
    };
    if (call.session.level == wsapi::Level::Password && staged->user == call.session.userid)
        return finishBy(accounts::ShownBy::Session)(call);
    const auto finish = finishBy(accounts::ShownBy::Password);
    const auto pass = call.given("pass");
    if (!pass) return wsapi::refusal(401, "password required");
    auto secret = std::make_shared<Secret>(*pass);
    if (staged->password_hash) return byStagedPassword(w, secret, finish);
    return wsapi::onPasswords(
        [&w, secret, user = staged->user.value_or(0), finish](Call& c) -> Step {
            const auto check = checkAccountPassword(w, c, user, secret->text());
            if (check.failure) return answerTo(*check.failure);
            if (!check.right) return wsapi::refusal(401, "password mismatch");
            return finish(c);
        });
}

/// A row without a hash is a reset: the password given is the new one, in any browser. One with a
/// hash is a transition that came here.
Step completeReset(const Writes& w, Call& call) {
    const auto token = call.text("token");
    const auto staged = w.reader.staged(token, call.now_ms);
    if (!staged) return answerTo(staged.failure());
    if (staged->kind != StagedKind::Reset && staged->kind != StagedKind::Transition)
        return wsapi::noSuchToken();
    const auto pass = call.given("pass");
    const auto finish = [&w, user = staged->user.value_or(0)](
                            Call& c, const std::optional<std::string>& hash) -> Step {
        return completedReset(w, c, user, hash, "complete_reset.success");
    };
    if (staged->password_hash) {
        const auto transition = [finish](Call& c) -> Step { return finish(c, std::nullopt); };
        if (isOwn(call.session.pending.reset, token)) return transition(call);
        if (!pass) return wsapi::refusal(401, "Provide your password");
        return byStagedPassword(w, std::make_shared<Secret>(*pass), transition);
    }
    if (!pass) return wsapi::refusal(401, "Provide your password");
    auto secret = std::make_shared<Secret>(*pass);
    return wsapi::onPasswords([&w, secret, finish](Call& c) -> Step {
        const auto hash = w.hasher.hash(secret->text());
        if (!hash) {
            w.events.security(wsapi::Events::Level::Alert, "BCRYPT_ERROR",
                              "Error bcrypting password", &c.request);
            return wsapi::failure();
        }
        return finish(c, *hash);
    });
}

Step completeTransition(const Writes& w, Call& call) {
    const auto finish = [&w](Call& c) -> Step {
        const auto staged = w.reader.staged(c.text("token"), c.now_ms);
        if (!staged) {
            if (staged.failure().reason != Reason::Unavailable) c.session.pending.reset.clear();
            return answerTo(staged.failure());
        }
        if (staged->kind != StagedKind::Transition) return wsapi::noSuchToken();
        return completedReset(w, c, staged->user.value_or(0), std::nullopt,
                              "complete_transition.success");
    };
    if (isOwn(call.session.pending.reset, call.text("token"))) return finish(call);
    const auto pass = call.given("pass");
    if (!pass) return wsapi::refusal(401, "Provide your password");
    return byStagedPassword(w, std::make_shared<Secret>(*pass), finish);
}

}  // namespace

void addCompletingCalls(wsapi::Api& api, const Writes& w) {
    api.on("complete_user_creation", [&w](Call& c) { return completeUserCreation(w, c); });
    api.on("complete_email_confirmation",
           [&w](Call& c) { return completeEmailConfirmation(w, c); });
    api.on("complete_reset", [&w](Call& c) { return completeReset(w, c); });
    api.on("complete_transition", [&w](Call& c) { return completeTransition(w, c); });
}

}  // namespace persona::dbwriter
