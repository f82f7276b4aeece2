#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "libs/wsapi/secret_file.h"

namespace persona::wsapi {

/// The class cookie `bid_class`: what the router may know of a browser without the key that opens
/// sessions. Set beside the session cookie by the roles that issue sessions, checked by the
/// anti-abuse filter; both hold the key ring of the file `secrets.class`, which opens nothing else.
///
///     bid_class = <signed>.<known>.<id>.<accounts>.<mac>
///
///     signed    decimal hours since 1970 until when somebody is signed in; 0: nobody
///     known     decimal hours since 1970 until when the accounts below count; a year
///     id        16 characters of base64url, random: 96 bits, made once for each browser
///     accounts  0 to 4 tags of 8 characters of base64url, the last one to sign in first: the first
///               6 octets of HMAC-SHA-256(key, "account|" id "|" address in lower case)
///     mac       22 characters of base64url: the first 16 octets of HMAC-SHA-256(key, all that
///               stands before the last dot)
///
/// A tag says nothing to those without the key, and nothing about another browser. Times are coarse
/// so that the value changes seldom. Whoever copies the cookie has its class, not its session.
///
/// Issue: signedIn() after each success with a password, an assertion or an unblock link (on the
/// address that was named); signedOut() at logout, account_cancel and whenever the session cookie
/// is replaced by one that is not authenticated; it takes back a cookie that is not ours, such as
/// one of a key that was replaced. Both give the value of a Set-Cookie field, or empty when the
/// browser has the same already. Const after construction; [any] thread.
class ClassCookies {
  public:
    static constexpr std::int64_t kKnownMs = 31'536'000'000;
    static constexpr std::size_t kMaxAccounts = 4;
    /// `secure` as for the session cookie.
    ClassCookies(const KeyRing& secrets, bool secure);

    /// A cookie that is ours. Views into the field it came from.
    struct Class {
        std::int64_t signed_until_ms = 0, known_until_ms = 0;
        std::string_view id, accounts;
        std::uint32_t key = 0;  ///< number of the key that made it
        [[nodiscard]] bool isSignedIn(std::int64_t now_ms) const {
            return now_ms < signed_until_ms;
        }
    };
    enum class Found : std::uint8_t { None, Ours, Forged };
    /// Of the Cookie field. Ours: `out` is set. Forged: there is one, and it is not ours.
    Found read(std::string_view cookie_field, Class& out) const;
    [[nodiscard]] bool isForged(std::string_view cookie_field) const {
        Class c;
        return read(cookie_field, c) == Found::Forged;
    }
    /// True: this browser signed in to that address (any case) within a year.
    [[nodiscard]] bool knows(const Class& known, std::string_view address,
                             std::int64_t now_ms) const;

    /// `address` empty: the session goes on, or is older than the cookie; no address is added.
    [[nodiscard]] std::optional<std::string> signedIn(std::string_view cookie_field,
                                                      std::string_view address,
                                                      std::int64_t session_until_ms,
                                                      std::int64_t now_ms) const;
    [[nodiscard]] std::optional<std::string> signedOut(std::string_view cookie_field,
                                                       std::int64_t now_ms) const;

  private:
    [[nodiscard]] std::string tagOf(std::uint32_t key, std::string_view id,
                                    std::string_view address) const;
    [[nodiscard]] std::string macOf(std::uint32_t key, std::string_view text) const;
    [[nodiscard]] std::string write(const std::string& text, std::int64_t now_ms) const;
    [[nodiscard]] std::string attributes(std::int64_t expires_ms) const;
    KeyRing keys_;
    bool secure_;
};

}  // namespace persona::wsapi
