#include "bench/abuse/src/stub.h"

#include <algorithm>

#include "bench/abuse/src/assertions.h"

namespace persona::abuse {

namespace {

constexpr Micros kSecond = 1'000'000;
constexpr std::uint32_t kOldLimit = 10;  // at which the original locked an account for ever

std::string queryValue(std::string_view query, std::string_view key) {
    while (!query.empty()) {
        const auto one = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), one.size() + 1));
        if (one.size() <= key.size() || one.substr(0, key.size()) != key || one[key.size()] != '=')
            continue;
        std::string out(one.substr(key.size() + 1));
        const auto at = out.find("%40");
        if (at != std::string::npos) out.replace(at, 3, "@");
        return out;
    }
    return {};
}

std::string_view domainOf(std::string_view email) {
    const auto at = email.rfind('@');
    return at == std::string_view::npos ? email : email.substr(at + 1);
}

}  // namespace

Stub::Stub(Loop& loop, const StubSettings& s)
    : loop_(loop),
      settings_(s),
      cookies_(s.secret_file),
      api_(s.api_cores, s.longest_wait_us),
      hashes_(s.hash_cores, s.longest_wait_us),
      outbound_(64, s.longest_wait_us) {}

void Stub::serve(const std::shared_ptr<Exchange>& place, const Message& request) {
    const auto target = request.target();
    const auto path = target.substr(0, target.find('?'));
    const auto* route = findRoute(request.method(), path);
    if (route == nullptr)
        route = &info(path.starts_with("/wsapi")         ? Route::UnknownCall
                      : path.starts_with("/production/") ? Route::Static
                                                         : Route::UnknownPath);
    ++requests_;
    const auto query = target.substr(std::min(path.size() + 1, target.size()));
    auto answer = act({*route, request, query, request.field("cookie")});
    answer.work += route->cost_us;
    const auto now = loop_.clock();
    auto done = api_.take(now, answer.work);
    if (done && answer.hash > 0) done = hashes_.take(*done, answer.hash);
    if (done && answer.outbound > 0) done = outbound_.take(*done, answer.outbound);
    if (!done) {
        ++busy_;
        answer = {503, R"({"success":false,"reason":"server is too busy"})", "", Outcome::Busy};
        answer.work = route->cost_us;
        done = now + 100;
    }
    const auto waited =
        std::max<Micros>(0, *done - now - answer.work - answer.hash - answer.outbound);
    const auto cost = std::to_string(answer.work + answer.hash);
    std::string fields = std::move(answer.fields);
    fields += "X-Aastub: " + cost + ";" + name(answer.outcome) + "\r\nBID-AA-Cost-Us: " + cost +
              "\r\nBID-AA-Queue-Us: " + std::to_string(waited) +
              "\r\nCache-Control: no-cache, max-age=0\r\n";
    if (answer.outcome != Outcome::None && answer.outcome != Outcome::Busy)
        fields += std::string("BID-AA-Outcome: ") + name(answer.outcome) + "\r\n";
    loop_.at(*done, [place, text = response(answer.status, answer.type, answer.body, fields)] {
        place->answer(text);
    });
}

