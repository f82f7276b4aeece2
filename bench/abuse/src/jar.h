#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/abuse/src/message.h"

namespace persona::abuse {

/// Cookies and the CSRF token of one browser or bot.
class Jar {
  public:
    void take(const Message& answer);
    void put(std::string_view name, std::string_view value);
    /// Cookie field with CR LF, or empty.
    [[nodiscard]] std::string field() const;
    [[nodiscard]] bool empty() const { return cookies_.empty(); }
    std::string csrf;

  private:
    std::vector<std::pair<std::string, std::string>> cookies_;
};

}  // namespace persona::abuse
