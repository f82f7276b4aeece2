#pragma once

#include <persona/abi/ext/draft/facts.h>

#include <string_view>

namespace persona::antiabuse {

/// Reads the words of BID-AA-Outcome into code and codes; unknown ones are left out.
void readOutcome(std::string_view field, psn_outcome& out);
/// A number of microseconds; `missing` for what is none.
[[nodiscard]] std::uint32_t readMicroseconds(std::string_view field, std::uint32_t missing);

/// Value of BID-AA-Ask for the roles: PSN_HINT_* in words.
[[nodiscard]] std::string_view askFor(std::uint32_t hints);

}  // namespace persona::antiabuse
