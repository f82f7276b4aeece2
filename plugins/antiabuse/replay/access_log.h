#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace persona::antiabuse {

/// What a line of an access log says of a request.
struct Logged {
    std::int64_t seconds = 0;  ///< since 1970
    std::string address, method, path, query, agent;
    unsigned status = 0;
};

/// A line of ours, or of any server that writes the common log format: `ADDRESS - - [TIME] "METHOD
/// TARGET HTTP/1.1" STATUS ...`; the last quoted part is the user agent. Empty: it is no such line.
[[nodiscard]] std::optional<Logged> parseLine(std::string_view line);

}  // namespace persona::antiabuse
