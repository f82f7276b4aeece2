#include "plugins/antiabuse/outcome.h"

#include <persona/abi/ext/draft/heuristic.h>

#include <array>
#include <charconv>
#include <string>

namespace persona::antiabuse {

namespace {

/// In the order of PSN_OUTCOME_*.
constexpr std::array<std::string_view, PSN_OUTCOME_COUNT> kWords{
    "",           "auth_ok",       "auth_fail",     "auth_unknown",
    "locked",     "mail_sent",     "mail_skipped",  "verify_ok",
    "verify_bad", "verify_badkey", "wk_hit",        "wk_miss",
    "token_bad",  "token_ok",      "address_known", "address_unknown"};

constexpr std::array<std::string_view, 4> kHints{"skip-mail", "step-up", "untrusted", "cached"};

}  // namespace

void readOutcome(std::string_view field, psn_outcome& out) {
    while (!field.empty()) {
        const auto comma = field.find(',');
        auto word = field.substr(0, comma);
        field.remove_prefix(comma == std::string_view::npos ? field.size() : comma + 1);
        while (!word.empty() && word.front() == ' ') word.remove_prefix(1);
        while (!word.empty() && word.back() == ' ') word.remove_suffix(1);
        for (std::uint32_t code = 1; code < kWords.size(); ++code) {
            if (kWords[code] != word) continue;
            if (out.code == PSN_OUTCOME_NONE) out.code = code;
            out.codes |= 1ULL << code;
        }
    }
}

std::uint32_t readMicroseconds(std::string_view field, std::uint32_t missing) {
    std::uint32_t n = 0;
    const auto [at, error] = std::from_chars(field.data(), field.data() + field.size(), n);
    return field.empty() || error != std::errc{} || at != field.data() + field.size() ? missing : n;
}

std::string_view askFor(std::uint32_t hints) {
    static const auto kAll = [] {
        std::array<std::string, 1U << kHints.size()> out;
        for (std::size_t mask = 0; mask < out.size(); ++mask) {
            for (std::size_t i = 0; i < kHints.size(); ++i)
                if ((mask >> i & 1) != 0)
                    out[mask] += (out[mask].empty() ? "" : ", ") + std::string(kHints[i]);
        }
        return out;
    }();
    return kAll[hints & (kAll.size() - 1)];
}

}  // namespace persona::antiabuse