Stub::Answer Stub::act(const Asked& a) {
    using enum Route;
    const auto& body = a.request.body;
    switch (a.route.route) {
        case SessionContext:
            return context(a);
        case AddressInfo:
        case HaveEmail:
        case Discovery:
            return lookup(a);
        case Verify:
            return verify(a);
        case UnknownCall:
            return {400, "Bad Request: no such api", "", Outcome::None, 0, 0, 0, "text/plain"};
        case UnknownPath:
            return {404, "Not Found", "", Outcome::None, 0, 0, 0, "text/plain"};
        case Root:
        case IncludeJs:
        case SignInView:
        case Static:
            return {200, std::string(2'000, ' '), "", Outcome::None, 0, 0, 0, "text/html"};
        default:
            break;
    }
    auto session = cookies_.session(a.cookie);
    if (a.route.post) {
        if (!session)
            return {403, "Forbidden: no cookie", "", Outcome::None, 0, 0, 0, "text/plain"};
        if (jsonValue(body, "csrf") != session->csrf())
            return {400, "Bad Request: CSRF violation", "", Outcome::None, 0, 0, 0, "text/plain"};
    }
    const bool needs_account = a.route.route == ListEmails || a.route.route == CertKey ||
                               a.route.route == StageEmail || a.route.route == AdditionStatus ||
                               a.route.route == UpdatePassword || a.route.route == Logout;
    if (needs_account && !(session && session->account))
        return {400,         "Bad Request: requires authentication", "", Outcome::None, 0, 0, 0,
                "text/plain"};
    switch (a.route.route) {
        case Authenticate:
            return logIn(a, *session);
        case StageUser:
        case StageReset:
        case StageEmail:
        case StageUnblock:
            return stage(a, jsonValue(body, "email"));
        case CompleteUserCreation:
        case CompleteReset:
        case CompleteConfirmation:
        case CompleteUnblock:
            return complete(a, std::move(*session));
        case UserCreationStatus:
        case ResetStatus:
        case AdditionStatus: {
            const auto box = mailboxes_.find(queryValue(a.query, "email"));
            const bool pending = box != mailboxes_.end() && box->second.staged;
            return {200, pending ? R"({"status":"pending"})" : R"({"status":"complete"})"};
        }
        case EmailForToken: {
            const bool good = tokens_.contains(queryValue(a.query, "token"));
            Answer out{200, good ? R"({"success":true})" : R"({"success":false})"};
            out.outcome = good ? Outcome::TokenOk : Outcome::TokenBad;
            return out;
        }
        case UpdatePassword: {
            Answer out;
            out.hash = a.route.hashes * settings_.hash_us;
            return out;
        }
        default:
            return {};
    }
}

Stub::Answer Stub::context(const Asked& a) {
    auto session = cookies_.session(a.cookie);
    Answer out;
    if (!session) {
        session = cookies_.fresh(std::nullopt);
        out.fields = cookies_.set(*session, a.cookie, "");
    }
    out.body =
        R"({"csrf_token":")" + session->csrf() +
        R"(","server_time":1400000000000,"authenticated":)" +
        (session->account ? "true" : "false") +
        R"(,"domain_key_creation_time":1400000000000,"random_seed":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","data_sample_rate":0,"cookies":true})";
    return out;
}

void Stub::discover(std::string_view host, Answer& answer) {
    if (host.ends_with(".example")) return;
    // Somebody else's host: the original went and asked it, up to six times, eight seconds each.
    ++fetches_;
    private_fetches_ += isPrivateHost(host) ? 1 : 0;
    answer.outbound = 3 * kSecond;
    answer.outcome = Outcome::WkMiss;
}

Stub::Answer Stub::lookup(const Asked& a) {
    const auto email = queryValue(a.query, a.route.route == Route::Discovery ? "domain" : "email");
    const bool is_known = known(email);
    Answer out;
    if (a.route.route == Route::HaveEmail)
        out.body = is_known ? R"({"email_known":true})" : R"({"email_known":false})";
    else
        out.body =
            std::string(R"({"type":"secondary","issuer":"127.0.0.1","disabled":false,"state":")") +
            (is_known ? "known" : "unknown") + "\"}";
    // What the enumeration guard has to learn; the browser is told no more than before.
    out.outcome = is_known ? Outcome::AddressKnown : Outcome::AddressUnknown;
    if (a.route.route != Route::HaveEmail) discover(domainOf(email), out);
    return out;
}

Stub::Answer Stub::logIn(const Asked& a, const Cookies::Session& session) {
    const auto email = jsonValue(a.request.body, "email");
    const auto account = accountOf(email);
    Answer out;
    out.hash = settings_.hash_us;  // unknown addresses cost the same: no clock tells them apart
    if (known(email) && jsonValue(a.request.body, "pass") == passwordOf(account)) {
        ++logins_;
        failures_.erase(account);
        auto in = session;
        in.account = account;
        out.fields = cookies_.set(in, a.cookie, email);
        out.body = R"({"success":true,"userid":)" + std::to_string(account) + "}";
        out.outcome = Outcome::AuthOk;
        return out;
    }
    out.body = R"({"success":false,"reason":"no such user, or a wrong password"})";
    out.outcome = known(email) ? Outcome::AuthFail : Outcome::AuthUnknown;
    if (known(email) && ++failures_[account] == kOldLimit) ++lockouts_;
    return out;
}

