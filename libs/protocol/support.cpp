#include "libs/protocol/support.h"

#include <algorithm>

#include "libs/protocol/names.h"

namespace persona::protocol {

namespace {

bool isPath(const std::string& p) {
    if (p.empty() || p.front() != '/' || (p.size() > 1 && (p[1] == '/' || p[1] == '\\')))
        return false;
    return std::all_of(p.begin(), p.end(),
                       [](char c) { return c >= 0x21 && c <= 0x7e && c != '\\'; });
}

SupportDocument invalid(std::string error) {
    SupportDocument d;
    d.error = std::move(error);
    return d;
}

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

}  // namespace

SupportDocument parseSupportDocument(std::string_view body, const KeyOptions& options) {
    const auto json = Json::parse(body);
    if (!json) return invalid("declaration of support is malformed (invalid json)");
    if (!json->isObject()) return invalid("support document must contain a json object");
    SupportDocument d;
    if (const auto* disabled = json->find("disabled")) {
        if (!disabled->isBool()) return invalid("disabled must be either true or false");
        if (disabled->boolean()) {
            d.type = SupportDocument::Type::Disabled;
            return d;
        }
    }
    if (const auto* authority = json->find("authority");
        authority != nullptr && !authority->isNull()) {
        if (!authority->isString()) return invalid("malformed authority");
        if (!authority->text().empty()) {
            if (!isHostName(authority->text()))
                return invalid("the authority is not a valid hostname");
            d.type = SupportDocument::Type::Delegation;
            d.authority = toLower(authority->text());
            return d;
        }
    }
    for (const auto& [name, out] : {std::pair{"authentication", &d.authentication},
                                    std::pair{"provisioning", &d.provisioning}}) {
        const auto* text = json->findText(name);
        if (text == nullptr)
            return invalid(std::string("support document missing required '") + name + "'");
        if (!isPath(*text)) return invalid("invalid path");
        *out = *text;
    }
    if (const auto* key = json->find("public-key")) {
        auto parsed = PublicKey::parse(*key, options);
        if (!parsed) return invalid("mal-formed public key in support doc");
        d.keys.push_back(std::move(*parsed));
    }
    if (const auto* keys = json->find("keys")) {
        if (!keys->isArray()) return invalid("mal-formed list of public keys in support doc");
        for (const auto& k : keys->items()) {
            if (d.keys.size() >= 16) break;
            if (auto parsed = PublicKey::parse(k, options)) d.keys.push_back(std::move(*parsed));
        }
    }
    if (d.keys.empty()) return invalid("support document missing required 'public-key'");
    d.type = SupportDocument::Type::Supported;
    return d;
}

Discovered discover(const std::string& principal, const DiscoveryOptions& options,
                    const Fetcher& fetch) {
    Discovered out;
    const std::string domain = toLower(principal);
    out.chain = {domain};
    for (std::string current = domain;;) {
        const auto fail = [&](std::string reason) {
            out.type = Discovered::Type::Unsupported;
            out.reason = std::move(reason);
            return out;
        };
        SupportDocument document;
        std::string http_error;
        if (!isHostName(current)) return fail("invalid domain: " + current);
        const Fetched f = fetch(current, domain);
        if (!f.reached)
            http_error = f.timed_out ? "timeout trying to load well-known for " + current
                                     : current +
                                           " is not a browserid primary - non-200 response code to "
                                           "/.well-known/browserid";
        else if (f.status != 200)
            http_error =
                current +
                " is not a browserid primary - non-200 response code to /.well-known/browserid";
        else if (!isJsonType(f.content_type))
            http_error = current +
                         " is not a browserid primary - non \"application/json\" response to "
                         "/.well-known/browserid";
        if (http_error.empty()) {
            document = parseSupportDocument(f.body, options.keys);
            if (document.type == SupportDocument::Type::Invalid)
                return fail("bad support document for '" + current + "': " + document.error);
        } else {
            const auto proxy = options.proxy_idps.find(current);
            if (proxy == options.proxy_idps.end()) return fail(http_error);
            document.type = SupportDocument::Type::Delegation;
            document.authority = toLower(proxy->second);
        }
        if (document.type == SupportDocument::Type::Disabled) {
            out.type = Discovered::Type::Disabled;
            return out;
        }
        if (document.type == SupportDocument::Type::Supported) {
            out.type = Discovered::Type::Primary;
            out.authority = current;
            out.authentication = "https://" + current + document.authentication;
            out.provisioning = "https://" + current + document.provisioning;
            out.keys = std::move(document.keys);
            return out;
        }
        if (std::find(out.chain.begin(), out.chain.end(), document.authority) != out.chain.end())
            return fail("Circular reference in delegating authority: " + join(out.chain));
        out.chain.push_back(document.authority);
        if (out.chain.size() > options.max_delegations + 1)
            return fail("Too many hops while delegating authority: " + join(out.chain));
        current = document.authority;
    }
}

}  // namespace persona::protocol
