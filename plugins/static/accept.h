#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What a request's Accept-*, If-None-Match and Range fields ask for. Pure functions, [any] thread.
namespace persona::pages {

enum class Encoding { Identity, Gzip, Brotli };

/// Best of `offered` that Accept-Encoding admits: brotli, then gzip, then identity (RFC 9110
/// 12.5.3; identity is what an unreadable field gets).
[[nodiscard]] Encoding chooseEncoding(std::string_view accept, bool has_gzip, bool has_brotli);

/// Index into `supported` (lower-case tags) of the language that Accept-Language wants most: each
/// wish in the order of its weight, first exactly, then by its primary subtag. None: `fallback`.
[[nodiscard]] std::size_t chooseLanguage(std::string_view accept,
                                         const std::vector<std::string>& supported,
                                         std::size_t fallback);

/// True when the list of If-None-Match names that ETag (weak comparison), or is "*".
[[nodiscard]] bool matches(std::string_view list, std::string_view etag);

struct Range {
    enum class Kind { Whole, Part, Unsatisfiable } kind = Kind::Whole;
    std::size_t first = 0, last = 0;  ///< inclusive, of a Part
};
/// One byte range of a body of `size` octets. Several ranges, other units and what cannot be read
/// mean the whole body (RFC 9110 14.2).
[[nodiscard]] Range parseRange(std::string_view field, std::size_t size);

/// The path with its escapes decoded once; empty when an escape is malformed or names U+0000.
[[nodiscard]] std::optional<std::string> decodePath(std::string_view path);

}  // namespace persona::pages
