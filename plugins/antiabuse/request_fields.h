#pragma once

#include <persona/abi/http_service.h>

#include <string_view>

namespace persona::antiabuse {

/// The fields of a request that matter here, found in one pass; views of the request. Of a name
/// that stands twice the first counts, as with the roles: who shows the filter one thing and them
/// another is judged for the wrong one.
struct RequestFields {
    explicit RequestFields(const psn_request& request);
    std::string_view cookie, agent, language, accept, type, origin;
    bool encoded = false;  ///< a Content-Encoding, whatever it says
    bool proof = false;    ///< a BID-Work
};

/// Compared without case; `lower` is in lower case already.
[[nodiscard]] bool sameName(std::string_view name, std::string_view lower);

}  // namespace persona::antiabuse
