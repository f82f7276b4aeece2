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

}  // namespace

SupportDocument parseSupportDocument(std::string_view body, const KeyOptions& options,
                                     bool allow_port) {
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
            if (!isHostName(authority->text(), allow_port))
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

}  // namespace persona::protocol
