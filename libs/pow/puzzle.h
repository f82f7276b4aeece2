#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Proof of work (anti-abuse.md section 4): a puzzle that costs the asker 2^bits calls of a hash on
/// average, and whoever checks it one call for each part.
namespace persona::pow {

enum class Algorithm : std::uint8_t {
    Pbkdf2,  ///< PBKDF2-HMAC-SHA-256: what a browser's WebCrypto does nearly as fast as anybody
    Sha256   ///< one SHA-256, for browsers without WebCrypto; 10 bits more for the same work
};
[[nodiscard]] std::string_view nameOf(Algorithm algorithm);
[[nodiscard]] std::optional<Algorithm> algorithmOf(std::string_view name);

/// For each part i the solver finds a number n whose decimal text, as password, with seed and the
/// octet i as salt, gives 32 octets that begin with bits - log2(parts) zero bits. Several parts
/// make the time that it takes more even.
struct Puzzle {
    static constexpr unsigned kParts = 4, kPartBits = 2, kSeed = 16;
    Algorithm algorithm = Algorithm::Pbkdf2;
    std::uint32_t iterations = 250;  ///< of PBKDF2
    std::uint32_t bits = 10;         ///< 3 to 32
    std::array<unsigned char, kSeed> seed{};
};
using Solution = std::array<std::uint64_t, Puzzle::kParts>;

/// Stops at the first part that is wrong. [any] thread.
[[nodiscard]] bool isSolved(const Puzzle& puzzle, const Solution& solution);
/// "a,b,c,d"; decimal numbers below 2^53.
[[nodiscard]] std::optional<Solution> parseSolution(std::string_view text);
[[nodiscard]] std::string textOf(const Solution& solution);
/// Does the work. For tests, tools and simulated clients.
[[nodiscard]] Solution solve(const Puzzle& puzzle);

}  // namespace persona::pow
