#pragma once

#include <string>
#include <string_view>

/// What the front door knows about a request besides its route; pure.
namespace persona::router {

/// True for fields in which a role would take a client's word for the router's: they do not pass.
[[nodiscard]] bool isInternalField(std::string_view name);

/// Scheme and authority of a Referer, for metrics; empty when it has none.
[[nodiscard]] std::string_view originOf(std::string_view referer);

/// The event that a page of the sign-in stands for (wsapi.md 2.1 row 6, 8.3); empty: none.
[[nodiscard]] std::string_view signInEvent(std::string_view path, std::string_view query);

}  // namespace persona::router
