#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace persona::protocol {

/// Base64 with the URL alphabet, without padding (RFC 4648 section 5).
[[nodiscard]] std::string encodeBase64Url(std::string_view octets);
void appendBase64Url(std::string& out, std::string_view octets);
/// Strict: rules B64-1 and B64-2; one text for each value.
[[nodiscard]] std::optional<std::string> decodeBase64Url(std::string_view text);
/// Either alphabet, padding allowed: for integers of the 2012.08.15 format only.
[[nodiscard]] std::optional<std::string> decodeBase64Lenient(std::string_view text);

}  // namespace persona::protocol
