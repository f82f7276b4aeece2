#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace persona::protocol {

/// ISS-1: a host name that may issue or be delegated to; `text` in any case. `allow_port`
/// (`allow_domains_with_port`, tests only): HOST:PORT too.
[[nodiscard]] bool isHostName(std::string_view text, bool allow_port = false);
/// ASCII only.
[[nodiscard]] std::string toLower(std::string_view text);

/// EMAIL-1 to EMAIL-4. The domain in lower case when the address is valid.
[[nodiscard]] std::optional<std::string> emailDomain(std::string_view address,
                                                     bool allow_port = false);

/// AUD-1 to AUD-3. Empty: the audience that the site gave fits the one in the assertion. Else the
/// part after "audience mismatch: ".
[[nodiscard]] std::string compareAudience(std::string_view asserted, std::string_view given,
                                          bool v2);

}  // namespace persona::protocol
