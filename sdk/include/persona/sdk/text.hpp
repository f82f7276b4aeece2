#pragma once

#include <persona/abi/types.h>

#include <string>
#include <string_view>

/// Conversions between the views of the ABI and C++ texts.
namespace persona::sdk {

inline psn_str abi(std::string_view s) noexcept {
    return {s.data(), s.size()};
}
inline std::string_view view(psn_str s) noexcept {
    return {s.p, s.n};
}
inline std::string text(psn_str s) {
    return s.n == 0 ? std::string() : std::string(s.p, s.n);
}

/// Writes an error into the caller's buffer, cut to its size.
inline void setError(psn_err* err, std::string_view message) noexcept {
    if (err == nullptr || err->buf == nullptr) return;
    err->len = 0;
    for (const char c : message) {
        if (err->len == err->cap) break;
        err->buf[err->len++] = c;
    }
}

}  // namespace persona::sdk
