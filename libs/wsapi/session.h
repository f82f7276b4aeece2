#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libs/protocol/json.h"
#include "libs/wsapi/secret_file.h"

namespace persona::wsapi {

enum class Level : std::uint8_t { None, Assertion, Password };

/// Secrets of the operations that a browser staged. They have a cookie of their own, which look-ups
/// and polls never write: an answer to one of those that was on its way while something was staged
/// would take the secret away again, and the link ask for a password (docs/decisions/0130).
struct Pending {
    std::string creation, addition, reset, reverification;

    [[nodiscard]] bool empty() const { return *this == Pending(); }
    bool operator==(const Pending&) const = default;
};

/// What a browser's session holds (wsapi.md 3.2). A value: handlers change it, and the cookie is
/// written whose part differs from what came.
struct Session {
    std::string csrf;
    std::int64_t userid = 0;  ///< 0: nobody is signed in
    Level level = Level::None;
    std::int64_t epoch = 0;  ///< of the account when the session was made (W14)
    bool ephemeral = false;  ///< ends when it was said to, whatever goes on (W16)
    Pending pending;
    /// Sites whose dialogs this browser opened last, newest first (W32); at most 3.
    std::vector<std::string> origins;
    std::int64_t created_ms = 0, duration_ms = 0;

    [[nodiscard]] bool authenticated() const { return userid != 0; }
    [[nodiscard]] std::int64_t expiresMs() const { return created_ms + duration_ms; }
    bool operator==(const Session&) const = default;
};

struct SessionOptions {
    std::string public_url;
    KeyRing secrets;
    std::int64_t authentication_duration_ms = 2'419'200'000;
    std::int64_t ephemeral_session_duration_ms = 3'600'000;
};

/// Seals sessions into cookies and opens them: five fields with dots between, nonce . ciphertext .
/// creation . duration . tag, the two times readable and authenticated. Const after construction;
/// [any] thread.
class SessionCookies {
  public:
    explicit SessionCookies(SessionOptions options);
    /// "browserid_state", or with "_" and six digits that stand for the service's own URL.
    [[nodiscard]] const std::string& name() const { return name_; }

    struct Opened {
        Session session;
        bool replace = false;  ///< a cookie came that holds no session: a new one is written
    };
    /// Of the Cookie field. Whatever is no session of ours, or has expired, is none (W11).
    [[nodiscard]] Opened open(std::string_view cookie_field, std::int64_t now_ms) const;
    /// Value of Set-Cookie: all of the session but what is pending.
    [[nodiscard]] std::string write(const Session& session) const;
    /// Value of Set-Cookie: what is pending; the cookie goes when nothing is.
    [[nodiscard]] std::string writePending(const Pending& pending, std::int64_t now_ms) const;

    /// Signs in: level, durations and a new CSRF token (wsapi.md 3.3, W33). An ephemeral wish
    /// yields to a phone of Firefox OS. Without `renew` the duration stays as it is.
    struct SignIn {
        std::int64_t userid = 0, epoch = 0;
        Level level = Level::Password;
        bool ephemeral = false, renew = true;
    };
    void signIn(Session& session, const SignIn& how, std::string_view user_agent,
                std::int64_t now_ms) const;
    /// Starts the session's duration anew.
    void renew(Session& session, bool ephemeral, std::string_view user_agent,
               std::int64_t now_ms) const;
    /// Forgets all but the CSRF token.
    void signOut(Session& session, std::int64_t now_ms) const;
    /// A session of which nothing is left, the token included (wsapi.md 3.1 step 4).
    [[nodiscard]] Session fresh(std::int64_t now_ms) const;
    [[nodiscard]] static bool isFirefoxOs(std::string_view user_agent);

  private:
    /// The times that stand readable in a cookie.
    struct Times {
        std::int64_t created_ms = 0, duration_ms = 0;
    };
    [[nodiscard]] std::string sealedCookie(const std::string& name, const protocol::Json& content,
                                           Times times) const;
    [[nodiscard]] std::optional<protocol::Json> unseal(const std::string& name,
                                                       std::string_view value, std::int64_t now_ms,
                                                       Times& times) const;
    [[nodiscard]] std::string attributes(std::int64_t expires_ms) const;
    SessionOptions options_;
    KeyRing keys_;
    std::string name_, pending_name_;
    bool secure_;
};

/// Value of a cookie in a Cookie field; empty optional: not there.
[[nodiscard]] std::optional<std::string_view> cookieValue(std::string_view field,
                                                          std::string_view name);
/// Milliseconds since 1970 as HTTP has dates.
[[nodiscard]] std::string httpDate(std::int64_t ms);

}  // namespace persona::wsapi
