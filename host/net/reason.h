#pragma once

#include <string_view>

namespace persona::host::net {

/// Reason phrase of a status (RFC 9110 15); "Status" for those without one.
[[nodiscard]] std::string_view reasonPhrase(unsigned status);

}  // namespace persona::host::net
