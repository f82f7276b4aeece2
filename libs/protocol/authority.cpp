#include "libs/protocol/authority.h"

#include <algorithm>

#include "libs/protocol/names.h"

namespace persona::protocol {

namespace {

bool isJsonType(std::string_view type) {
    type = type.substr(0, type.find(';'));
    while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
    return toLower(type) == "application/json";
}

std::string join(const std::vector<std::string>& names) {
    std::string out;
    for (const auto& n : names) out += (out.empty() ? "" : " > ") + n;
    return out;
}

std::string timeoutReason(const std::string& domain) {
    return "timeout trying to load well-known for " + domain;
}

std::string httpReason(Hop::Http error, const std::string& domain) {
    if (error == Hop::Http::Timeout) return timeoutReason(domain);
    return domain + " is not a browserid primary - non" +
           (error == Hop::Http::Type ? " \"application/json\" response" : "-200 response code") +
           " to /.well-known/browserid";
}

}  // namespace

Hop readHop(const Fetched& fetched, const DiscoveryOptions& options) {
    Hop hop;
    if (!fetched.reached) {
        hop.http = fetched.timed_out ? Hop::Http::Timeout : Hop::Http::Status;
    } else if (fetched.status != 200) {
        hop.http = Hop::Http::Status;
    } else if (!isJsonType(fetched.content_type)) {
        hop.http = Hop::Http::Type;
    } else {
        hop.http = Hop::Http::Ok;
        hop.document = parseSupportDocument(fetched.body, options.keys, options.allow_ports);
    }
    return hop;
}

AuthorityWalk::AuthorityWalk(const std::string& domain, const DiscoveryOptions& options)
    : options_(options), principal_(toLower(domain)) {
    result_.proxied = options_.proxy_idps.count(principal_) != 0;
    result_.chain = {principal_};
    moveTo(principal_);
}

void AuthorityWalk::moveTo(const std::string& domain) {
    current_ = domain;
    if (!isHostName(domain, options_.allow_ports)) fail("invalid domain: " + domain);
}

void AuthorityWalk::finish(Discovered::Type type) {
    result_.type = type;
    done_ = true;
}

void AuthorityWalk::fail(std::string reason) {
    result_.reason = std::move(reason);
    finish(Discovered::Type::Unsupported);
}

void AuthorityWalk::timeOut() {
    if (!done_) fail(timeoutReason(current_));
}

void AuthorityWalk::take(const Hop& hop) {
    if (done_) return;
    std::string next = hop.document.authority;
    if (hop.http != Hop::Http::Ok) {
        const auto proxy = options_.proxy_idps.find(current_);
        if (proxy == options_.proxy_idps.end()) return fail(httpReason(hop.http, current_));
        next = toLower(proxy->second);
    } else {
        switch (hop.document.type) {
            case SupportDocument::Type::Invalid:
                return fail("bad support document for '" + current_ + "': " + hop.document.error);
            case SupportDocument::Type::Disabled:
                return finish(Discovered::Type::Disabled);
            case SupportDocument::Type::Supported: {
                const auto origin = hop.origin.empty() ? "https://" + current_ : hop.origin;
                result_.authority = current_;
                result_.authentication = origin + hop.document.authentication;
                result_.provisioning = origin + hop.document.provisioning;
                result_.keys = hop.document.keys;
                return finish(Discovered::Type::Primary);
            }
            case SupportDocument::Type::Delegation:
                break;
        }
    }
    auto& chain = result_.chain;
    if (std::find(chain.begin(), chain.end(), next) != chain.end())
        return fail("Circular reference in delegating authority: " + join(chain));
    chain.push_back(next);
    if (chain.size() > options_.max_delegations + 1)
        return fail("Too many hops while delegating authority: " + join(chain));
    moveTo(next);
}

Discovered discover(const std::string& domain, const DiscoveryOptions& options,
                    const Fetcher& fetch) {
    AuthorityWalk walk(domain, options);
    while (!walk.done()) walk.take(readHop(fetch(walk.current(), walk.principal()), options));
    return std::move(walk.result());
}

}  // namespace persona::protocol
