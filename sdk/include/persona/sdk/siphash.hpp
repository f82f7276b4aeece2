#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace persona::sdk {

using SipSecret = std::array<std::uint64_t, 2>;

/// SipHash-C-D of `data` under a 128-bit key. 2-4 for keys of any length, 1-3 (as hash tables of
/// several languages use it) where the length is fixed and the result never leaves the process.
template <int C, int D>
[[nodiscard]] inline std::uint64_t sipHashOf(const SipSecret& key, std::string_view data) {
    std::uint64_t v0 = 0x736f6d6570736575ULL ^ key[0], v1 = 0x646f72616e646f6dULL ^ key[1];
    std::uint64_t v2 = 0x6c7967656e657261ULL ^ key[0], v3 = 0x7465646279746573ULL ^ key[1];
    const auto turn = [](std::uint64_t x, int by) { return x << by | x >> (64 - by); };
    const auto round = [&] {
        v0 += v1;
        v1 = turn(v1, 13) ^ v0;
        v0 = turn(v0, 32);
        v2 += v3;
        v3 = turn(v3, 16) ^ v2;
        v0 += v3;
        v3 = turn(v3, 21) ^ v0;
        v2 += v1;
        v1 = turn(v1, 17) ^ v2;
        v2 = turn(v2, 32);
    };
    const auto absorb = [&](std::uint64_t m) {
        v3 ^= m;
        for (int i = 0; i < C; ++i) round();
        v0 ^= m;
    };
    std::size_t at = 0;
    for (; at + 8 <= data.size(); at += 8) {
        std::uint64_t m = 0;
        std::memcpy(&m, data.data() + at, 8);
        absorb(m);
    }
    std::uint64_t last = static_cast<std::uint64_t>(data.size()) << 56;
    if (at < data.size()) std::memcpy(&last, data.data() + at, data.size() - at);
    absorb(last);
    v2 ^= 0xff;
    for (int i = 0; i < D; ++i) round();
    return v0 ^ v1 ^ v2 ^ v3;
}

[[nodiscard]] inline std::uint64_t sipHash(const SipSecret& key, std::string_view data) {
    return sipHashOf<2, 4>(key, data);
}

/// Another 64-bit number for each number, in a few cycles; for numbers that are keyed hashes
/// already. Not 0.
[[nodiscard]] inline std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
    std::uint64_t x = a ^ (b + 0x9e3779b97f4a7c15ULL + (a << 6) + (a >> 2));
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    x ^= x >> 31;
    return x == 0 ? 1 : x;
}

}  // namespace persona::sdk
