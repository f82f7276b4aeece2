#pragma once

#include <string>
#include <string_view>

/// By what authority a request came: the router hands it over by that, and the anti-abuse filter
/// judges it by that, so both ask here.
namespace persona::wsapi {

/// Host and port of an origin or Host field in one spelling: lower case, without the port that the
/// scheme implies anyway. Empty for what is none.
[[nodiscard]] std::string authorityOf(std::string_view origin);
[[nodiscard]] bool sameAuthority(std::string_view host_field, std::string_view authority,
                                 std::string_view scheme);

/// Authority on which everything is for the verifier; empty: it has none of its own. `public_url`
/// is the service's.
[[nodiscard]] std::string verifierAuthority(std::string_view verifier_url,
                                            std::string_view public_url);

}  // namespace persona::wsapi
