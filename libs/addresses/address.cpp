#include "libs/addresses/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace persona::addresses {

namespace {

/// Four decimal numbers; quicker than inet_pton, which wants a terminated text.
std::optional<Address> parseV4(std::string_view text) {
    Address out;
    out.is_v4 = true;
    std::size_t at = 0;
    for (std::size_t part = 0; part < 4; ++part) {
        if (part != 0) {
            if (at >= text.size() || text[at] != '.') return std::nullopt;
            ++at;
        }
        unsigned n = 0, digits = 0;
        for (; at < text.size() && text[at] >= '0' && text[at] <= '9' && digits < 4; ++at, ++digits)
            n = n * 10 + static_cast<unsigned>(text[at] - '0');
        // A leading zero reads as octal elsewhere.
        if (digits == 0 || n > 255 || (digits > 1 && text[at - digits] == '0')) return std::nullopt;
        out.octets[part] = static_cast<std::uint8_t>(n);
    }
    if (at != text.size()) return std::nullopt;
    return out;
}

void clearHostBits(Address& a, unsigned bits, std::uint8_t fill) {
    const std::size_t size = a.is_v4 ? 4 : 16;
    for (std::size_t i = 0; i < size; ++i) {
        const auto from = static_cast<unsigned>(i) * 8;
        if (from + 8 <= bits) continue;
        const auto kept = bits > from ? static_cast<unsigned>(0xff00 >> (bits - from)) & 0xff : 0U;
        a.octets[i] = static_cast<std::uint8_t>((a.octets[i] & kept) | (fill & ~kept));
    }
}

}  // namespace

std::optional<Address> parseAddress(std::string_view text) {
    if (text.find(':') == std::string_view::npos) return parseV4(text);
    char buffer[INET6_ADDRSTRLEN + 1] = {};
    if (text.size() >= sizeof buffer) return std::nullopt;
    std::copy(text.begin(), text.end(), buffer);
    Address out;
    if (::inet_pton(AF_INET6, buffer, out.octets.data()) != 1) return std::nullopt;
    static constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (!std::equal(kMapped.begin(), kMapped.end(), out.octets.begin())) return out;
    Address v4;
    v4.is_v4 = true;
    std::copy(out.octets.begin() + 12, out.octets.end(), v4.octets.begin());
    return v4;
}

Address Prefix::last() const {
    Address a = address;
    clearHostBits(a, bits, 0xff);
    return a;
}

std::optional<Prefix> parsePrefix(std::string_view text) {
    const auto slash = text.find('/');
    const auto address = parseAddress(text.substr(0, slash));
    if (!address) return std::nullopt;
    Prefix p{*address, address->is_v4 ? 32U : 128U};
    if (slash != std::string_view::npos) {
        const auto digits = text.substr(slash + 1);
        unsigned bits = 0;
        const auto [at, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), bits);
        if (error != std::errc{} || at != digits.data() + digits.size() || bits > p.bits)
            return std::nullopt;
        p.bits = bits;
    }
    clearHostBits(p.address, p.bits, 0);
    return p;
}

}  // namespace persona::addresses
