#include "libs/wsapi/authority.h"

#include <algorithm>

namespace persona::wsapi {

namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

std::string_view withoutPort(std::string_view authority, std::string_view port) {
    if (authority.size() > port.size() && authority.ends_with(port))
        authority.remove_suffix(port.size());
    return authority;
}

std::string_view impliedPort(std::string_view scheme) {
    return scheme == "https" ? ":443" : ":80";
}

}  // namespace

std::string authorityOf(std::string_view origin) {
    const auto colon = origin.find("://");
    if (colon == std::string_view::npos) return "";
    const auto scheme = origin.substr(0, colon);
    auto rest = origin.substr(colon + 3);
    rest = withoutPort(rest.substr(0, rest.find_first_of("/?#")), impliedPort(scheme));
    std::string out(rest);
    std::transform(out.begin(), out.end(), out.begin(), lower);
    return out;
}

bool sameAuthority(std::string_view host_field, std::string_view authority,
                   std::string_view scheme) {
    const auto host = withoutPort(host_field, impliedPort(scheme));
    return host.size() == authority.size() &&
           std::equal(host.begin(), host.end(), authority.begin(),
                      [](char h, char a) { return lower(h) == a; });
}

std::string verifierAuthority(std::string_view verifier_url, std::string_view public_url) {
    auto own = authorityOf(verifier_url);
    return own == authorityOf(public_url) ? "" : own;
}

}  // namespace persona::wsapi
