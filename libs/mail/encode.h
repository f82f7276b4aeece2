#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace persona::mail {

/// Base64 with padding (RFC 4648 section 4).
[[nodiscard]] std::string base64(std::string_view octets);
/// Text as quoted-printable (RFC 2045 6.7): lines end in CR LF and have at most 76 octets. `text`
/// has LF line ends; a CR in it is encoded.
[[nodiscard]] std::string quotedPrintable(std::string_view text);
/// Text as encoded-words (RFC 2047, UTF-8, B) of at most 75 octets, separated by a space, never cut
/// inside a character. `text` is valid UTF-8.
[[nodiscard]] std::string encodedWords(std::string_view text);
/// Octets of the UTF-8 character at the start of `text`; 0: not valid UTF-8 (RFC 3629).
[[nodiscard]] std::size_t utf8Length(std::string_view text);
/// "Tue, 25 Nov 2025 02:28:12 +0000" (RFC 5322 3.3).
[[nodiscard]] std::string mailDate(std::int64_t unix_ms);
/// Lower case hexadecimal digits.
[[nodiscard]] std::string hex(std::string_view octets);

}  // namespace persona::mail
