#include "libs/wsapi/arguments.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "libs/protocol/names.h"
#include "libs/wsapi/form.h"

namespace persona::wsapi {

namespace {

using protocol::Json;

constexpr const char* kRange = "ValidatorError: String is not in range";
constexpr const char* kCharacters = "ValidatorError: Invalid characters";

bool isDigit(char c) {
    return c >= '0' && c <= '9';
}
bool isAlnum(char c) {
    return isDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool isHexDigit(char c) {
    return isDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/// Labels of letters, digits and inner hyphens.
bool isLabels(std::string_view host) {
    if (host.empty() || host.size() > 253) return false;
    std::size_t start = 0;
    for (std::size_t i = 0; i <= host.size(); ++i) {
        if (i < host.size() && host[i] != '.') {
            if (!isAlnum(host[i]) && host[i] != '-') return false;
            continue;
        }
        const auto label = host.substr(start, i - start);
        if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-')
            return false;
        start = i + 1;
    }
    return true;
}

std::string checkHostName(std::string_view host) {
    if (!isLabels(host)) return kCharacters;
    // All digits: then it is a dotted quad or nothing.
    if (!std::all_of(host.begin(), host.end(), [](char c) { return isDigit(c) || c == '.'; }) ||
        host.find('.') == std::string_view::npos)
        return {};
    int parts = 0;
    for (auto rest = host;;) {
        const auto dot = rest.find('.');
        const auto part = rest.substr(0, dot);
        if (part.size() > 3 || std::stoi(std::string(part)) > 255) return kCharacters;
        ++parts;
        if (dot == std::string_view::npos) break;
        rest.remove_prefix(dot + 1);
    }
    return parts == 4 ? "" : kCharacters;
}

std::string checkOrigin(std::string_view text) {
    constexpr const char* kBad = "Error: not a valid origin";
    const auto end = text.find("://");
    if (end == std::string_view::npos) return kBad;
    const auto scheme = protocol::toLower(text.substr(0, end));
    if (scheme != "http" && scheme != "https" && scheme != "app") return kBad;
    auto host = text.substr(end + 3);
    if (const auto colon = host.find(':'); colon != std::string_view::npos) {
        const auto port = host.substr(colon + 1);
        if (port.empty() || port.size() > 5 || !std::all_of(port.begin(), port.end(), isDigit))
            return kBad;
        host = host.substr(0, colon);
    }
    return isLabels(host) ? "" : kBad;
}

std::string checkImage(std::string_view text) {
    constexpr std::string_view kScheme = "https://";
    const auto scheme = text.find("://");
    if (text.size() > 2'048 || scheme == std::string_view::npos || scheme == 0 ||
        std::any_of(text.begin(), text.end(), [](char c) {
            return c <= ' ' || c == '"' || c == '<' || c == '>' || c == 0x7f;
        }))
        return "Error: not a valid image";
    if (protocol::toLower(text.substr(0, kScheme.size())) != kScheme)
        return "Error: images must be served over https.";
    return text.size() > kScheme.size() ? "" : "Error: not a valid image";
}

std::string checkPublicKey(std::string_view text) {
    if (text.size() < 50 || text.size() > 10'240) return kRange;
    if (Json::parse(text)) return {};
    const auto first = text.find_first_not_of(" \t\r\n");
    return std::string("SyntaxError: Unexpected token ") +
           (first == std::string_view::npos ? ' ' : text[first]);
}

std::string checkPassword(std::string_view text) {
    const auto length = utf16Length(text);
    if (!length || *length < 8 || *length > 80) return kRange;
    return text.find('\0') == std::string_view::npos ? "" : kCharacters;
}

std::string checkToken(std::string_view text) {
    if (text.size() != 48) return kRange;
    return std::all_of(text.begin(), text.end(), isAlnum) ? "" : kCharacters;
}

std::string checkAssertion(std::string_view text) {
    if (text.size() < 50 || text.size() > 10'240) return kRange;
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return isAlnum(c) || c == '~' || c == '_' || c == '-'; })
               ? ""
               : kCharacters;
}

std::string checkColor(std::string_view text) {
    if (text.starts_with('#')) text.remove_prefix(1);
    return (text.size() == 3 || text.size() == 6) &&
                   std::all_of(text.begin(), text.end(), isHexDigit)
               ? ""
               : "ValidatorError: Invalid hexcolor";
}

std::string wrongKind(Type type) {
    switch (type) {
        case Type::Email:
            return "ValidatorError: Invalid email";
        case Type::EmailType:
            return "ValidatorError: Unexpected value or invalid argument";
        case Type::HostName:
            return kCharacters;
        case Type::Origin:
            return "Error: not a valid origin";
        case Type::Color:
            return "ValidatorError: Invalid hexcolor";
        case Type::Image:
            return "Error: not a valid image";
        default:
            return kRange;
    }
}

}  // namespace

std::optional<std::size_t> utf16Length(std::string_view text) {
    std::size_t units = 0;
    for (std::size_t i = 0; i < text.size();) {
        const auto c = static_cast<unsigned char>(text[i]);
        const std::size_t n = c < 0x80 ? 1 : (c & 0xe0) == 0xc0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : 4;
        if ((c & 0xc0) == 0x80 || c > 0xf4 || i + n > text.size()) return std::nullopt;
        for (std::size_t k = 1; k < n; ++k)
            if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return std::nullopt;
        units += n == 4 ? 2 : 1;
        i += n;
    }
    return units;
}

std::optional<std::int64_t> accountId(const Json& value) {
    if (!value.isNumber() || value.number() < 1 || value.number() > 9'007'199'254'740'991.0 ||
        value.number() != std::floor(value.number()))
        return std::nullopt;
    return static_cast<std::int64_t>(value.number());
}

std::string checkType(Type type, const Json& value) {
    if (type == Type::Any) return {};
    if (type == Type::Boolean) return value.isBool() ? "" : "boolean required";
    if (type == Type::UserId) return accountId(value) ? "" : "ValidatorError: Invalid integer";
    if (!value.isString()) return wrongKind(type);
    const auto& text = value.text();
    switch (type) {
        case Type::Email:
            return protocol::emailDomain(text) ? "" : wrongKind(type);
        case Type::EmailType:
            return text == "primary" || text == "secondary" ? "" : wrongKind(type);
        case Type::Password:
            return checkPassword(text);
        case Type::Token:
            return checkToken(text);
        case Type::Assertion:
            return checkAssertion(text);
        case Type::PublicKey:
            return checkPublicKey(text);
        case Type::HostName:
            return checkHostName(text);
        case Type::Origin:
            return checkOrigin(text);
        case Type::Color:
            return checkColor(text);
        case Type::Image:
            return checkImage(text);
        case Type::Text:
            return text.empty() || text.size() > 256 ? kRange : "";
        default:
            return {};
    }
}

Result<Json> readParameters(std::string_view method, std::string_view query,
                            std::string_view content_type, std::string_view body) {
    const bool get = method == "GET" || method == "HEAD";
    const auto type = mediaType(content_type);
    if (!get && type == "application/json") {
        if (body.empty()) return Json::object();
        auto json = Json::parse(body);
        if (!json || !json->isObject()) return Error{"the body is not a JSON object"};
        return std::move(*json);
    }
    if (!get && type != "application/x-www-form-urlencoded") return Json::object();
    const auto pairs = parseForm(get ? query : body);
    if (!pairs) return Error{get ? "malformed query" : "malformed form"};
    Json o = Json::object();
    for (const auto& [name, value] : *pairs) {
        if (o.find(name) != nullptr) return Error{"a parameter is given twice"};
        o.add(name, value);
    }
    return o;
}

std::string checkArguments(const Endpoint& endpoint, const Json& parameters) {
    for (const auto& a : endpoint.arguments) {
        const auto* value = parameters.find(a.name);
        if (value == nullptr) {
            if (!a.optional) return "missing required parameter: '" + std::string(a.name) + "'";
            continue;
        }
        if (const auto why = checkType(a.type, *value); !why.empty())
            return std::string(a.name) + ": " + why;
    }
    if (!endpoint.strict) return {};
    std::string extra;
    for (const auto& [name, value] : parameters.members()) {
        const auto declared =
            std::any_of(endpoint.arguments.begin(), endpoint.arguments.end(),
                        [&, &n = name](const Argument& a) { return a.name == n; });
        if (!declared && name != "csrf") extra.append(extra.empty() ? "" : ", ").append(name);
    }
    return extra.empty() ? "" : "extra parameters are not allowed: " + extra;
}

}  // namespace persona::wsapi
