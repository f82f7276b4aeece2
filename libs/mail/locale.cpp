#include "libs/mail/locale.h"

#include <algorithm>
#include <optional>

#include "libs/protocol/names.h"

namespace persona::mail {

namespace {

constexpr std::size_t kMostOctets = 1024;
constexpr std::size_t kMostRanges = 32;

struct Range {
    std::string tag;
    int quality;  // thousandths
};

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

/// "0", "1", "0.5", "0.375" as thousandths (RFC 9110 12.4.2).
std::optional<int> parseQuality(std::string_view text) {
    if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
    if (text.size() > 1 && text[1] != '.') return std::nullopt;
    int value = (text[0] - '0') * 1000;
    int weight = 100;
    for (const char c : text.substr(std::min<std::size_t>(text.size(), 2))) {
        if (c < '0' || c > '9') return std::nullopt;
        value += (c - '0') * weight;
        weight /= 10;
    }
    return value <= 1000 ? std::optional(value) : std::nullopt;
}

std::vector<Range> parseRanges(std::string_view header) {
    std::vector<Range> out;
    header = header.substr(0, kMostOctets);
    while (!header.empty() && out.size() < kMostRanges) {
        const auto comma = std::min(header.find(','), header.size());
        auto item = trim(header.substr(0, comma));
        header.remove_prefix(std::min(comma + 1, header.size()));
        const auto semicolon = std::min(item.find(';'), item.size());
        const auto tag = trim(item.substr(0, semicolon));
        int quality = 1000;
        if (semicolon < item.size()) {
            const auto parameter = trim(item.substr(semicolon + 1));
            const auto parsed = parameter.starts_with("q=") || parameter.starts_with("Q=")
                                    ? parseQuality(parameter.substr(2))
                                    : std::nullopt;
            if (!parsed) continue;
            quality = *parsed;
        }
        if (!tag.empty() && tag.size() <= 35 && quality > 0)
            out.push_back({protocol::toLower(tag), quality});
    }
    std::stable_sort(out.begin(), out.end(),
                     [](const Range& a, const Range& b) { return a.quality > b.quality; });
    return out;
}

}  // namespace

std::string chooseLocale(std::string_view accept_language,
                         const std::vector<std::string>& supported, std::string_view fallback) {
    for (const auto& range : parseRanges(accept_language)) {
        for (const auto& name : supported)
            if (protocol::toLower(name) == range.tag) return name;
        const auto primary = range.tag.substr(0, range.tag.find('-'));
        for (const auto& name : supported)
            if (protocol::toLower(name) == primary) return name;
    }
    return std::string(fallback);
}

}  // namespace persona::mail
