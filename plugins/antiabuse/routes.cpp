#include "plugins/antiabuse/routes.h"

#include <persona/abi/ext/draft/facts.h>

#include <algorithm>
#include <array>

#include "libs/wsapi/authority.h"
#include "libs/wsapi/endpoints.h"

namespace persona::antiabuse {

namespace {

using wsapi::Endpoint;
using wsapi::Type;

enum Fixed : std::size_t { kStatic, kView, kHeartbeat, kVerify, kUnknown };

bool takes(const Endpoint& e, Type type) {
    return std::any_of(e.arguments.begin(), e.arguments.end(),
                       [&](const auto& a) { return a.type == type; });
}

std::uint32_t classOf(const Endpoint& e) {
    if (e.name == "session_context") return PSN_ROUTE_CONTEXT;
    if (e.name == "interaction_data") return PSN_ROUTE_MEASURE;
    if (e.name == "ping") return PSN_ROUTE_HEARTBEAT;
    if (e.name.ends_with("_status")) return PSN_ROUTE_STATUS;
    if (takes(e, Type::Token)) return PSN_ROUTE_TOKEN;
    if (e.locale) return PSN_ROUTE_STAGE;
    if (takes(e, Type::Assertion)) return PSN_ROUTE_ASSERTION;
    if (takes(e, Type::PublicKey)) return PSN_ROUTE_CERTIFY;
    if (e.auth == wsapi::Auth::None)
        return takes(e, Type::Password) ? PSN_ROUTE_LOGIN : PSN_ROUTE_LOOKUP;
    return PSN_ROUTE_ACCOUNT;
}

std::uint32_t traitsOf(const Endpoint& e, std::uint32_t route_class) {
    std::uint32_t t = 0;
    if (takes(e, Type::Password)) t |= PSN_TRAIT_HASHES;
    if (route_class == PSN_ROUTE_STAGE) t |= PSN_TRAIT_MAILS;
    if (takes(e, Type::Assertion) || takes(e, Type::HostName)) t |= PSN_TRAIT_FETCHES;
    if (wsapi::servedBy(e, true)) t |= PSN_TRAIT_WRITES;
    return t;
}

}  // namespace

std::string_view nameOfRoute(std::uint32_t route_class) {
    static constexpr std::string_view kNames[]{
        "static", "view",   "heartbeat", "verify",  "context", "login",   "stage",  "token",
        "status", "lookup", "assertion", "certify", "account", "measure", "unknown"};
    static_assert(std::size(kNames) == PSN_ROUTE_COUNT);
    return route_class < std::size(kNames) ? kNames[route_class] : "unknown";
}

Routes::Routes(std::string verifier_authority)
    : verifier_authority_(std::move(verifier_authority)) {
    all_ = {{"static", PSN_ROUTE_STATIC, 0},
            {"view", PSN_ROUTE_VIEW, 0},
            {"heartbeat", PSN_ROUTE_HEARTBEAT, 0},
            {"verify", PSN_ROUTE_VERIFY, PSN_TRAIT_FETCHES},
            {"unknown", PSN_ROUTE_UNKNOWN, 0}};
    names_.reserve(wsapi::endpoints().size());
    for (const auto& e : wsapi::endpoints()) {
        if (e.internal()) continue;
        const auto c = classOf(e);
        names_.push_back(std::string(e.method) + std::string(e.name));
        calls_.emplace(names_.back(), all_.size());
        all_.push_back({"wsapi." + std::string(e.name), c, traitsOf(e, c)});
    }
}

const Route& Routes::find(std::string_view method, std::string_view path,
                          std::string_view authority, std::string_view scheme) const {
    if (!verifier_authority_.empty() &&
        wsapi::sameAuthority(authority, verifier_authority_, scheme))
        return all_[kVerify];
    // As plugins/router hands requests over.
    if (path.starts_with("/wsapi")) {
        auto name = path.substr(6);
        if (!name.empty() && name.front() == '/') name.remove_prefix(1);
        std::array<char, 64> key;
        if (method.size() + name.size() > key.size()) return all_[kUnknown];
        std::copy(name.begin(), name.end(), std::copy(method.begin(), method.end(), key.begin()));
        const auto at = calls_.find(std::string_view(key.data(), method.size() + name.size()));
        return all_[at == calls_.end() ? kUnknown : at->second];
    }
    if (path == "/verify" || path == "/v2") return all_[kVerify];
    if (path == "/__heartbeat__") return all_[kHeartbeat];
    if (method != "GET" && method != "HEAD") return all_[kUnknown];
    const auto last = path.substr(path.rfind('/') + 1);
    return all_[last.find('.') == std::string_view::npos ? kView : kStatic];
}

}  // namespace persona::antiabuse
