#include "libs/protocol/names.h"

#include <algorithm>

namespace persona::protocol {

namespace {

bool isAlnum(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool isLocalPart(std::string_view local) {
    if (local.empty() || local.size() > 64 || local.front() == '.' || local.back() == '.')
        return false;
    for (std::size_t i = 0; i < local.size(); ++i) {
        const char c = local[i];
        if (c == '.' && local[i - 1] == '.') return false;
        if (c != '.' && !isAlnum(c) &&
            std::string_view("_!#$%&'*+/=?^`{|}~-").find(c) == std::string_view::npos)
            return false;
    }
    return true;
}

struct Origin {
    std::string scheme, host, port;
};

bool isAudienceHost(std::string_view host) {
    if (host.empty()) return false;
    if (host.front() == '[')
        return host.back() == ']' && host.size() > 3 &&
               std::all_of(host.begin() + 1, host.end() - 1, [](char c) {
                   return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
                          (c >= 'A' && c <= 'F') || c == ':' || c == '.';
               });
    return std::all_of(host.begin(), host.end(),
                       [](char c) { return isAlnum(c) || c == '.' || c == '-'; });
}

std::string defaultPort(std::string_view scheme) {
    return scheme == "https" ? "443" : "80";
}

/// host[:port]; false when there is no such form.
bool splitHostPort(std::string_view text, std::string& host, std::string& port) {
    std::size_t colon = std::string_view::npos;
    if (!text.empty() && text.front() == '[') {
        const auto close = text.find(']');
        if (close == std::string_view::npos) return false;
        host = text.substr(0, close + 1);
        const auto rest = text.substr(close + 1);
        if (rest.empty()) return true;
        if (rest.front() != ':') return false;
        port = rest.substr(1);
    } else {
        colon = text.find(':');
        host = text.substr(0, colon);
        if (colon != std::string_view::npos) port = text.substr(colon + 1);
    }
    return std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view schemeOf(std::string_view lower) {
    for (const std::string_view s : {"http", "https", "app"})
        if (lower.size() >= s.size() + 3 && lower.starts_with(s) &&
            lower.substr(s.size(), 3) == "://")
            return s;
    return {};
}

bool parseWanted(std::string_view text, Origin& out) {
    const auto scheme = schemeOf(text);
    if (scheme.empty()) return false;
    const auto rest = text.substr(scheme.size() + 3);
    for (const char c : rest)
        if ((c >= 'A' && c <= 'Z') || c == '/' || c == '\\' || c == '@' || c == '?' || c == '#')
            return false;
    out.scheme = scheme;
    if (!splitHostPort(rest, out.host, out.port) || !isAudienceHost(out.host)) return false;
    if (rest.ends_with(':')) return false;
    if (out.port.empty()) out.port = defaultPort(scheme);
    return true;
}

}  // namespace

std::string toLower(std::string_view text) {
    std::string out(text);
    for (auto& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    return out;
}

bool isHostName(std::string_view text, bool allow_port) {
    if (const auto colon = text.find(':'); allow_port && colon != std::string_view::npos) {
        const auto port = text.substr(colon + 1);
        if (port.empty() || port.size() > 5 || port.front() == '0' ||
            !std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; }))
            return false;
        text = text.substr(0, colon);
        // Ports are for tests, whose servers are on this machine.
        if (text == "localhost" || text == "127.0.0.1") return true;
    }
    if (text.empty() || text.size() > 253) return false;
    std::size_t labels = 0;
    std::string_view last;
    for (std::string_view rest = text;;) {
        const auto dot = rest.find('.');
        const auto label = rest.substr(0, dot);
        if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-')
            return false;
        for (const char c : label)
            if (!isAlnum(c) && c != '-') return false;
        ++labels;
        last = label;
        if (dot == std::string_view::npos) break;
        rest.remove_prefix(dot + 1);
    }
    if (labels < 2) return false;
    if (std::all_of(last.begin(), last.end(), [](char c) { return c >= '0' && c <= '9'; }))
        return false;
    return !(last.size() >= 2 && last[0] == '0' && (last[1] == 'x' || last[1] == 'X'));
}

std::optional<std::string> emailDomain(std::string_view a, bool allow_port) {
    if (a.size() < 3 || a.size() > 254) return std::nullopt;
    for (const char c : a)
        if (c < 0x21 || c > 0x7e) return std::nullopt;
    const auto at = a.find('@');
    if (at == std::string_view::npos || a.find('@', at + 1) != std::string_view::npos)
        return std::nullopt;
    auto domain = toLower(a.substr(at + 1));
    if (!isLocalPart(a.substr(0, at)) || !isHostName(domain, allow_port)) return std::nullopt;
    return domain;
}

std::string compareAudience(std::string_view asserted, std::string_view given, bool v2) {
    Origin want;
    if (!parseWanted(asserted, want)) return "the audience in the assertion is not an origin";
    if (given == asserted) return "";
    for (const char c : given)
        if (c < 0x21 || c > 0x7e || c == '\\' || c == '@') return "malformed audience";
    std::string text(given);
    std::string lower = toLower(text);
    bool has_scheme = !schemeOf(lower).empty();
    if (v2 && !has_scheme) {
        text = "http://" + text;
        lower = "http://" + lower;
        has_scheme = true;
    }
    Origin got;
    if (has_scheme) {
        got.scheme = schemeOf(lower);
        const std::string_view rest = std::string_view(lower).substr(got.scheme.size() + 3);
        const auto end = rest.find_first_of("/?#");
        const auto authority = rest.substr(0, end);
        const bool ok = splitHostPort(authority, got.host, got.port) && isAudienceHost(got.host);
        if (v2 && !ok) return "malformed audience";
        if (!ok) return "domain missing";
        if (got.port.empty()) got.port = defaultPort(got.scheme);
        if (got.scheme != want.scheme) return "scheme mismatch";
        if (got.port != want.port) return "port mismatch";
        if (got.host != want.host) return "domain mismatch";
        if (v2 && end != std::string_view::npos) {
            auto path = rest.substr(end);
            path = path.substr(0, path.find('#'));
            if (!path.empty() && path != "/") return "has non-empty path";
        }
        return "";
    }
    if (lower.find(':') != std::string::npos) {
        const auto colon = lower.find(':');
        if (lower.find(':', colon + 1) != std::string::npos) return "malformed domain";
        got.host = lower.substr(0, colon);
        got.port = lower.substr(colon + 1);
        if (got.port.empty()) got.port = want.port;
        if (got.port != want.port) return "port mismatch";
        if (got.host.empty()) return "domain missing";
        return got.host == want.host ? "" : "domain mismatch";
    }
    if (lower.empty()) return "domain missing";
    return lower == want.host ? "" : "domain mismatch";
}

}  // namespace persona::protocol
