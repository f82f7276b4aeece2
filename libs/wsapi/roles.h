#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libs/protocol/json.h"
#include "libs/wsapi/credentials.h"

namespace persona::wsapi {

/// What came back from another role. status 0: it could not be asked; `detail` says why.
struct RoleAnswer {
    unsigned status = 0;
    std::string content_type, body, detail;
    /// The body as a JSON object when the status is 200; empty otherwise.
    [[nodiscard]] std::optional<protocol::Json> json() const;
    /// 200 with {"success":true}.
    [[nodiscard]] bool succeeded() const;
};

/// Waits for an answer that is under way; once.
using PendingAnswer = std::function<RoleAnswer()>;
/// Port: sends one request to a configured upstream. Does not wait; what it gives does, on threads
/// that may block.
using RoleTransport = std::function<PendingAnswer(
    const std::string& upstream, const std::string& target,
    const std::vector<std::pair<std::string, std::string>>& fields, const std::string& body)>;

/// Calls of one role to the others, with its credentials. [any] thread that may block.
class RoleClient {
  public:
    RoleClient(const KeyRing& roles_secret, std::string own_role, RoleTransport transport,
               std::function<std::int64_t()> now_ms)
        : signer_(roles_secret, std::move(own_role)),
          transport_(std::move(transport)),
          now_ms_(std::move(now_ms)) {}
    /// POST /wsapi/<op> with a JSON body. `role` is the receiver's, `upstream` its configured name.
    [[nodiscard]] PendingAnswer start(std::string_view role, const std::string& upstream,
                                      std::string_view op, const protocol::Json& arguments) const;
    /// The same, and waits.
    [[nodiscard]] RoleAnswer post(std::string_view role, const std::string& upstream,
                                  std::string_view op, const protocol::Json& arguments) const {
        return start(role, upstream, op, arguments)();
    }

  private:
    CredentialSigner signer_;
    RoleTransport transport_;
    std::function<std::int64_t()> now_ms_;
};

}  // namespace persona::wsapi
