#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libs/wsapi/secret_file.h"

namespace persona::wsapi {

/// The device cookie `bid_dev` (anti-abuse.md 3.4): a browser that has signed in to an account once
/// keeps a name there under which it may go on trying when strangers have used up theirs. It holds
/// up to four of "<id>.<issued ms>.<mac>", joined by "~"; the MAC covers the account, which thus
/// needs no place in the cookie. Const after construction; [any] thread.
class DeviceCookies {
  public:
    static constexpr std::int64_t kLifeMs = 31'536'000'000;
    DeviceCookies(const KeyRing& secrets, bool secure);
    /// The id of this device for that account; empty: it is a stranger.
    [[nodiscard]] std::optional<std::string> find(std::string_view cookie_field,
                                                  std::int64_t account, std::int64_t now_ms) const;
    /// Value of Set-Cookie that makes the device known to the account; empty: it is already, and
    /// for long enough.
    [[nodiscard]] std::optional<std::string> issue(std::string_view cookie_field,
                                                   std::int64_t account, std::int64_t now_ms) const;

  private:
    struct Entry {
        std::string id;
        std::int64_t issued_ms = 0;
        std::string mac;
    };
    [[nodiscard]] static std::vector<Entry> read(std::string_view cookie_field,
                                                 std::int64_t now_ms);
    [[nodiscard]] std::string macOf(const std::string& key, const Entry& entry,
                                    std::int64_t account) const;
    [[nodiscard]] bool isOf(const Entry& entry, std::int64_t account) const;
    KeyRing keys_;
    bool secure_;
};

}  // namespace persona::wsapi
