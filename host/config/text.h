#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace persona::host::config {

/// "250ms", "30s", "5m", "2h", "28d" in milliseconds; "0" alone is 0. Empty: not a duration.
[[nodiscard]] std::optional<std::int64_t> parseDuration(std::string_view text);
/// The same with "200us" too, in microseconds.
[[nodiscard]] std::optional<std::int64_t> parseMicroseconds(std::string_view text);
/// "512B", "10KiB", "1MiB", "2GiB" in octets; "0" alone is 0. Empty: not a size.
[[nodiscard]] std::optional<std::int64_t> parseSize(std::string_view text);
[[nodiscard]] std::optional<std::int64_t> parseInt(std::string_view text);
[[nodiscard]] std::optional<double> parseDouble(std::string_view text);
[[nodiscard]] std::optional<bool> parseBool(std::string_view text);
/// Octal permissions, "0660" or "660". Empty: not octal, or over 0777.
[[nodiscard]] std::optional<std::int64_t> parseMode(std::string_view text);
/// The shortest text that parseDuration reads back as `ms`: 10000 is "10s".
[[nodiscard]] std::string durationText(std::int64_t ms);
/// Likewise for parseSize: 16384 is "16KiB".
[[nodiscard]] std::string sizeText(std::int64_t octets);
/// The candidate that `word` was probably meant to be, or empty.
[[nodiscard]] std::string nearest(std::string_view word,
                                  const std::vector<std::string>& candidates);

}  // namespace persona::host::config
