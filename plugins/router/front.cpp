#include "plugins/router/front.h"

#include <algorithm>

namespace persona::router {

namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool startsWithNoCase(std::string_view text, std::string_view prefix) {
    return text.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), text.begin(),
                                                      [](char p, char t) { return p == lower(t); });
}

}  // namespace

bool isInternalField(std::string_view name) {
    switch (name.empty() ? '\0' : lower(name.front())) {
        case 'x':
            return startsWithNoCase(name, "x-persona-") || startsWithNoCase(name, "x-forwarded-") ||
                   (name.size() == 9 && startsWithNoCase(name, "x-real-ip")) ||
                   (name.size() == 12 && startsWithNoCase(name, "x-request-id"));
        case 'f':
            return name.size() == 9 && startsWithNoCase(name, "forwarded");
        case 'b':
            return startsWithNoCase(name, "bid-aa-");
        default:
            return false;
    }
}

std::string_view originOf(std::string_view referer) {
    const auto scheme = referer.find("://");
    if (scheme == std::string_view::npos) return {};
    const auto origin = referer.substr(0, referer.find_first_of("/?#", scheme + 3));
    return origin.size() > scheme + 3 ? origin : std::string_view();
}

std::string_view signInEvent(std::string_view path, std::string_view query) {
    if (path != "/sign_in") return {};
    if (query.empty()) return "signin";
    if (query == "AUTH_RETURN") return "idp.auth_return";
    if (query == "AUTH_RETURN_CANCEL") return "idp.auth_cancel";
    return {};
}

}  // namespace persona::router
