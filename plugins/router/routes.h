#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace persona::router {

/// One call of the API (wsapi.md section 4).
struct Call {
    std::string_view name, method;
    bool writes;    ///< dbwriter serves it
    bool internal;  ///< for roles alone: 404 from outside
};
[[nodiscard]] std::span<const Call> calls();

inline constexpr std::size_t kNoCall = static_cast<std::size_t>(-1);
struct Choice {
    enum Kind { Static, Unknown, Internal, Read, Write } kind = Static;
    std::size_t call = kNoCall;  ///< index into calls()
};
/// Rows 5 to 7 of wsapi.md 2.1; `path` as received, not decoded.
[[nodiscard]] Choice choose(std::string_view method, std::string_view path);

}  // namespace persona::router
