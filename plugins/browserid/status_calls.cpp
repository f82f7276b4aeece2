#include "libs/wsapi/seal.h"
#include "plugins/browserid/reads.h"

/// The polls of a browser that waits for a mailed link to be clicked, and what such a link is
/// about (wsapi.md 4.3, 4.4). None of them consumes a token or sets a cookie: of two answers that
/// are on their way at once the later one would win (docs/decisions/0130).
namespace persona::browserid {

namespace {

using protocol::Json;
using wsapi::Call;
using wsapi::Step;

Step status(const char* text) {
    return wsapi::jsonAnswer(Json::object().add("status", text));
}
Step complete(const Call& call) {
    return wsapi::jsonAnswer(
        Json::object().add("status", "complete").add("userid", call.session.userid));
}
Step badAddress() {
    return wsapi::failure("email: ValidatorError: Invalid email", 400);
}

/// Pending, or not any more; empty: the database does not answer.
std::optional<bool> isPending(const Reads& r, const std::string& token, std::int64_t now_ms) {
    if (token.empty()) return false;
    const auto staged = r.reader.staged(token, now_ms);
    if (staged) return true;
    if (staged.failure().reason == accounts::Reason::Unavailable) return std::nullopt;
    return false;
}

Step userCreation(const Reads& r, Call& call) {
    const auto address = accounts::Address::parse(call.text("email"));
    if (!address) return badAddress();
    if (call.session.authenticated()) {
        const auto owns = r.reader.userOwnsEmail(call.session.userid, *address);
        if (!owns) return wsapi::databaseDown();
        if (*owns) return complete(call);
    }
    const auto pending = isPending(r, call.session.pending.creation, call.now_ms);
    if (!pending) return wsapi::databaseDown();
    if (*pending) return status("pending");
    return status("mustAuth");
}

Step emailAddition(const Reads& r, Call& call) {
    const auto address = accounts::Address::parse(call.text("email"));
    if (!address) return badAddress();
    const auto owns = r.reader.userOwnsEmail(call.session.userid, *address);
    if (!owns) return wsapi::databaseDown();
    if (*owns) return status("complete");
    const auto pending = isPending(r, call.session.pending.addition, call.now_ms);
    if (!pending) return wsapi::databaseDown();
    if (*pending) return status("pending");
    return status("failed");
}

/// Of the caller's own addresses alone: what others have verified is not for them to know (W6).
Step emailReverify(const Reads& r, Call& call) {
    const auto address = accounts::Address::parse(call.text("email"));
    if (!address) return badAddress();
    const auto info = r.reader.emailInfo(*address);
    if (!info) return wsapi::databaseDown();
    if (!*info || (*info)->user != call.session.userid) return status("failed");
    if (!(*info)->verified) return status("pending");
    return status("complete");
}

/// password_reset_status and transition_status. A stranger sees "pending" only for what this
/// browser has staged itself: else the answer would say whether an address is known (W6).
Step reset(const Reads& r, Call& call) {
    const auto address = accounts::Address::parse(call.text("email"));
    if (!address) return badAddress();
    const auto pending = isPending(r, call.session.pending.reset, call.now_ms);
    if (!pending) return wsapi::databaseDown();
    if (*pending) return status("pending");
    if (call.session.authenticated()) {
        const auto staged = r.reader.stagedFor(*address, call.now_ms);
        const auto owns = r.reader.userOwnsEmail(call.session.userid, *address);
        if (!staged || !owns) return wsapi::databaseDown();
        if (*owns) return *staged ? status("pending") : complete(call);
    }
    return status("mustAuth");
}

/// Whether the page behind a link has to ask for the password: not in the browser that staged it.
bool mustAuthenticate(const Call& call, const accounts::Staged& staged, const std::string& token) {
    const auto& s = call.session;
    const auto is = [&](const std::string& own) {
        return !own.empty() && wsapi::equalSecrets(own, token);
    };
    if (is(s.pending.creation) || is(s.pending.reset)) return false;
    return !((is(s.pending.reverification) || is(s.pending.addition)) &&
             s.level == wsapi::Level::Password && staged.user == s.userid);
}

Step emailForToken(const Reads& r, Call& call) {
    const auto token = call.text("token");
    const auto staged = r.reader.staged(token, call.now_ms);
    if (!staged)
        return staged.failure().reason == accounts::Reason::Unavailable ? wsapi::databaseDown()
                                                                        : wsapi::noSuchToken();
    call.outcomes.note(wsapi::Outcome::TokenOk);
    return wsapi::jsonAnswer(Json::object()
                                 .add("success", true)
                                 .add("email", staged->address)
                                 .add("must_auth", mustAuthenticate(call, *staged, token))
                                 .add("needs_password", !staged->password_hash.has_value()));
}

}  // namespace

void addStatusCalls(wsapi::Api& api, const Reads& r) {
    api.on("user_creation_status", [&r](Call& c) { return userCreation(r, c); });
    api.on("email_addition_status", [&r](Call& c) { return emailAddition(r, c); });
    api.on("email_reverify_status", [&r](Call& c) { return emailReverify(r, c); });
    api.on("password_reset_status", [&r](Call& c) { return reset(r, c); });
    api.on("transition_status", [&r](Call& c) { return reset(r, c); });
    api.on("email_for_token", [&r](Call& c) { return emailForToken(r, c); });
}

}  // namespace persona::browserid
