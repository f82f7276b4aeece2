#pragma once

#include <map>
#include <persona/sdk/stream.hpp>
#include <string>

/// What the example services share: pages from files, cookies, one small answer.
namespace persona::examples {

/// The files of a folder, read once, with {{name}} replaced by the values. Throws
/// std::runtime_error.
[[nodiscard]] std::map<std::string, std::string, std::less<>> loadPages(
    const std::string& folder, const std::map<std::string, std::string>& values);

/// "text/html; charset=utf-8" and the like, by the name's ending.
[[nodiscard]] std::string contentType(std::string_view name);

/// Value of a cookie, or empty.
[[nodiscard]] std::string cookie(const sdk::Stream& s, std::string_view name);

/// A text member of the JSON object that is the request's body, or empty.
[[nodiscard]] std::string bodyText(const sdk::Stream& s, std::string_view member);

/// Whether a Host field names this computer itself: localhost, a name below it, 127.0.0.1 or [::1],
/// with or without a port.
[[nodiscard]] bool isLocalName(std::string_view host);

/// True when the page that sent this is of our own origin: what a POST with a cookie must be.
[[nodiscard]] bool isOwnPage(const sdk::Stream& s, std::string_view origin);

}  // namespace persona::examples
