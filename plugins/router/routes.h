#pragma once

#include <string_view>

#include "libs/wsapi/endpoints.h"

namespace persona::router {

struct Choice {
    enum Kind { Static, Unknown, Internal, Read, Write } kind = Static;
    const wsapi::Endpoint* call = nullptr;  ///< in wsapi::endpoints(), when it is a known one
};
/// Rows 5 to 7 of wsapi.md 2.1; `path` as received, not decoded. The calls are those of
/// libs/wsapi/endpoints.h, by which the roles register their handlers too.
[[nodiscard]] Choice choose(std::string_view method, std::string_view path);

}  // namespace persona::router
