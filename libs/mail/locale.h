#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace persona::mail {

/// The locales that have a catalogue, "en" first, and the pseudo-locale kDebugLocale last.
[[nodiscard]] const std::vector<std::string>& locales();
/// English with every letter changed, for tests: what stays readable is not translated. The tag is
/// nobody's: XA is a region that no country has.
constexpr std::string_view kDebugLocale = "en-XA";

/// The best of `supported` for an Accept-Language header: highest q first, then order; each range
/// matches exactly or by its primary subtag; case does not matter. Reads at most 1,024 octets and
/// 32 ranges. Nothing fits: `fallback`. Pure; any thread.
[[nodiscard]] std::string chooseLocale(std::string_view accept_language,
                                       const std::vector<std::string>& supported,
                                       std::string_view fallback);

}  // namespace persona::mail
