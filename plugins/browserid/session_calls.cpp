#include "libs/protocol/base64url.h"
#include "libs/wsapi/seal.h"
#include "plugins/browserid/password_check.h"
#include "plugins/browserid/reads.h"

/// session_context, ping, list_emails, logout, prolong_session, interaction_data (wsapi.md 4.1).
namespace persona::browserid {

namespace {

using protocol::Json;
using wsapi::Call;
using wsapi::Step;

double sampleRate(const Reads& r, std::string_view agent) {
    for (const auto& [text, rate] : r.sample_rate_per_agent)
        if (agent.find(text) != std::string_view::npos) return rate;
    return r.data_sample_rate;
}

/// A dialog tells the site that opened it; mails name that site and no other (W32). What another
/// site makes a browser ask is not kept: Api::finish.
void noteOrigin(Call& call) {
    const auto origin = call.text("origin");
    if (origin.empty()) return;
    auto& known = call.session.origins;
    std::erase(known, origin);
    known.insert(known.begin(), origin);
    if (known.size() > 3) known.resize(3);
}

Step sessionContext(const Reads& r, Call& call) {
    bool has_password = false;
    if (call.session.authenticated()) {
        const auto user = r.reader.user(call.session.userid);
        if (!user) return wsapi::databaseDown();
        if (*user)
            has_password = (*user)->password_hash.has_value();
        else
            r.sessions.signOut(call.session, call.now_ms);
    }
    if (call.session.csrf.empty())
        call.session.csrf = protocol::encodeBase64Url(wsapi::randomOctets(18));
    noteOrigin(call);
    const auto& s = call.session;
    Json o = Json::object();
    o.add("csrf_token", s.csrf).add("server_time", call.now_ms);
    o.add("authenticated", s.authenticated());
    if (s.authenticated())
        o.add("auth_level", s.level == wsapi::Level::Password ? "password" : "assertion");
    o.add("has_password", has_password);
    o.add("domain_key_creation_time", r.domain_keys.keys()->oldestMs());
    o.add("random_seed", wsapi::encodeBase64(wsapi::randomOctets(32)));
    o.add("data_sample_rate", sampleRate(r, call.request.user_agent));
    o.add("cookies", s.authenticated() ||
                         wsapi::cookieValue(call.request.cookie, "can_set_cookies").has_value());
    if (!r.code_version.empty()) o.add("code_version", r.code_version);
    if (s.authenticated()) o.add("userid", s.userid);
    Json algorithms = Json::array();
    for (const auto& a : r.user_key_algs) algorithms.push(a);
    o.add("user_key_algs", std::move(algorithms));
    return wsapi::jsonAnswer(o);
}

Step listEmails(const Reads& r, Call& call) {
    const auto emails = r.reader.listEmails(call.session.userid);
    if (!emails) return wsapi::databaseDown();
    Json list = Json::array();
    for (const auto& e : *emails) list.push(e);
    return wsapi::jsonAnswer(Json::object().add("success", true).add("emails", std::move(list)));
}

/// A long session stays long. A short one was asked for on a computer that others use: who wants
/// it longer shows the password again (W33).
Step prolong(const Reads& r, Call& call) {
    const auto done = [&r](Call& c) -> Step {
        r.sessions.renew(c.session, false, c.request.user_agent, c.now_ms);
        return wsapi::textAnswer(200, "OK");
    };
    if (!call.session.ephemeral) return done(call);
    const auto pass = call.given("pass");
    if (!pass) return wsapi::refusal(401, "password required");
    return checkPassword(r, call, call.session.userid, *pass,
                         [done](Call& c, const PasswordCheck& check) -> Step {
                             if (check.unavailable) return wsapi::databaseDown();
                             if (!check.right) return wsapi::refusal(401, "password mismatch");
                             return done(c);
                         });
}

}  // namespace

void addSessionCalls(wsapi::Api& api, const Reads& r) {
    api.on(
        "session_context", [&r](Call& c) { return sessionContext(r, c); }, false);
    api.on("ping", [&r](Call&) -> Step {
        if (!r.reader.ping()) return wsapi::textAnswer(500, "fail");
        auto ok = wsapi::textAnswer(200, "ok");
        ok.content_type = "text/html; charset=utf-8";
        return ok;
    });
    api.on("list_emails", [&r](Call& c) { return listEmails(r, c); });
    api.on("logout", [&r](Call& c) -> Step {
        r.sessions.signOut(c.session, c.now_ms);
        r.events.security(wsapi::Events::Level::Info, "USER_LOGOUT", "User logout", &c.request);
        return wsapi::success();
    });
    api.on("prolong_session", [&r](Call& c) { return prolong(r, c); });
    api.on(
        "interaction_data",
        [&r](Call& c) -> Step {
            if (const auto* data = c.parameters.find("data"); data != nullptr)
                c.after.emplace_back([&r, data = *data, agent = c.request.user_agent] {
                    r.measurements.take(data, agent);
                });
            return wsapi::success();
        },
        false);
}

}  // namespace persona::browserid
