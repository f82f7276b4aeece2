#include "libs/protocol/base64url.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace persona::protocol {

namespace {
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// The six bits of a character where they belong in the upper 24 of its group, by place in the
/// group. Outside of the alphabet: kBad.
constexpr std::uint32_t kBad = 1;
constexpr auto kBits = [] {
    std::array<std::array<std::uint32_t, 256>, 4> t{};
    for (std::size_t place = 0; place < t.size(); ++place) {
        t[place].fill(kBad);
        for (std::size_t i = 0; i < kAlphabet.size(); ++i)
            t[place][static_cast<unsigned char>(kAlphabet[i])] =
                static_cast<std::uint32_t>(i << (26 - 6 * place));
    }
    return t;
}();
/// Two characters for twelve bits.
constexpr auto kPairs = [] {
    std::array<std::array<char, 2>, 4096> t{};
    for (std::size_t i = 0; i < t.size(); ++i) t[i] = {kAlphabet[i >> 6], kAlphabet[i & 63]};
    return t;
}();
}  // namespace

void appendBase64Url(std::string& out, std::string_view octets) {
    const auto before = out.size();
    out.resize(before + (octets.size() * 4 + 2) / 3);
    const auto octet = [&](std::size_t i) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(octets[i]));
    };
    char* to = out.data() + before;
    std::size_t i = 0;
    for (; i + 3 <= octets.size(); i += 3, to += 4) {
        const std::uint32_t bits = octet(i) << 16 | octet(i + 1) << 8 | octet(i + 2);
        std::memcpy(to, kPairs[bits >> 12].data(), 2);
        std::memcpy(to + 2, kPairs[bits & 0xfff].data(), 2);
    }
    if (const auto left = octets.size() - i; left > 0) {
        const std::uint32_t bits = octet(i) << 16 | (left == 2 ? octet(i + 1) << 8 : 0);
        std::memcpy(to, kPairs[bits >> 12].data(), 2);
        if (left == 2) to[2] = kAlphabet[bits >> 6 & 63];
    }
}

std::string encodeBase64Url(std::string_view octets) {
    std::string out;
    appendBase64Url(out, octets);
    return out;
}

bool decodeBase64Url(std::string_view text, std::span<char> out) {
    const std::size_t whole = text.size() / 4, left = text.size() % 4;
    if (left == 1 || out.size() <= text.size() * 3 / 4) return false;
    // Each group is written with a fourth octet, the place of the next one's first.
    const auto* from = reinterpret_cast<const unsigned char*>(text.data());
    char* to = out.data();
    std::uint32_t all = 0;
    for (std::size_t i = 0; i < whole; ++i, from += 4, to += 3) {
        const std::uint32_t bits =
            kBits[0][from[0]] | kBits[1][from[1]] | kBits[2][from[2]] | kBits[3][from[3]];
        all |= bits;
        to[0] = static_cast<char>(bits >> 24);
        to[1] = static_cast<char>(bits >> 16);
        to[2] = static_cast<char>(bits >> 8);
        to[3] = static_cast<char>(bits);
    }
    if (left > 0) {
        const std::uint32_t bits =
            kBits[0][from[0]] | kBits[1][from[1]] | (left == 3 ? kBits[2][from[2]] : 0);
        all |= bits;
        if ((bits & (left == 2 ? 0xff'ff00U : 0xff00U)) != 0) return false;  // B64-2
        to[0] = static_cast<char>(bits >> 24);
        if (left == 3) to[1] = static_cast<char>(bits >> 16);
    }
    return (all & kBad) == 0;
}

std::optional<std::string> decodeBase64Url(std::string_view text) {
    std::string out(text.size() * 3 / 4 + 1, '\0');
    if (!decodeBase64Url(text, out)) return std::nullopt;
    out.pop_back();
    return out;
}

std::optional<std::string> decodeBase64Lenient(std::string_view text) {
    std::string clean(text);
    // Padding only as much as a whole group lacks.
    if (clean.size() % 4 == 0)
        for (int i = 0; i < 2 && !clean.empty() && clean.back() == '='; ++i) clean.pop_back();
    for (auto& c : clean) c = c == '+' ? '-' : c == '/' ? '_' : c;
    return decodeBase64Url(clean);
}

}  // namespace persona::protocol
