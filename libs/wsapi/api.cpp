#include "libs/wsapi/api.h"

#include <stdexcept>

#include "libs/wsapi/arguments.h"
#include "libs/wsapi/seal.h"

namespace persona::wsapi {

namespace {
constexpr std::int64_t kSlide = 300'000;
}

bool Call::asked(std::string_view word) const {
    for (std::string_view rest = request.ask; !rest.empty();) {
        const auto end = rest.find_first_of(", ");
        if (rest.substr(0, end) == word) return true;
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    return false;
}

void Api::on(std::string_view name, Work work, bool blocks) {
    const auto* e = findEndpoint(name);
    if (e == nullptr || !servedBy(*e, options_.writes))
        throw std::logic_error("no call of this role: " + std::string(name));
    handlers_[std::string(name)] = {std::move(work), blocks};
}

std::vector<std::string> Api::missing() const {
    std::vector<std::string> out;
    for (const auto& e : endpoints())
        if (servedBy(e, options_.writes) && !handlers_.contains(e.name)) out.emplace_back(e.name);
    return out;
}

std::optional<Answer> Api::checkRole(const Call& call) const {
    if (options_.open_roles) return std::nullopt;
    const auto& r = call.request;
    const auto target = "/wsapi/" + r.op + (r.query.empty() ? "" : "?" + r.query);
    const auto why = options_.credentials->check({r.role, r.time, r.nonce, r.signature},
                                                 {{}, r.method, target, r.body}, options_.now_ms());
    if (why.empty()) return std::nullopt;
    if (options_.on_refused_role) options_.on_refused_role(r.op, why);
    return refusal(403, "only roles of this service may call this");
}

void Api::openSession(Call& call) const {
    auto opened = options_.sessions->open(call.request.cookie, call.now_ms);
    call.session = call.received = std::move(opened.session);
    call.replace_cookie = opened.replace;
    // A session in use does not end under its user's hands, unless it was to be a short one (W16).
    if (!call.session.ephemeral && call.session.expiresMs() - call.now_ms < kSlide)
        call.session.created_ms += kSlide;
}

std::optional<Answer> Api::checkAccount(Call& call) const {
    if (!call.session.authenticated()) return std::nullopt;
    const auto epoch = options_.epoch(call.session.userid);
    if (!epoch) return databaseDown();
    if (!*epoch || **epoch != call.session.epoch) {
        call.session = options_.sessions->fresh(call.now_ms);
        call.replace_cookie = true;
    }
    return std::nullopt;
}

std::optional<Answer> Api::checkRequest(const Call& call) const {
    const auto& e = *call.endpoint;
    const auto& s = call.session;
    if (e.method == "POST") {
        if (s.csrf.empty()) return refusal(403, "no cookie");
        const auto* given = call.parameters.findText("csrf");
        if (given == nullptr || !equalSecrets(*given, s.csrf))
            return refusal(400, "CSRF violation");
    }
    if ((e.auth == Auth::Assertion && !s.authenticated()) ||
        (e.auth == Auth::Password && s.level != Level::Password))
        return refusal(400, "requires authentication");
    if (const auto why = checkArguments(e, call.parameters); !why.empty()) return failure(why, 400);
    return std::nullopt;
}

Step Api::start(Call& call) const {
    call.now_ms = options_.now_ms();
    const auto& r = call.request;
    const auto handler = handlers_.find(r.op);
    const auto* e = findEndpoint(r.op);
    if (e == nullptr || handler == handlers_.end() || e->method != r.method)
        return refusal(400, "no such api");
    call.endpoint = e;
    auto parameters = readParameters(r.method, r.query, r.content_type, r.body);
    const Work& work = handler->second.work;
    if (e->internal()) {
        if (auto no = checkRole(call)) return *no;
        if (!parameters) return refusal(400, parameters.error());
        call.parameters = std::move(*parameters);
        if (const auto why = checkArguments(*e, call.parameters); !why.empty())
            return failure(why, 400);
        return {Where::Work, work, busy()};
    }
    if (!parameters) return refusal(400, parameters.error());
    call.parameters = std::move(*parameters);
    openSession(call);
    if (call.session.authenticated())
        return {Where::Work,
                [this, &work](Call& c) -> Step {
                    if (auto no = checkAccount(c)) return *no;
                    if (auto no = checkRequest(c)) return *no;
                    return work(c);
                },
                busy()};
    if (auto no = checkRequest(call)) return *no;
    if (!handler->second.blocks) return work(call);
    return {Where::Work, work, busy()};
}

std::optional<std::string> Api::classCookie(const Call& call) const {
    const auto& classes = *options_.classes;
    const auto& s = call.session;
    if (call.proven_addresses.empty() && !s.authenticated())
        return classes.signedOut(call.request.cookie, call.now_ms);
    const auto until = s.authenticated() ? s.expiresMs() : call.now_ms;
    if (call.proven_addresses.empty())
        return s == call.received && !classes.isForged(call.request.cookie)
                   ? std::nullopt
                   : classes.signedIn(call.request.cookie, "", until, call.now_ms);
    std::optional<std::string> set;
    for (const auto& address : call.proven_addresses) {
        // Each in the cookie that the one before would have made.
        auto next = classes.signedIn(set ? set->substr(0, set->find(';')) : call.request.cookie,
                                     address, until, call.now_ms);
        if (next) set = std::move(next);
    }
    return set;
}

void Api::finish(Call& call, Answer& answer) const {
    call.outcomes.note(answer.outcome);
    if (call.endpoint == nullptr || call.endpoint->internal()) return;
    // Another site can make a browser send a GET with its cookies, but not change them by it.
    if (call.endpoint->method == "GET" && call.request.fromElsewhere()) return;
    auto came = call.received;
    came.pending = call.session.pending;
    if (call.replace_cookie || !(call.session == came))
        answer.cookies.push_back(options_.sessions->write(call.session));
    if (!(call.session.pending == call.received.pending))
        answer.cookies.push_back(
            options_.sessions->writePending(call.session.pending, call.now_ms));
    if (auto c = classCookie(call)) answer.cookies.push_back(std::move(*c));
    for (auto& c : call.cookies) answer.cookies.push_back(std::move(c));
}

}  // namespace persona::wsapi
