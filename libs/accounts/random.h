#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace persona::accounts {

/// Fills `size` octets with unpredictable ones; false when there are none to be had. Must be safe
/// to call from several threads. Tests inject their own.
using Random = std::function<bool(unsigned char* out, std::size_t size)>;
/// OpenSSL's generator.
[[nodiscard]] Random systemRandom();

constexpr std::size_t kTokenLength = 48;

/// 48 characters of A-Za-z0-9, every one equally likely (rejection sampling, W25): 285 bits. Throws
/// std::runtime_error when there is no randomness; the store turns that into Unavailable.
[[nodiscard]] std::string makeToken(const Random& random);
/// Exactly 48 characters of A-Za-z0-9.
[[nodiscard]] bool isToken(std::string_view text);
/// What the database holds of a token: its SHA-256 in lower-case hexadecimal.
[[nodiscard]] std::string tokenDigest(std::string_view token);
/// 32 hexadecimal digits: a 128-bit key.
[[nodiscard]] std::string makeKey(const Random& random);
/// 1 <= id < 2^53.
[[nodiscard]] std::int64_t makeUserId(const Random& random);

}  // namespace persona::accounts
