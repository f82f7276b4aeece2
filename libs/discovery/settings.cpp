#include "libs/discovery/settings.h"

#include "libs/protocol/names.h"

namespace persona::discovery {

namespace {

constexpr Row kRows[] = {
    {"disable_primary_support", Kind::Flag, "false",
     "no domain certifies its own addresses; nothing is fetched"},
    {"proxy_idps", Kind::Map, "",
     "domain -> authority that answers for it while it has no support"},
    {"http_proxy", Kind::Text, "",
     "http://HOST:PORT of a proxy that fetches support documents; it must verify certificates"},
    {"declaration_of_support_timeout", Kind::Duration, "8s", "for one support document, in all", 10,
     60'000},
    {"discovery_chain_timeout", Kind::Duration, "15s", "for all delegations of a domain", 10,
     120'000},
    {"max_delegations", Kind::Integer, "5", "delegations that are followed", 0, 20},
    {"support_document_max_bytes", Kind::Size, "64KiB", "longest support document", 1'024,
     1'048'576},
    {"discovery_overrides", Kind::Map, "",
     "domain -> [ORIGIN|]URL or [ORIGIN|]FILE to read its support document from"},
    {"shimmed_primaries", Kind::List, "",
     "domain|origin|file, for tests; refused while env is production"},
    {"allow_domains_with_port", Kind::Flag, "false",
     "admit HOST:PORT as a domain, for tests; refused while env is production"},
    {"env", Kind::Enum, "production", "what this deployment is for", 0, 0,
     "production|development|test"},
};

bool isProxy(const std::string& url) {
    return url.starts_with("http://") && url.size() > 7 &&
           url.find_first_of("/?#@ ", 7) == std::string::npos;
}

}  // namespace

std::span<const Row> settingRows() {
    return kRows;
}

Result<Options> optionsOf(const Settings& s, const protocol::KeyOptions& keys) {
    if (s.env == "production" && !s.shimmed_primaries.empty())
        return Error{"shimmed_primaries: refused while env is production; use discovery_overrides"};
    if (s.env == "production" && s.allow_domains_with_port)
        return Error{"allow_domains_with_port: refused while env is production"};
    if (!s.http_proxy.empty() && !isProxy(s.http_proxy))
        return Error{"http_proxy: expected http://HOST:PORT, got \"" + s.http_proxy + "\""};
    Options o;
    o.protocol.keys = keys;
    o.protocol.max_delegations = static_cast<unsigned>(s.max_delegations);
    o.protocol.allow_ports = s.allow_domains_with_port;
    o.disable_primary_support = s.disable_primary_support;
    o.fetch_timeout_ms = s.fetch_timeout_ms;
    o.chain_timeout_ms = s.chain_timeout_ms;
    o.max_document = static_cast<std::size_t>(s.max_document);
    o.http_proxy = s.http_proxy;
    const auto isName = [&](const std::string& name) {
        return protocol::isHostName(name, s.allow_domains_with_port);
    };
    for (const auto& [domain, authority] : s.proxy_idps) {
        if (!isName(domain) || !isName(authority))
            return Error{"proxy_idps: expected host names, got \"" + domain + ": " + authority +
                         "\""};
        o.protocol.proxy_idps[protocol::toLower(domain)] = protocol::toLower(authority);
    }
    auto sources = s.overrides;
    for (const auto& shim : s.shimmed_primaries) {
        const auto bar = shim.find('|');
        if (bar == std::string::npos)
            return Error{"shimmed_primaries: expected domain|origin|file, got \"" + shim + "\""};
        sources.emplace_back(shim.substr(0, bar), shim.substr(bar + 1));
    }
    for (const auto& [domain, source] : sources) {
        const auto where = "discovery_overrides: " + domain + ": ";
        if (!isName(domain)) return Error{where + "not a host name"};
        auto parsed = parseOverride(source);
        if (!parsed) return Error{where + parsed.error()};
        o.overrides[protocol::toLower(domain)] = std::move(*parsed);
    }
    return o;
}

}  // namespace persona::discovery
