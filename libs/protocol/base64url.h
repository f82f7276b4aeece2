#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace persona::protocol {

/// Base64 with the URL alphabet, without padding (RFC 4648 section 5).
[[nodiscard]] std::string encodeBase64Url(std::string_view octets);
void appendBase64Url(std::string& out, std::string_view octets);
/// Strict: rules B64-1 and B64-2; one text for each value.
[[nodiscard]] std::optional<std::string> decodeBase64Url(std::string_view text);
/// The same into `out`, which must have room for text.size() * 3 / 4 octets and one more, whose
/// content does not matter. False: not so, or no such text.
[[nodiscard]] bool decodeBase64Url(std::string_view text, std::span<char> out);
/// Either alphabet, padding allowed: for integers of the 2012.08.15 format only.
[[nodiscard]] std::optional<std::string> decodeBase64Lenient(std::string_view text);

}  // namespace persona::protocol
