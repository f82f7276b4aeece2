#pragma once

#include <functional>
#include <string>

#include "libs/protocol/verify.h"

/// protocol.md 3.2 to 3.4 once more: slow, in the order of the text, with regular expressions, and
/// sharing nothing with the library but the JSON parser, keys and signatures. For comparison alone.
namespace persona::fuzz {

struct Said {
    bool ok = false;
    std::string reason;  ///< failure: the pinned text, or empty where the specification allows any
    std::string email, unverified_email, issuer;
    std::int64_t expires = 0;
    protocol::Json idp_claims = protocol::Json::object(), user_claims = protocol::Json::object();
};

[[nodiscard]] Said restate(const protocol::VerifyRequest& request, protocol::Api api,
                           const protocol::VerifyOptions& options, std::int64_t now,
                           const std::function<protocol::Discovered(const std::string&)>& find);

}  // namespace persona::fuzz
