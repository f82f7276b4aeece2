#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libs/protocol/verify.h"

namespace persona::verifier {

/// A request to the verifier, free of any HTTP engine.
struct ApiRequest {
    std::string_view method, path, query, content_type, body;
};

struct ApiAnswer {
    unsigned status = 200;
    std::string content_type = "application/json; charset=utf-8";
    std::string body;
    bool allow_post = false;  ///< 405: "Allow: POST"
};

/// protocol.md 3.1: both versions of the API. `path` "/v2" is version 2, "/verify" and "/"
/// version 1.
[[nodiscard]] ApiAnswer answer(const ApiRequest& request, const protocol::VerifyOptions& options,
                               std::int64_t now_ms, const protocol::DiscoverFn& find);

inline constexpr std::size_t kMaxBody = 10'240;  ///< octets

}  // namespace persona::verifier
