#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libs/protocol/json.h"
#include "libs/wsapi/outcome.h"

namespace persona::wsapi {

/// What a call's handler and the checks before it see of an HTTP request. Owns its texts, since
/// work moves between threads.
struct Request {
    std::string method, op;  ///< op: the path behind /wsapi/
    std::string query, content_type, body, cookie, user_agent, accept_language;
    std::string fetch_site, fetch_mode;        ///< Sec-Fetch-*: what browsers say of who asks
    std::string client_address;                ///< for budgets only; never logged
    std::string role, time, nonce, signature;  ///< X-Persona-*: see credentials.h
    std::string ask;  ///< BID-AA-Ask: words by which the router's heuristics restrict the call

    /// Asked by another site's page, or by a navigation, which any site can start. False for what
    /// says nothing about it: old browsers, and programs.
    [[nodiscard]] bool fromElsewhere() const {
        return (!fetch_site.empty() && fetch_site != "same-origin") || fetch_mode == "navigate";
    }
};

/// What goes back. Bodies of JSON answers are built with protocol::Json, in the order of wsapi.md.
struct Answer {
    unsigned status = 200;
    std::string content_type = "application/json; charset=utf-8";
    std::string body;
    std::vector<std::string> cookies;  ///< values of Set-Cookie
    std::string retry_after;           ///< seconds; empty: no such header
    Outcome outcome = Outcome::None;   ///< what this answer says became of the call
};

[[nodiscard]] Answer jsonAnswer(const protocol::Json& body, unsigned status = 200);
/// text/plain.
[[nodiscard]] Answer textAnswer(unsigned status, std::string body);
/// {"success":true}
[[nodiscard]] Answer success();
/// {"success":false}, with a reason when there is one.
[[nodiscard]] Answer failure(std::string_view reason = {}, unsigned status = 200);
/// A mailed token that is none, no longer, or meant for another call (W8, W9).
[[nodiscard]] Answer noSuchToken();
/// Helper bodies of wsapi.md 3.5: the status' own words, and the reason after ": ".
[[nodiscard]] Answer refusal(unsigned status, std::string_view reason = {});
/// 503 of any trouble with the database.
[[nodiscard]] Answer databaseDown();
/// 503 of a full executor, with Retry-After.
[[nodiscard]] Answer busy();

}  // namespace persona::wsapi
