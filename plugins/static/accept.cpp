#include "plugins/static/accept.h"

#include <algorithm>
#include <charconv>

namespace persona::pages {

namespace {

std::string_view trimmed(std::string_view s) {
    while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
    while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
    return s;
}

std::string lower(std::string_view s) {
    std::string out(s);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    return out;
}

/// Takes what stands before the next `separator` off the front of `list`.
std::string_view next(std::string_view& list, char separator) {
    const auto at = list.find(separator);
    const auto one = list.substr(0, at);
    list = at == std::string_view::npos ? std::string_view() : list.substr(at + 1);
    return trimmed(one);
}

/// Weight in thousandths; 1000 when there is none, 0 when it cannot be read.
int weightOf(std::string_view parameters) {
    while (!parameters.empty()) {
        auto p = next(parameters, ';');
        if (p.size() < 3 || (p[0] | 0x20) != 'q' || p[1] != '=') continue;
        p.remove_prefix(2);
        if (p.front() == '1') return 1000;
        if (p.front() != '0') return 0;
        if (p.size() < 3 || p[1] != '.') return 0;
        int weight = 0, scale = 100;
        for (const char c : p.substr(2, 3)) {
            if (c < '0' || c > '9') return 0;
            weight += (c - '0') * scale;
            scale /= 10;
        }
        return weight;
    }
    return 1000;
}

int hexOf(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = static_cast<char>(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

Encoding chooseEncoding(std::string_view accept, bool has_gzip, bool has_brotli) {
    int gzip = -1, brotli = -1, any = 0;
    while (!accept.empty()) {
        auto item = next(accept, ',');
        const auto name = lower(next(item, ';'));
        const int weight = weightOf(item);
        if (name == "br")
            brotli = weight;
        else if (name == "gzip" || name == "x-gzip")
            gzip = weight;
        else if (name == "*")
            any = weight;
    }
    if (gzip < 0) gzip = any;
    if (brotli < 0) brotli = any;
    if (has_brotli && brotli > 0 && brotli >= gzip) return Encoding::Brotli;
    if (has_gzip && gzip > 0) return Encoding::Gzip;
    return has_brotli && brotli > 0 ? Encoding::Brotli : Encoding::Identity;
}

std::size_t chooseLanguage(std::string_view accept, const std::vector<std::string>& supported,
                           std::size_t fallback) {
    std::size_t best = fallback;
    int best_weight = 0;
    // A field with hundreds of wishes is no browser's; what stands first is enough.
    for (int count = 0; !accept.empty() && count < 32; ++count) {
        auto item = next(accept, ',');
        const auto tag = lower(next(item, ';'));
        const int weight = weightOf(item);
        if (weight <= best_weight || tag.empty()) continue;
        auto found = std::find(supported.begin(), supported.end(), tag);
        if (found == supported.end())
            found = std::find(supported.begin(), supported.end(), tag.substr(0, tag.find('-')));
        if (found != supported.end())
            best = static_cast<std::size_t>(found - supported.begin());
        else if (tag != "*")
            continue;
        best_weight = weight;
    }
    return best;
}

bool matches(std::string_view list, std::string_view etag) {
    while (!list.empty()) {
        auto one = next(list, ',');
        if (one.starts_with("W/")) one.remove_prefix(2);
        if (one == "*" || one == etag) return true;
    }
    return false;
}

Range parseRange(std::string_view field, std::size_t size) {
    constexpr std::string_view kUnit = "bytes=";
    if (!field.starts_with(kUnit)) return {};
    const auto range = trimmed(field.substr(kUnit.size()));
    const auto dash = range.find('-');
    if (dash == std::string_view::npos || range.find(',') != std::string_view::npos) return {};
    const auto number = [](std::string_view s, std::size_t& out) {
        const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), out);
        return error == std::errc() && end == s.data() + s.size();
    };
    std::size_t first = 0, last = 0;
    if (dash == 0) {  // the last N octets
        if (!number(range.substr(1), last)) return {};
        if (last == 0 || size == 0) return {Range::Kind::Unsatisfiable, 0, 0};
        return {Range::Kind::Part, size - std::min(last, size), size - 1};
    }
    if (!number(range.substr(0, dash), first)) return {};
    if (dash + 1 == range.size())
        last = size - 1;
    else if (!number(range.substr(dash + 1), last) || last < first)
        return {};
    if (first >= size) return {Range::Kind::Unsatisfiable, 0, 0};
    return {Range::Kind::Part, first, std::min(last, size - 1)};
}

std::optional<std::string> decodePath(std::string_view path) {
    std::string out;
    out.reserve(path.size());
    for (std::size_t i = 0; i < path.size(); ++i) {
        if (path[i] != '%') {
            out.push_back(path[i]);
            continue;
        }
        if (i + 2 >= path.size()) return std::nullopt;
        const int high = hexOf(path[i + 1]), low = hexOf(path[i + 2]);
        if (high < 0 || low < 0 || high + low == 0) return std::nullopt;
        out.push_back(static_cast<char>(high * 16 + low));
        i += 2;
    }
    return out;
}

}  // namespace persona::pages
