#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace persona::addresses {

/// An IP address. IPv4, also mapped into IPv6 (::ffff:192.0.2.1), has its four octets first.
struct Address {
    std::array<std::uint8_t, 16> octets{};
    bool is_v4 = false;
    [[nodiscard]] std::uint32_t v4() const {
        return static_cast<std::uint32_t>(octets[0]) << 24 |
               static_cast<std::uint32_t>(octets[1]) << 16 |
               static_cast<std::uint32_t>(octets[2]) << 8 | octets[3];
    }
    bool operator==(const Address&) const = default;
};

/// Textual IP without brackets, port or zone; empty: it is none.
[[nodiscard]] std::optional<Address> parseAddress(std::string_view text);

/// A network: the address with its host bits cleared, and how many bits count.
struct Prefix {
    Address address;
    unsigned bits = 0;  ///< up to 32 or 128
    [[nodiscard]] Address last() const;
    bool operator==(const Prefix&) const = default;
};

/// "192.0.2.0/24", "2001:db8::/32", or an address alone; host bits are cleared.
[[nodiscard]] std::optional<Prefix> parsePrefix(std::string_view text);

}  // namespace persona::addresses
