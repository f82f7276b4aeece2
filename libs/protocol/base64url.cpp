#include "libs/protocol/base64url.h"

#include <array>
#include <cstdint>

namespace persona::protocol {

namespace {
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::array<std::int8_t, 256> kValue = [] {
    std::array<std::int8_t, 256> t{};
    for (auto& v : t) v = -1;
    for (std::size_t i = 0; i < kAlphabet.size(); ++i)
        t[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
    return t;
}();
}  // namespace

std::string encodeBase64Url(std::string_view in) {
    std::string out((in.size() * 4 + 2) / 3, '\0');
    const auto octet = [&](std::size_t i) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(in[i]));
    };
    char* to = out.data();
    std::size_t i = 0;
    for (; i + 3 <= in.size(); i += 3, to += 4) {
        const std::uint32_t bits = octet(i) << 16 | octet(i + 1) << 8 | octet(i + 2);
        to[0] = kAlphabet[bits >> 18];
        to[1] = kAlphabet[bits >> 12 & 63];
        to[2] = kAlphabet[bits >> 6 & 63];
        to[3] = kAlphabet[bits & 63];
    }
    if (const auto left = in.size() - i; left > 0) {
        const std::uint32_t bits = octet(i) << 16 | (left == 2 ? octet(i + 1) << 8 : 0);
        to[0] = kAlphabet[bits >> 18];
        to[1] = kAlphabet[bits >> 12 & 63];
        if (left == 2) to[2] = kAlphabet[bits >> 6 & 63];
    }
    return out;
}

std::optional<std::string> decodeBase64Url(std::string_view in) {
    const std::size_t whole = in.size() / 4, left = in.size() % 4;
    if (left == 1) return std::nullopt;
    std::string out(in.size() * 3 / 4, '\0');
    const auto* from = reinterpret_cast<const unsigned char*>(in.data());
    char* to = out.data();
    // Characters outside the alphabet are -1: one of them makes `bad` negative for good.
    std::int32_t bad = 0;
    for (std::size_t i = 0; i < whole; ++i, from += 4, to += 3) {
        const std::int32_t a = kValue[from[0]], b = kValue[from[1]], c = kValue[from[2]],
                           d = kValue[from[3]];
        bad |= a | b | c | d;
        const auto bits = static_cast<std::uint32_t>(a) << 18 |
                          static_cast<std::uint32_t>(b) << 12 | static_cast<std::uint32_t>(c) << 6 |
                          static_cast<std::uint32_t>(d);
        to[0] = static_cast<char>(bits >> 16);
        to[1] = static_cast<char>(bits >> 8);
        to[2] = static_cast<char>(bits);
    }
    if (left > 0) {
        const std::int32_t a = kValue[from[0]], b = kValue[from[1]],
                           c = left == 3 ? kValue[from[2]] : 0;
        bad |= a | b | c;
        if ((left == 2 ? b & 15 : c & 3) != 0) return std::nullopt;  // B64-2
        to[0] = static_cast<char>(a << 2 | b >> 4);
        if (left == 3) to[1] = static_cast<char>(b << 4 | c >> 2);
    }
    if (bad < 0) return std::nullopt;
    return out;
}

std::optional<std::string> decodeBase64Lenient(std::string_view in) {
    std::string clean(in);
    // Padding only as much as a whole group lacks.
    if (clean.size() % 4 == 0)
        for (int i = 0; i < 2 && !clean.empty() && clean.back() == '='; ++i) clean.pop_back();
    for (auto& c : clean) c = c == '+' ? '-' : c == '/' ? '_' : c;
    return decodeBase64Url(clean);
}

}  // namespace persona::protocol
