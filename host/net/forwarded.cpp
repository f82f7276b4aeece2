#include "host/net/forwarded.h"

#include <algorithm>

#include "host/net/head_scan.h"

namespace persona::host::net {

namespace {

/// One element of Forwarded: its for= and proto=. Quotes and commas inside quotes are not honoured
/// when the list is split: a quote that the client left open must not swallow what our proxy
/// appended behind it.
struct Element {
    std::string_view address, scheme;
};

std::string_view unquoted(std::string_view v) {
    if (v.size() > 1 && v.front() == '"' && v.back() == '"') return v.substr(1, v.size() - 2);
    return v;
}

Element parseElement(std::string_view text) {
    Element e;
    for (;;) {
        const auto semicolon = text.find(';');
        const auto pair = trim(text.substr(0, semicolon));
        const auto equals = pair.find('=');
        if (equals != std::string_view::npos) {
            const auto name = trim(pair.substr(0, equals));
            const auto value = unquoted(trim(pair.substr(equals + 1)));
            if (equalsNoCase(name, "for")) e.address = value;
            if (equalsNoCase(name, "proto")) e.scheme = value;
        }
        if (semicolon == std::string_view::npos) return e;
        text.remove_prefix(semicolon + 1);
    }
}

/// Without port and brackets.
std::string_view bareAddress(std::string_view hop) {
    if (hop.starts_with('[')) {
        const auto end = hop.find(']');
        return end == std::string_view::npos ? std::string_view() : hop.substr(1, end - 1);
    }
    if (std::count(hop.begin(), hop.end(), ':') == 1) return hop.substr(0, hop.find(':'));
    return hop;
}

std::string_view knownScheme(std::string_view scheme) {
    if (equalsNoCase(scheme, "https")) return "https";
    if (equalsNoCase(scheme, "http")) return "http";
    return {};
}

}  // namespace

ClientFinding findClient(const Fields& fields, ForwardedHeader header,
                         const std::vector<Cidr>& trusted) {
    ClientFinding found;
    const bool standard = header == ForwardedHeader::Forwarded;
    const std::string_view name = standard ? "forwarded" : "x-forwarded-for";
    bool ended = false;
    for (std::size_t i = fields.size(); i-- > 0;) {
        if (!standard && found.scheme.empty() &&
            equalsNoCase(fields[i].name, "x-forwarded-proto")) {
            const auto list = fields[i].value;
            found.scheme = knownScheme(trim(list.substr(list.rfind(',') + 1)));
        }
        if (ended || !equalsNoCase(fields[i].name, name)) continue;
        std::string_view list = fields[i].value;
        for (bool more = true; more && !ended;) {
            const auto comma = list.rfind(',');
            more = comma != std::string_view::npos;
            const auto hop = trim(list.substr(more ? comma + 1 : 0));
            list = list.substr(0, more ? comma : 0);
            const auto element = standard ? parseElement(hop) : Element{hop, {}};
            const auto address = bareAddress(element.address);
            if (!isIpAddress(address)) {
                ended = true;
                break;
            }
            // The nearest proxy saw the client's connection, or the next proxy's.
            if (standard && found.address.empty()) found.scheme = knownScheme(element.scheme);
            found.address = address;
            ended = std::none_of(trusted.begin(), trusted.end(),
                                 [&](const Cidr& c) { return c.contains(address); });
        }
    }
    return found;
}

}  // namespace persona::host::net
