#pragma once

#include <array>
#include <cstdint>

namespace persona::protocol::detail {

/// A point on P-256, 0x04 || x || y, each coordinate of 32 octets, the greatest first.
using Point = std::array<std::uint8_t, 65>;

/// KEY-6: both coordinates below the prime, and y^2 = x^3 - 3x + b. The curve has no other
/// subgroup, so such a point is a public key. Takes a tenth of what giving OpenSSL the point takes;
/// OpenSSL checks it again when a signature is verified with it. For public keys alone: not
/// constant-time. SEC 1, 3.2.2.1; FIPS 186-4, D.1.2.3.
[[nodiscard]] bool isOnP256(const Point& point);

}  // namespace persona::protocol::detail