Stub::Answer Stub::stage(const Asked& a, const std::string& email) {
    Answer out;
    out.hash = a.route.hashes * settings_.hash_us;
    const bool must_exist =
        a.route.route == Route::StageReset || a.route.route == Route::StageUnblock;
    if (must_exist && !known(email)) {  // answered like success, and nothing is sent
        out.outcome = Outcome::MailSkipped;
        return out;
    }
    auto& box = mailboxes_[email];
    const auto now = loop_.now();
    if (box.last >= 0 && box.staged && now - box.last < settings_.mail_interval_s * kSecond)
        return {429, "Too Many Requests: Too many emails sent to that address, try again later.",
                "",  Outcome::MailSkipped,
                0,   0,
                0,   "text/plain"};
    box.last = now;
    box.staged = true;
    box.sent.push_back(now);
    ++mails_;
    tokens_[tokenOf(email)] = email;
    out.outcome = Outcome::MailSent;
    return out;
}

Stub::Answer Stub::complete(const Asked& a, Cookies::Session session) {
    Answer out;
    const auto token = tokens_.find(jsonValue(a.request.body, "token"));
    if (token == tokens_.end()) {
        out.body = R"({"success":false})";
        out.outcome = Outcome::TokenBad;
        return out;
    }
    out.hash = a.route.hashes * settings_.hash_us;
    auto& box = mailboxes_[token->second];
    box.staged = false;
    failures_.erase(accountOf(token->second));
    // The link of a step-up makes the browser known; all others sign in besides.
    if (a.route.route != Route::CompleteUnblock) session.account = accountOf(token->second);
    out.fields = cookies_.set(session, a.cookie, token->second);
    out.outcome = Outcome::TokenOk;
    tokens_.erase(token);
    return out;
}

Stub::Answer Stub::verify(const Asked& a) {
    const auto judged = judgeAssertion(a.request.body);
    Answer out;
    out.work = judged.cost_us;
    out.outcome = judged.outcome;
    out.body =
        judged.outcome == Outcome::VerifyOk
            ? R"({"status":"okay","email":"u1@d0.example","audience":"https://site.example","expires":1400000000000,"issuer":"127.0.0.1"})"
            : R"({"status":"failure","reason":"bad assertion"})";
    if (!judged.foreign_issuer.empty()) discover(judged.foreign_issuer, out);
    return out;
}

void Stub::control(const std::shared_ptr<Exchange>& place, const Message& request) {
    const auto target = request.target();
    if (target == "/counters") return place->answer(response(200, "application/json", counters()));
    if (target == "/routes") return place->answer(response(200, "application/json", routes()));
    const auto query = target.substr(std::min(target.find('?') + 1, target.size()));
    if (!target.starts_with("/cookies?"))
        return place->answer(
            response(404, "text/plain", "aastub: /counters, /routes, /cookies?account=N\n"));
    const auto account = static_cast<std::uint32_t>(std::stoul("0" + queryValue(query, "account")));
    const bool known = queryValue(query, "device") == "1";
    std::string fields;
    if (queryValue(query, "signed") == "1")
        fields = cookies_.set(cookies_.fresh(account), "", emailOf(account));
    else if (queryValue(query, "session") == "1")
        fields = cookies_.set(cookies_.fresh(std::nullopt), "", known ? emailOf(account) : "");
    else if (known)
        fields = cookies_.setKnown(emailOf(account));
    place->answer(response(200, "text/plain", "", fields));
}

std::string Stub::routes() const {
    std::string out = "[";
    for (int i = 0; i < static_cast<int>(Route::Count); ++i) {
        const auto& r = info(static_cast<Route>(i));
        out += std::string(i > 0 ? "," : "") + "[\"" + r.name + "\"," +
               std::to_string(r.cost_us + r.hashes * settings_.hash_us) + "]";
    }
    return out + "]";
}

std::string Stub::counters() const {
    std::size_t worst = 0;
    for (const auto& [email, box] : mailboxes_) worst = std::max(worst, box.sent.size());
    const std::pair<const char*, std::uint64_t> list[] = {
        {"requests", requests_},
        {"busy", busy_},
        {"api_core_us", static_cast<std::uint64_t>(api_.used())},
        {"hash_core_us", static_cast<std::uint64_t>(hashes_.used())},
        {"mails", mails_},
        {"logins", logins_},
        {"worst_mailbox", worst},
        {"old_lockouts", lockouts_},
        {"fetches", fetches_},
        {"private_fetches", private_fetches_}};
    std::string out = "{";
    for (const auto& [key, value] : list)
        out += (out.size() > 1 ? ",\"" : "\"") + std::string(key) + "\":" + std::to_string(value);
    return out + "}";
}

}  // namespace persona::abuse
