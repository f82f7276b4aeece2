#include "libs/wsapi/message.h"

namespace persona::wsapi {

using protocol::Json;

Answer jsonAnswer(const Json& body, unsigned status) {
    Answer a;
    a.status = status;
    a.body = body.dump();
    return a;
}

Answer textAnswer(unsigned status, std::string body) {
    Answer a;
    a.status = status;
    a.content_type = "text/plain; charset=utf-8";
    a.body = std::move(body);
    return a;
}

Answer success() {
    return jsonAnswer(Json::object().add("success", true));
}

Answer failure(std::string_view reason, unsigned status) {
    Json o = Json::object();
    o.add("success", false);
    if (!reason.empty()) o.add("reason", std::string(reason));
    return jsonAnswer(o, status);
}

Answer noSuchToken() {
    auto a = failure("no such secret");
    a.outcome = Outcome::TokenBad;
    return a;
}

Answer refusal(unsigned status, std::string_view reason) {
    std::string text = status == 400   ? "Bad Request"
                       : status == 401 ? "Authentication Required"
                       : status == 403 ? "Forbidden"
                       : status == 404 ? "Not Found"
                       : status == 429 ? "Too Many Requests"
                       : status == 503 ? "Service Unavailable"
                                       : "Server Error";
    if (!reason.empty()) text.append(": ").append(reason);
    return textAnswer(status, std::move(text));
}

Answer databaseDown() {
    return refusal(503, "database unavailable");
}

Answer busy() {
    auto a = refusal(503, "server is too busy");
    a.retry_after = "2";
    return a;
}

}  // namespace persona::wsapi
