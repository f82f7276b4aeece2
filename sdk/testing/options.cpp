#include "options.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <stdexcept>

#include "fake_host.h"

namespace persona::testing {

namespace {

using Items = std::vector<std::pair<std::string, std::string>>;

std::string_view view(psn_str s) {
    return {s.p, s.n};
}

std::string_view trim(std::string_view s) {
    while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
    while (!s.empty() && (s.back() == ' ' || s.back() == '\t' || s.back() == '\r'))
        s.remove_suffix(1);
    return s;
}

std::string unquote(std::string_view s) {
    if (s.size() >= 2 && (s.front() == '"' || s.front() == '\'') && s.back() == s.front())
        s = s.substr(1, s.size() - 2);
    return std::string(s);
}

std::optional<std::int64_t> number(std::string_view text, std::string_view& unit) {
    std::int64_t n = 0;
    const auto r = std::from_chars(text.data(), text.data() + text.size(), n);
    if (text.empty() || r.ec != std::errc{}) return std::nullopt;
    unit = text.substr(static_cast<std::size_t>(r.ptr - text.data()));
    return n;
}

std::optional<std::int64_t> withUnit(std::string_view text, psn_option_type type) {
    std::string_view unit;
    const auto n = number(text, unit);
    if (!n || *n < 0) return std::nullopt;
    if (unit.empty()) return *n == 0 ? n : std::nullopt;
    static constexpr std::pair<std::string_view, std::int64_t> kTimes[] = {
        {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
    static constexpr std::pair<std::string_view, std::int64_t> kSizes[] = {
        {"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
    const auto find = [&](const auto& units) -> std::optional<std::int64_t> {
        for (const auto& [name, factor] : units)
            if (name == unit && *n <= INT64_MAX / factor) return *n * factor;
        return std::nullopt;
    };
    return type == PSN_OPT_DURATION ? find(kTimes) : find(kSizes);
}

std::optional<Items> items(std::string_view text, bool map) {
    const char open = map ? '{' : '[', close = map ? '}' : ']';
    if (text.size() < 2 || text.front() != open || text.back() != close) return std::nullopt;
    text = text.substr(1, text.size() - 2);
    Items out;
    while (!trim(text).empty()) {
        const auto comma = text.find(',');
        const auto part = trim(text.substr(0, comma));
        if (map) {
            const auto colon = part.find(": ");
            if (colon == std::string_view::npos) return std::nullopt;
            out.emplace_back(unquote(trim(part.substr(0, colon))),
                             unquote(trim(part.substr(colon + 2))));
        } else {
            out.emplace_back("", unquote(part));
        }
        if (comma == std::string_view::npos) break;
        text.remove_prefix(comma + 1);
    }
    return out;
}

bool oneOf(std::string_view choices, std::string_view word) {
    for (;;) {
        const auto bar = choices.find('|');
        if (choices.substr(0, bar) == word) return true;
        if (bar == std::string_view::npos) return false;
        choices.remove_prefix(bar + 1);
    }
}

[[noreturn]] void refuse(std::string_view name, const std::string& why) {
    throw std::runtime_error("option '" + std::string(name) + "': " + why);
}

psn_config::Value convert(const psn_option& o, std::string_view text, bool set) {
    psn_config::Value v;
    v.type = o.type;
    v.set = set;
    v.text = unquote(text);
    const auto wrong = [&] {
        refuse(view(o.name),
               "expected " + std::string(typeText(o.type)) + ", got \"" + v.text + "\"");
    };
    switch (o.type) {
        case PSN_OPT_STRING:
            break;
        case PSN_OPT_ENUM:
            if (!oneOf(view(o.choices), v.text))
                refuse(view(o.name), "expected one of " + std::string(view(o.choices)) +
                                         ", got \"" + v.text + "\"");
            break;
        case PSN_OPT_BOOL:
            if (v.text != "true" && v.text != "false") wrong();
            v.number = v.text == "true" ? 1 : 0;
            break;
        case PSN_OPT_INT: {
            std::string_view rest;
            const auto n = number(v.text, rest);
            if (!n || !rest.empty()) wrong();
            v.number = *n;
            break;
        }
        case PSN_OPT_DURATION:
        case PSN_OPT_SIZE: {
            const auto n = withUnit(v.text, o.type);
            if (!n) wrong();
            v.number = *n;
            break;
        }
        case PSN_OPT_DOUBLE: {
            const auto r = std::from_chars(v.text.data(), v.text.data() + v.text.size(), v.real);
            if (v.text.empty() || r.ec != std::errc{} || r.ptr != v.text.data() + v.text.size() ||
                !std::isfinite(v.real))
                wrong();
            break;
        }
        case PSN_OPT_LIST:
        case PSN_OPT_MAP: {
            if (text.empty()) break;
            const auto read = items(text, o.type == PSN_OPT_MAP);
            if (!read) wrong();
            v.items = *read;
            break;
        }
        default:
            refuse(view(o.name), "has a type that this host does not know");
    }
    const bool bounded =
        (o.min != 0 || o.max != 0) &&
        (o.type == PSN_OPT_INT || o.type == PSN_OPT_DURATION || o.type == PSN_OPT_SIZE);
    if (bounded && (v.number < o.min || v.number > o.max))
        refuse(view(o.name), v.text + " is out of range (" + std::to_string(o.min) + " to " +
                                 std::to_string(o.max) + ")");
    return v;
}

const psn_config::Value* find(const psn_config* c, psn_str name) {
    const auto it = c->values.find(view(name));
    return it == c->values.end() ? nullptr : &it->second;
}

}  // namespace

std::string_view typeText(psn_option_type type) {
    switch (type) {
        case PSN_OPT_STRING:
            return "a text";
        case PSN_OPT_INT:
            return "a whole number";
        case PSN_OPT_BOOL:
            return "true or false";
        case PSN_OPT_DOUBLE:
            return "a number";
        case PSN_OPT_DURATION:
            return "a duration such as 30s";
        case PSN_OPT_SIZE:
            return "a size such as 10KiB";
        case PSN_OPT_LIST:
            return "a list such as [a, b]";
        case PSN_OPT_ENUM:
            return "one of its choices";
        case PSN_OPT_MAP:
            return "a map such as {a: b}";
        default:
            return "an unknown type";
    }
}

psn_config readOptions(std::string_view text, const psn_option* options, std::uint32_t count) {
    psn_config out;
    while (!text.empty()) {
        const auto end = text.find('\n');
        const auto line = trim(text.substr(0, end));
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
        if (line.empty() || line.front() == '#') continue;
        const auto colon = line.find(':');
        if (colon == std::string_view::npos)
            throw std::runtime_error("expected `name: value`, got \"" + std::string(line) + "\"");
        const auto name = trim(line.substr(0, colon));
        const psn_option* option = nullptr;
        for (std::uint32_t i = 0; i < count; ++i)
            if (view(options[i].name) == name) option = &options[i];
        if (option == nullptr) refuse(name, "unknown");
        if (!out.values
                 .emplace(std::string(name), convert(*option, trim(line.substr(colon + 1)), true))
                 .second)
            refuse(name, "stands twice");
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto& o = options[i];
        if (out.values.count(std::string(view(o.name))) != 0) continue;
        if ((o.flags & PSN_OPT_REQUIRED) != 0) refuse(view(o.name), "is missing");
        out.values.emplace(std::string(view(o.name)), convert(o, view(o.def), false));
    }
    return out;
}

const psn_config_api* configApi() {
    static const psn_config_api kApi{
        sizeof(psn_config_api),
        0,
        [](const psn_config* c, psn_str name, psn_str* out) -> psn_rc {
            const auto* v = find(c, name);
            if (v == nullptr || (v->type != PSN_OPT_STRING && v->type != PSN_OPT_ENUM))
                return PSN_NOT_FOUND;
            *out = {v->text.data(), v->text.size()};
            return PSN_OK;
        },
        [](const psn_config* c, psn_str name, std::int64_t* out) -> psn_rc {
            const auto* v = find(c, name);
            if (v == nullptr || (v->type != PSN_OPT_INT && v->type != PSN_OPT_BOOL &&
                                 v->type != PSN_OPT_DURATION && v->type != PSN_OPT_SIZE))
                return PSN_NOT_FOUND;
            *out = v->number;
            return PSN_OK;
        },
        [](const psn_config* c, psn_str name, double* out) -> psn_rc {
            const auto* v = find(c, name);
            if (v == nullptr || v->type != PSN_OPT_DOUBLE) return PSN_NOT_FOUND;
            *out = v->real;
            return PSN_OK;
        },
        [](const psn_config* c, psn_str name, std::uint32_t* out) -> psn_rc {
            const auto* v = find(c, name);
            if (v == nullptr || (v->type != PSN_OPT_LIST && v->type != PSN_OPT_MAP))
                return PSN_NOT_FOUND;
            *out = static_cast<std::uint32_t>(v->items.size());
            return PSN_OK;
        },
        [](const psn_config* c, psn_str name, std::uint32_t i, psn_str* key,
           psn_str* value) -> psn_rc {
            const auto* v = find(c, name);
            if (v == nullptr || i >= v->items.size()) return PSN_NOT_FOUND;
            *key = {v->items[i].first.data(), v->items[i].first.size()};
            *value = {v->items[i].second.data(), v->items[i].second.size()};
            return PSN_OK;
        },
        [](const psn_config* c, psn_str name) -> std::uint32_t {
            const auto* v = find(c, name);
            return v != nullptr && v->set ? 1 : 0;
        }};
    return &kApi;
}

}  // namespace persona::testing
