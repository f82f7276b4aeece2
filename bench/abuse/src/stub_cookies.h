#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "libs/wsapi/devices.h"

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
    explicit Cookies(const std::string& secret_file);
    [[nodiscard]] std::optional<Session> session(std::string_view cookie_field) const;
    [[nodiscard]] Session fresh(std::optional<std::uint32_t> account);
    /// Set-Cookie fields, each with CR LF.
    [[nodiscard]] std::string set(const Session& session) const;
    [[nodiscard]] std::string setDevice(std::string_view cookie_field, std::uint32_t account) const;
    [[nodiscard]] bool knowsDevice(std::string_view cookie_field, std::uint32_t account) const;

  private:
    [[nodiscard]] std::string macOf(std::string_view id, std::string_view account) const;
    std::uint64_t key_, count_ = 0;
    wsapi::DeviceCookies devices_;
};

}  // namespace persona::abuse
