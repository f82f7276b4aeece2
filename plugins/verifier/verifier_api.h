#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "libs/protocol/verify.h"
#include "libs/wsapi/outcome.h"

namespace persona::verifier {

/// A request to the verifier, free of any HTTP engine. Views; nothing is kept of them.
struct ApiRequest {
    std::string_view method, path, query, content_type, body;
};

struct ApiAnswer {
    unsigned status = 200;
    std::string_view content_type = "application/json; charset=utf-8";  ///< a literal
    std::string body;
    bool allow_post = false;  ///< 405: "Allow: POST"
    bool verified = false;    ///< an assertion was found good
    wsapi::Report report;     ///< for the router alone
};

/// What a well-formed request asks.
struct Question {
    protocol::Api api;
    protocol::VerifyRequest request;
};

/// protocol.md 3.1: both versions of the API. `path` "/v2" is version 2, any other version 1. The
/// answer at once where nothing has to be verified.
[[nodiscard]] std::variant<ApiAnswer, Question> readRequest(const ApiRequest& request);
[[nodiscard]] ApiAnswer answerOf(const protocol::VerifyResult& result, protocol::Api api);
/// 503: no room for one more that waits for the network.
[[nodiscard]] ApiAnswer tooBusy(protocol::Api api);
/// 503: a fault of ours.
[[nodiscard]] ApiAnswer unavailable();

/// Fields of every answer; `https`: public_url is.
[[nodiscard]] wsapi::AnswerFields headersOf(const ApiAnswer& answer, bool https);

inline constexpr std::size_t kMaxBody = 10'240;  ///< octets

}  // namespace persona::verifier
