#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "libs/wsapi/session_class.h"

namespace persona::abuse {

/// The cookies of the service as the router has to read them. Sessions need no table: the cookie
/// says whose it is, under a keyed hash.
class Cookies {
  public:
    struct Session {
        std::string id;
        std::optional<std::uint32_t> account;  ///< signed in
        [[nodiscard]] std::string csrf() const;
    };
    /// `class_secret`: the file that the router reads too; made when there is none.
    explicit Cookies(const std::string& class_secret);
    [[nodiscard]] std::optional<Session> session(std::string_view cookie_field) const;
    [[nodiscard]] Session fresh(std::optional<std::uint32_t> account);
    /// Set-Cookie fields of session and class, each with CR LF. `proven`: an address that this
    /// browser has just shown to be its own; empty: none.
    [[nodiscard]] std::string set(const Session& session, std::string_view cookie_field,
                                  std::string_view proven) const;
    /// What a browser holds that signed in as that address some time ago, and is signed in no more.
    [[nodiscard]] std::string setKnown(std::string_view address) const;

  private:
    [[nodiscard]] std::string macOf(std::string_view id, std::string_view account) const;
    std::uint64_t key_, count_ = 0;
    wsapi::ClassCookies classes_;
};

}  // namespace persona::abuse
