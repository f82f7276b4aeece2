#include "plugins/antiabuse/modes.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace persona::antiabuse {

std::string Mode::text() const {
    switch (kind) {
        case Off:
            return "off";
        case Monitor:
            return "monitor";
        case Enforce:
            return "enforce";
        case Sample:
            break;
    }
    auto digits = std::to_string(1'000 + share).substr(1);
    while (digits.size() > 1 && digits.back() == '0') digits.pop_back();
    return share == 1'000 ? "sample(1)" : "sample(0." + digits + ")";
}

std::optional<Mode> parseMode(std::string_view text) {
    if (text == "off") return Mode{Mode::Off, 0};
    if (text == "monitor") return Mode{Mode::Monitor, 0};
    if (text == "enforce") return Mode{Mode::Enforce, 1'000};
    if (!text.starts_with("sample(") || !text.ends_with(")")) return std::nullopt;
    const auto number = text.substr(7, text.size() - 8);
    double p = -1;
    const auto [at, error] = std::from_chars(number.data(), number.data() + number.size(), p);
    if (error != std::errc{} || at != number.data() + number.size() || !(p >= 0 && p <= 1))
        return std::nullopt;
    return Mode{Mode::Sample, static_cast<std::uint16_t>(std::lround(p * 1'000))};
}

Modes::Modes(const std::map<std::string, Mode>& rules, Mode fallback) : fallback_(fallback) {
    for (const auto& [name, mode] : rules)
        (name.find('.') == std::string::npos ? heuristics_ : reasons_).emplace(name, mode);
}

void Modes::bind(std::size_t number, std::string_view heuristic) {
    const auto at = heuristics_.find(heuristic);
    set(number, at == heuristics_.end() ? fallback_ : at->second);
}

void Modes::set(std::size_t number, Mode mode) {
    by_number_[number].store(mode.packed(), std::memory_order_relaxed);
    const auto bit = 1ULL << number;
    if (mode.kind == Mode::Off)
        off_.fetch_or(bit, std::memory_order_relaxed);
    else
        off_.fetch_and(~bit, std::memory_order_relaxed);
}

Mode Modes::of(std::size_t number, std::string_view heuristic, std::string_view reason) const {
    const auto own = of(number);
    if (reasons_.empty()) return own;
    std::array<char, 160> name;
    if (heuristic.size() + 1 + reason.size() > name.size()) return own;
    auto* to = std::copy(heuristic.begin(), heuristic.end(), name.data());
    *to++ = '.';
    to = std::copy(reason.begin(), reason.end(), to);
    const auto at =
        reasons_.find(std::string_view(name.data(), static_cast<std::size_t>(to - name.data())));
    return at == reasons_.end() ? own : at->second;
}

}  // namespace persona::antiabuse
