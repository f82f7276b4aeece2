#include "libs/protocol/support.h"

#include <algorithm>

#include "libs/protocol/names.h"

namespace persona::protocol {

namespace {

/// What a document may cost in memory and in arithmetic (docs/decisions/0169).
constexpr std::size_t kMaxPath = 2'048, kMaxKeys = 16, kMaxDsaKeys = 2;

bool isPath(const std::string& p) {
    if (p.empty() || p.size() > kMaxPath || p.front() != '/' ||
        (p.size() > 1 && (p[1] == '/' || p[1] == '\\')))
        return false;
    return std::all_of(p.begin(), p.end(),
                       [](char c) { return c >= 0x21 && c <= 0x7e && c != '\\'; });
}

SupportDocument invalid(std::string error) {
    SupportDocument d;
    d.error = std::move(error);
    return d;
}

bool isDsa(const Json& key) {
    const auto* algorithm = key.findText("algorithm");
    return algorithm != nullptr && (*algorithm == "DS" || *algorithm == "DSA");
}

/// Rule 4 of 4.3; what is wrong, or empty.
std::string readKeys(const Json& document, const KeyOptions& options, std::vector<PublicKey>& out) {
    std::size_t seen = 0, dsa = 0;
    if (const auto* key = document.find("public-key")) {
        auto parsed = PublicKey::parse(*key, options);
        if (!parsed) return "mal-formed public key in support doc";
        out.push_back(std::move(*parsed));
        seen = 1;
        dsa = isDsa(*key) ? 1 : 0;
    }
    if (const auto* keys = document.find("keys")) {
        if (!keys->isArray()) return "mal-formed list of public keys in support doc";
        for (const auto& key : keys->items()) {
            if (++seen > kMaxKeys) break;
            if (isDsa(key) && ++dsa > kMaxDsaKeys) continue;
            if (auto parsed = PublicKey::parse(key, options)) out.push_back(std::move(*parsed));
        }
    }
    return out.empty() ? "support document missing required 'public-key'" : "";
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
    if (auto error = readKeys(*json, options, d.keys); !error.empty())
        return invalid(std::move(error));
    d.type = SupportDocument::Type::Supported;
    return d;
}

}  // namespace persona::protocol
