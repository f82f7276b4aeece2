#include "plugins/dbwriter/steps.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "libs/mail/locale.h"
#include "libs/protocol/names.h"

namespace persona::dbwriter {

using accounts::Reason;
using wsapi::Outcome;

Secret::~Secret() {
    OPENSSL_cleanse(text_.data(), text_.size());
}

wsapi::Answer badAddress() {
    return wsapi::failure("email: ValidatorError: Invalid email", 400);
}

wsapi::Answer answerTo(const accounts::Failure& failure) {
    switch (failure.reason) {
        case Reason::Unavailable:
            return wsapi::databaseDown();
        case Reason::Throttled: {
            auto a = wsapi::refusal(429, "Too many emails sent to that address, try again later.");
            a.outcome = Outcome::MailSkipped;
            if (failure.retry_after_ms > 0)
                a.retry_after = std::to_string((failure.retry_after_ms + 999) / 1'000);
            return a;
        }
        case Reason::NoSuchToken:
        case Reason::AlreadyUsed:
        case Reason::WrongKind:
        case Reason::Stale:
            return wsapi::noSuchToken();
        default:
            return wsapi::failure();
    }
}

wsapi::Answer mailsWait(const Writes& w, const wsapi::Call& call) {
    w.events.security(wsapi::Events::Level::Alert, "LOAD_HIGH", "No room for mail", &call.request);
    auto a = wsapi::busy();
    // What was staged is throttled as long.
    a.retry_after = std::to_string(std::max<std::int64_t>(2, w.limits.min_interval_ms / 1'000));
    a.outcome = Outcome::MailSkipped;
    return a;
}

wsapi::Answer mailStaged(const Writes& w, wsapi::Call& call, mail::Kind kind,
                         const std::string& address, const accounts::StagedTokens& tokens,
                         wsapi::Answer answer) {
    mail::Message m;
    m.kind = kind;
    m.to = address;
    m.site = call.text("site");
    m.token = tokens.token;
    m.not_me_token = tokens.not_me;
    m.locale = mail::chooseLocale(call.request.accept_language, w.languages, w.default_language);
    m.background_color = call.text("backgroundColor");
    m.site_logo = call.text("siteLogo");
    m.valid_for_ms = std::max<std::int64_t>(1'000, tokens.expires_ms - call.now_ms);
    const auto sent = w.sender.send(m);
    if (sent) {
        call.outcomes.note(Outcome::MailSent);
        return answer;
    }
    w.warn("mail '" + std::string(mail::nameOf(kind)) + "' was not taken: " + sent.error());
    return mailsWait(w, call);
}

void signIn(const Writes& w, wsapi::Call& call, std::int64_t user, std::int64_t epoch, bool renew) {
    call.outcomes.note(Outcome::AuthOk);
    w.sessions.signIn(call.session, {user, epoch, wsapi::Level::Password, false, renew},
                      call.request.user_agent, call.now_ms);
    if (auto device = w.devices.issue(call.request.cookie, user, call.now_ms))
        call.cookies.push_back(std::move(*device));
}

bool matches(const Writes& w, const std::string& password, const std::optional<std::string>& hash) {
    if (hash) return w.hasher.verify(password, *hash);
    w.hasher.verifyDummy(password);
    return false;
}

AccountCheck checkAccountPassword(const Writes& w, wsapi::Call& call, std::int64_t user,
                                  const std::string& password) {
    AccountCheck out;
    const auto wrong = [&](Outcome outcome) {
        call.outcomes.note(outcome);
        return out;
    };
    auto attempt =
        w.writer.reserveLoginAttempt(user, w.devices.find(call.request.cookie, user, call.now_ms),
                                     w.settings.login, call.now_ms);
    if (!attempt) {
        if (attempt.failure().reason == Reason::Unavailable)
            out.failure = attempt.failure();
        else
            w.hasher.verifyDummy(password);
        return wrong(out.failure ? Outcome::None : Outcome::Locked);
    }
    if (!matches(w, password, attempt->user.password_hash)) return wrong(Outcome::AuthFail);
    const auto epoch = w.writer.loginSucceeded(*attempt, {}, call.now_ms);
    if (!epoch) {
        if (epoch.failure().reason == Reason::Unavailable) out.failure = epoch.failure();
        return out;
    }
    out.right = true;
    out.epoch = *epoch;
    out.hash = *attempt->user.password_hash;
    return out;
}

wsapi::Step unlessOffline(const Writes& w, const wsapi::Call& call,
                          const accounts::Address& address, wsapi::Work then) {
    const std::string domain(address.domain());
    const auto seen = w.reader.idpLastSeen(domain);
    if (!seen) return wsapi::databaseDown();
    if (!*seen || call.now_ms - **seen >= w.settings.grace_ms)
        return {wsapi::Where::Work, std::move(then), wsapi::busy()};
    return wsapi::withProvider(
        w.provider, call, domain,
        [&w, seen = *seen, then = std::move(then)](
            wsapi::Call& c, const protocol::Discovered& found) -> wsapi::Step {
            if (wsapi::isOffline(wsapi::supportOf(found), seen, c.now_ms, w.settings.grace_ms))
                return wsapi::refusal(400, "that email is backed by a primary");
            return then(c);
        });
}

std::optional<wsapi::Answer> refuseSite(const wsapi::Call& call) {
    const auto& known = call.session.origins;
    const auto site = protocol::toLower(call.text("site"));
    if (known.empty() || std::any_of(known.begin(), known.end(), [&](const std::string& origin) {
            return protocol::toLower(origin) == site;
        }))
        return std::nullopt;
    return wsapi::failure("site: not the one that opened the dialog", 400);
}

}  // namespace persona::dbwriter
