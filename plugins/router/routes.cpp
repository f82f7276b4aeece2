#include "plugins/router/routes.h"

namespace persona::router {

Choice choose(std::string_view method, std::string_view path) {
    if (!path.starts_with("/wsapi")) return {};
    auto rest = path.substr(6);
    if (rest.empty() || rest == "/") return {};
    if (rest.front() != '/' && rest.front() != '.') return {};
    if (rest.front() == '/') rest.remove_prefix(1);
    const auto* call = wsapi::findEndpoint(rest);
    if (call == nullptr || call->method != method) return {Choice::Unknown};
    if (call->internal()) return {Choice::Internal, call};
    // What both roles serve is read.
    return {wsapi::servedBy(*call, false) ? Choice::Read : Choice::Write, call};
}

}  // namespace persona::router
