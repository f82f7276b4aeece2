#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace persona::wsapi {

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// application/x-www-form-urlencoded, also of a query. Empty: bad escapes, or more than 100 pairs.
[[nodiscard]] std::optional<Pairs> parseForm(std::string_view text);
/// "type/subtype" of a Content-Type in lower case, without parameters.
[[nodiscard]] std::string mediaType(std::string_view content_type);
/// Host part of a URL such as "https://login.example:8443": "login.example"; lower case.
[[nodiscard]] std::string hostOf(std::string_view url);

}  // namespace persona::wsapi
