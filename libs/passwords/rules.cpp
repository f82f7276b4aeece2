#include <cstddef>

#include "libs/passwords/passwords.h"

namespace persona::passwords {

namespace {

constexpr std::size_t kMinUnits = 8;
constexpr std::size_t kMaxUnits = 80;

/// Length of the well-formed UTF-8 sequence at the start of `text` (RFC 3629), 0: there is none.
std::size_t sequenceLength(std::string_view text) {
    const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned lead = octet(0);
    if (lead < 0x80) return 1;
    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
    // No overlong forms, no surrogates, nothing past U+10FFFF.
    const unsigned low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (octet(1) < low || octet(1) > high) return 0;
    for (std::size_t i = 2; i < length; ++i)
        if ((octet(i) & 0xc0) != 0x80) return 0;
    return length;
}

}  // namespace

std::string_view problemOf(std::string_view utf8) {
    std::size_t units = 0;
    // One unit takes at most three octets, so what is longer needs no walk.
    if (utf8.size() > 3 * kMaxUnits) return "is not in range";
    for (std::string_view rest = utf8; !rest.empty();) {
        if (rest.front() == '\0') return "has a NUL";
        const std::size_t length = sequenceLength(rest);
        if (length == 0) return "is not valid UTF-8";
        units += length == 4 ? 2 : 1;
        rest.remove_prefix(length);
    }
    if (units < kMinUnits || units > kMaxUnits) return "is not in range";
    return {};
}

}  // namespace persona::passwords
