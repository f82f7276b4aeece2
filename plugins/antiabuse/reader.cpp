#include "plugins/antiabuse/reader.h"

namespace persona::antiabuse {

namespace {

/// Type of a Content-Type, whatever its parameters and case.
bool isType(std::string_view field, std::string_view lower) {
    auto type = field.substr(0, field.find(';'));
    while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
    return sameName(type, lower);
}

bool hasSession(std::string_view cookies) {
    return cookies.find("browserid_state") != std::string_view::npos;
}

}  // namespace

void Reader::readArgs(const psn_request& r, const RequestFields& fields, std::string_view body,
                      Args& args, psn_facts& f) const {
    const auto query = sdk::view(r.query);
    args.begin(query.size() + body.size());
    const auto method = sdk::view(r.method);
    const bool get = method == "GET" || method == "HEAD";
    // As the roles read it: the query of a GET, the body of a POST; the verifier takes both.
    bool ok = !fields.encoded || body.empty();
    if (get || f.route_class == PSN_ROUTE_VERIFY) ok = ok && args.readForm(query);
    if (ok && !get && !body.empty()) {
        if (isType(fields.type, "application/json")) {
            // The verifier takes an array for an object without members.
            const bool array = f.route_class == PSN_ROUTE_VERIFY &&
                               body.find_first_not_of(" \t\r\n") < body.size() &&
                               body[body.find_first_not_of(" \t\r\n")] == '[';
            ok = array || args.readJson(body);
        } else if (isType(fields.type, "application/x-www-form-urlencoded")) {
            ok = args.readForm(body);
        }
    }
    if (!ok) f.flags |= PSN_FACT_UNPARSED;
    f.args = args.data();
    f.arg_count = static_cast<std::uint32_t>(args.size());
    if (const auto address = args.find("email"); !address.empty()) keys_.ofAddress(address, f);
    if (const auto domain = args.find("domain"); !domain.empty() && f.domain_key == 0)
        f.domain_key = keys_.ofName(Keys::Kind::Domain, domain);
    if (f.route_class == PSN_ROUTE_VERIFY)
        f.audience_key = keys_.ofName(Keys::Kind::Audience, args.find("audience"));
    auto origin = args.find("site");
    if (origin.empty()) origin = args.find("origin");
    f.origin_key = keys_.ofName(Keys::Kind::Origin, origin.empty() ? fields.origin : origin);
}

void Reader::readClass(std::string_view cookies, std::string_view address, std::int64_t wall_ms,
                       psn_facts& f) const {
    if (cookies.empty()) return;
    f.flags |= PSN_FACT_COOKIES;
    if (hasSession(cookies)) f.flags |= PSN_FACT_SESSION;
    wsapi::ClassCookies::Class c;
    switch (classes_.read(cookies, c)) {
        case wsapi::ClassCookies::Found::None:
            return;
        case wsapi::ClassCookies::Found::Forged:
            f.flags |= PSN_FACT_FORGED;
            return;
        case wsapi::ClassCookies::Found::Ours:
            break;
    }
    f.session_key = keys_.of(Keys::Kind::Session, c.id);
    if (c.isSignedIn(wall_ms))
        f.session_class = PSN_SESSION_SIGNED_IN;
    else if (wall_ms < c.known_until_ms && !c.accounts.empty())
        f.session_class = PSN_SESSION_DEVICE;
    if (!address.empty() && classes_.knows(c, address, wall_ms)) f.flags |= PSN_FACT_KNOWN_DEVICE;
}

void Reader::read(const sdk::FilterStream& stream, std::string_view body, std::int64_t now_ns,
                  std::int64_t wall_ms, Args& args, Out& out) const {
    const auto& r = stream.request();
    auto& f = out.facts;
    f = {};
    f.struct_size = sizeof f;
    f.method = r.method;
    f.path = r.path;
    f.client_address = r.client_address;
    f.now_ns = now_ns;
    f.stream = stream.raw();
    f.body = {body.data(), body.size()};
    f.body_length = r.has_body != 0 ? static_cast<std::int64_t>(body.size()) : 0;
    out.route = &routes_.find(sdk::view(r.method), sdk::view(r.path), sdk::view(r.authority),
                              sdk::view(r.scheme));
    f.route = sdk::abi(out.route->label);
    f.route_class = out.route->route_class;
    f.traits = out.route->traits;
    if (const auto address = addresses::parseAddress(sdk::view(r.client_address))) {
        keys_.ofPrefixes(*address, f.prefix_key);
        if (!trusted_.isEmpty() && trusted_.contains(*address)) f.flags |= PSN_FACT_TRUSTED;
    } else {
        // A local socket: whoever may open it is one client.
        f.prefix_key[0] = keys_.of(Keys::Kind::Prefix, sdk::view(r.client_address));
    }
    ledger_.prefetch(f.prefix_key[0]);
    const RequestFields fields(r);
    f.path_key = keys_.of(Keys::Kind::Path, sdk::view(r.path));
    if (fields.proof) f.flags |= PSN_FACT_PROOF;
    if (r.query.n != 0) {
        f.flags |= PSN_FACT_QUERY;
        f.query_key = keys_.of(Keys::Kind::Query, sdk::view(r.query));
    }
    if (fields.agent.size() + fields.language.size() + fields.accept.size() != 0)
        f.agent_key = sdk::mixed(sdk::mixed(keys_.of(Keys::Kind::Agent, fields.agent),
                                            keys_.of(Keys::Kind::Agent, fields.language)),
                                 keys_.of(Keys::Kind::Agent, fields.accept));
    args.begin(0);
    if (f.route_class >= PSN_ROUTE_VERIFY && f.route_class != PSN_ROUTE_UNKNOWN &&
        f.route_class != PSN_ROUTE_MEASURE)
        readArgs(r, fields, body, args, f);
    readClass(fields.cookie, args.find("email"), wall_ms, f);
}

void Reader::readStanding(Out& out) const {
    auto& f = out.facts;
    const auto standing = ledger_.of(f.prefix_key[0], f.now_ns);
    f.credit = standing.credit;
    f.strikes = standing.strikes;
    out.boxed_ms = standing.boxed_ms;
    if (standing.boxed_ms != 0) f.flags |= PSN_FACT_BOXED;
    out.under_way =
        (f.route_class == PSN_ROUTE_STATUS || f.route_class == PSN_ROUTE_TOKEN) &&
        ledger_.isUnderWay(f.prefix_key[0], f.route_class == PSN_ROUTE_STATUS ? f.account_key : 0,
                           f.now_ns);
    f.priority = priorityOf(f, out.under_way);
}

std::uint32_t priorityOf(const psn_facts& f, bool under_way) {
    if (f.route_class == PSN_ROUTE_HEARTBEAT && (f.flags & PSN_FACT_TRUSTED) != 0) return 0;
    const bool familiar =
        f.session_class >= PSN_SESSION_SIGNED_IN || (f.flags & PSN_FACT_KNOWN_DEVICE) != 0;
    if (f.session_class >= PSN_SESSION_SIGNED_IN || under_way) return 1;
    if (f.route_class == PSN_ROUTE_MEASURE || f.route_class == PSN_ROUTE_UNKNOWN) return 4;
    if ((f.flags & (PSN_FACT_BOXED | PSN_FACT_FORGED)) != 0 && !familiar) return 4;
    if (familiar || (f.flags & PSN_FACT_PAID) != 0 || f.session_class == PSN_SESSION_DEVICE)
        return 2;
    return f.route_class == PSN_ROUTE_VERIFY ? 2 : 3;
}

}  // namespace persona::antiabuse
