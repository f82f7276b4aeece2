#include "plugins/dbwriter/steps.h"

/// stage_unblock, complete_unblock, report_not_me (wsapi.md, Decisions, "Mail step-up").
namespace persona::dbwriter {

namespace {

using wsapi::Call;
using wsapi::Step;

/// Answers alike whatever becomes of it: who asks for a stranger's address learns nothing.
Step stageUnblock(const Writes& w, Call& call) {
    const auto address = accounts::Address::parse(call.text("email"));
    if (!address) return badAddress();
    auto skipped = wsapi::success();
    skipped.outcome = wsapi::Outcome::MailSkipped;
    if (call.asked("skip-mail")) return skipped;
    if (w.sender.full()) return mailsWait(w, call);
    const auto staged = w.writer.stageUnblock(*address, w.reset_limits, call.now_ms);
    if (!staged) {
        if (staged.failure().reason == accounts::Reason::Unavailable) return wsapi::databaseDown();
        return skipped;
    }
    if (!*staged) return skipped;
    w.events.flow("stage_unblock.success");
    return mailStaged(w, call, mail::Kind::Unblock, address->spelling(), **staged);
}

Step completeUnblock(const Writes& w, Call& call) {
    const auto user = w.writer.completeUnblock(call.text("token"), call.now_ms);
    if (!user) return answerTo(user.failure());
    if (const auto emails = w.reader.listEmails(*user)) call.proven_addresses = *emails;
    call.outcomes.note(wsapi::Outcome::TokenOk);
    if (auto device = w.devices.issue(call.request.cookie, *user, call.now_ms))
        call.cookies.push_back(std::move(*device));
    w.events.flow("complete_unblock.success");
    return wsapi::success();
}

Step reportNotMe(const Writes& w, Call& call) {
    const auto done = w.writer.reportNotMe(call.text("token"), call.now_ms);
    if (!done) return answerTo(done.failure());
    call.outcomes.note(wsapi::Outcome::TokenOk);
    w.events.security(wsapi::Events::Level::Warn, "NOT_ME", "An operation was disowned",
                      &call.request);
    return wsapi::success();
}

}  // namespace

void addStepUpCalls(wsapi::Api& api, const Writes& w) {
    api.on("stage_unblock", [&w](Call& c) { return stageUnblock(w, c); });
    api.on("complete_unblock", [&w](Call& c) { return completeUnblock(w, c); });
    api.on("report_not_me", [&w](Call& c) { return reportNotMe(w, c); });
}

}  // namespace persona::dbwriter
