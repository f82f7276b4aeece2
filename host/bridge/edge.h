#pragma once

#include <persona/abi/stream.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

/// What plugins hand over, checked where it crosses the ABI: past it, heads are written as they are
/// and times are added up.
namespace persona::host::bridge {

constexpr std::size_t kMostFields = 256, kLongestValue = 16 * 1024;

/// Whether the field can neither end its line nor be taken for another one.
[[nodiscard]] bool cleanField(std::string_view name, std::string_view value);
/// A count within its bound, of fields that are there and clean.
[[nodiscard]] bool cleanFields(const psn_header* fields, std::uint32_t count);
/// No blank and no control character, so that a request line has three parts.
[[nodiscard]] bool cleanTarget(std::string_view target);
/// A final status and clean fields.
[[nodiscard]] bool isValid(const psn_response* response);

/// Whoever means "never" says UINT64_MAX; 30 days can be counted in nanoseconds and added to a
/// clock.
[[nodiscard]] constexpr std::uint64_t boundedMs(std::uint64_t ms) {
    constexpr std::uint64_t kMost = 30ULL * 24 * 3600 * 1000;
    return ms < kMost ? ms : kMost;
}

}  // namespace persona::host::bridge
