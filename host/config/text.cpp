#include "host/config/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

namespace persona::host::config {

namespace {

using Unit = std::pair<std::string_view, std::int64_t>;

template <std::size_t N>
std::optional<std::int64_t> withUnit(std::string_view text, const Unit (&units)[N]) {
    std::int64_t number = 0;
    const auto r = std::from_chars(text.data(), text.data() + text.size(), number);
    if (r.ec != std::errc{} || number < 0) return std::nullopt;
    const std::string_view unit(r.ptr, static_cast<std::size_t>(text.data() + text.size() - r.ptr));
    if (unit.empty() && number == 0) return 0;
    for (const auto& [name, factor] : units)
        if (unit == name) {
            if (number > INT64_MAX / factor) return std::nullopt;
            return number * factor;
        }
    return std::nullopt;
}

constexpr Unit kDurations[] = {
    {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
constexpr Unit kSizes[] = {{"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};

template <std::size_t N>
std::string shortest(std::int64_t value, const Unit (&units)[N]) {
    std::size_t best = 0;
    for (std::size_t i = 0; i < N; ++i)
        if (value != 0 && value % units[i].second == 0) best = i;
    return std::to_string(value / units[best].second) + std::string(units[best].first);
}

std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t up = row[j];
            row[j] =
                std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
            diagonal = up;
        }
    }
    return row[b.size()];
}

}  // namespace

std::optional<std::int64_t> parseDuration(std::string_view text) {
    return withUnit(text, kDurations);
}

std::optional<std::int64_t> parseMicroseconds(std::string_view text) {
    static constexpr Unit kUnits[] = {
        {"us", 1}, {"ms", 1'000}, {"s", 1'000'000}, {"m", 60'000'000}};
    return withUnit(text, kUnits);
}

std::optional<std::int64_t> parseSize(std::string_view text) {
    return withUnit(text, kSizes);
}

std::optional<std::int64_t> parseInt(std::string_view text) {
    std::int64_t n = 0;
    const auto r = std::from_chars(text.data(), text.data() + text.size(), n);
    if (text.empty() || r.ec != std::errc{} || r.ptr != text.data() + text.size())
        return std::nullopt;
    return n;
}

std::optional<double> parseDouble(std::string_view text) {
    double n = 0;
    const auto r = std::from_chars(text.data(), text.data() + text.size(), n);
    if (text.empty() || r.ec != std::errc{} || r.ptr != text.data() + text.size() ||
        !std::isfinite(n))
        return std::nullopt;
    return n;
}

std::optional<bool> parseBool(std::string_view text) {
    if (text == "true") return true;
    if (text == "false") return false;
    return std::nullopt;
}

std::optional<std::int64_t> parseMode(std::string_view text) {
    std::int64_t n = 0;
    const auto r = std::from_chars(text.data(), text.data() + text.size(), n, 8);
    if (text.empty() || r.ec != std::errc{} || r.ptr != text.data() + text.size() || n < 0 ||
        n > 0777)
        return std::nullopt;
    return n;
}

std::string durationText(std::int64_t ms) {
    return shortest(ms, kDurations);
}
std::string sizeText(std::int64_t octets) {
    return shortest(octets, kSizes);
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
    std::string best;
    std::size_t least = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (const auto& c : candidates)
        if (const auto d = distance(word, c); d < least) {
            least = d;
            best = c;
        }
    return best;
}

}  // namespace persona::host::config
