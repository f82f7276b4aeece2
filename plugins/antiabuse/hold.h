#pragma once

#include <persona/abi/ext/counters.h>

#include <algorithm>
#include <cstdint>

/// How an alarm that is held for a while outlives a swap and the process, as the flag of a counter:
/// by the seconds that are left, beside which the table knows how long ago that was. The moment at
/// which it ends would be one of a clock that begins anew with the machine.
namespace persona::antiabuse {

/// To be kept; 0: it is over.
[[nodiscard]] constexpr std::uint32_t secondsLeft(std::uint32_t until, std::uint32_t now) {
    return until > now ? until - now : 0;
}

/// Second at which it ends now; never later than one that begins now.
[[nodiscard]] constexpr std::uint32_t endOf(const psn_counter_value& kept, std::uint32_t now,
                                            std::uint32_t hold_s) {
    return now + std::min(hold_s, secondsLeft(kept.flag, kept.age_ms / 1'000));
}

}  // namespace persona::antiabuse
