#pragma once

#include <persona/abi/ext/draft/facts.h>

#include <cstdint>

namespace persona::antiabuse {

/// Routes that a script of the service's own asks for, which can answer a challenge: not files and
/// pages, not the verifier's clients.
inline constexpr std::uint32_t kScripted =
    1U << PSN_ROUTE_CONTEXT | 1U << PSN_ROUTE_LOGIN | 1U << PSN_ROUTE_STAGE |
    1U << PSN_ROUTE_TOKEN | 1U << PSN_ROUTE_STATUS | 1U << PSN_ROUTE_LOOKUP |
    1U << PSN_ROUTE_ASSERTION | 1U << PSN_ROUTE_CERTIFY | 1U << PSN_ROUTE_ACCOUNT;

[[nodiscard]] constexpr bool isScripted(std::uint32_t route_class) {
    return (1U << route_class & kScripted) != 0;
}
[[nodiscard]] constexpr bool isFile(std::uint32_t route_class) {
    return route_class == PSN_ROUTE_STATIC || route_class == PSN_ROUTE_VIEW;
}

}  // namespace persona::antiabuse
