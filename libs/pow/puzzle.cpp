#include "libs/pow/puzzle.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <charconv>
#include <stdexcept>

namespace persona::pow {

namespace {

using Digest = std::array<unsigned char, 32>;

Digest hash(const Puzzle& p, unsigned part, std::uint64_t number) {
    std::array<char, 20> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
    const auto length = static_cast<std::size_t>(end - text.data());
    std::array<unsigned char, Puzzle::kSeed + 1 + 20> in{};
    std::copy(p.seed.begin(), p.seed.end(), in.begin());
    in[Puzzle::kSeed] = static_cast<unsigned char>(part);
    Digest out{};
    if (p.algorithm == Algorithm::Pbkdf2) {
        if (PKCS5_PBKDF2_HMAC(text.data(), static_cast<int>(length), in.data(), Puzzle::kSeed + 1,
                              static_cast<int>(p.iterations), EVP_sha256(),
                              static_cast<int>(out.size()), out.data()) != 1)
            throw std::runtime_error("PBKDF2 failed in OpenSSL");
        return out;
    }
    std::copy(text.data(), text.data() + length, in.begin() + Puzzle::kSeed + 1);
    SHA256(in.data(), Puzzle::kSeed + 1 + length, out.data());
    return out;
}

unsigned zeroBits(const Digest& d) {
    unsigned n = 0;
    for (const auto octet : d) {
        if (octet == 0) {
            n += 8;
            continue;
        }
        return n + static_cast<unsigned>(__builtin_clz(octet)) - 24;
    }
    return n;
}

}  // namespace

std::string_view nameOf(Algorithm algorithm) {
    return algorithm == Algorithm::Pbkdf2 ? "pbkdf2" : "s256";
}

std::optional<Algorithm> algorithmOf(std::string_view name) {
    for (const auto a : {Algorithm::Pbkdf2, Algorithm::Sha256})
        if (name == nameOf(a)) return a;
    return std::nullopt;
}

bool isSolved(const Puzzle& p, const Solution& solution) {
    for (unsigned i = 0; i < Puzzle::kParts; ++i)
        if (zeroBits(hash(p, i, solution[i])) < p.bits - Puzzle::kPartBits) return false;
    return true;
}

std::optional<Solution> parseSolution(std::string_view text) {
    Solution out{};
    const char* at = text.data();
    const char* const end = at + text.size();
    for (unsigned i = 0; i < Puzzle::kParts; ++i) {
        const auto [next, error] = std::from_chars(at, end, out[i]);
        if (error != std::errc{} || out[i] >= (1ULL << 53)) return std::nullopt;
        const bool last = i + 1 == Puzzle::kParts;
        if (last ? next != end : (next == end || *next != ',')) return std::nullopt;
        at = next + 1;
    }
    return out;
}

std::string textOf(const Solution& solution) {
    std::string out;
    for (const auto n : solution) out += (out.empty() ? "" : ",") + std::to_string(n);
    return out;
}

Solution solve(const Puzzle& p) {
    Solution out{};
    for (unsigned i = 0; i < Puzzle::kParts; ++i)
        while (zeroBits(hash(p, i, out[i])) < p.bits - Puzzle::kPartBits) ++out[i];
    return out;
}

}  // namespace persona::pow
