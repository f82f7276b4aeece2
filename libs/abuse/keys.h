#pragma once

#include <algorithm>
#include <cstdint>

namespace persona::abuse {

/// One key for two that belong together, such as a network and an account. Both are keyed hashes
/// already, so nobody chooses what collides. 0 when either is not known.
[[nodiscard]] constexpr std::uint64_t pairOf(std::uint64_t a, std::uint64_t b) {
    if (a == 0 || b == 0) return 0;
    std::uint64_t x = a * 0x9e3779b97f4a7c15ULL ^ (b + 0xbf58476d1ce4e5b9ULL);
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
    x ^= x >> 31;
    return x == 0 ? 1 : x;
}

/// How many times as much a network may do from which that many accounts have signed in: an office
/// is not one person (anti-abuse.md, decision 4).
[[nodiscard]] inline double creditFactor(std::uint32_t credit, double each, double most = 20) {
    return 1 + std::min(most, each * credit);
}

/// Networks that hold the client's own one, and how many times its budget they have: IPv4 /24, IPv6
/// /56 and /48.
inline constexpr double kWider[3] = {1, 8, 16};

}  // namespace persona::abuse
