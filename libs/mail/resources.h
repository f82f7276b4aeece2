#pragma once

#include <string_view>

namespace persona::mail {

/// A template or catalogue that was compiled in, such as "locales/en.json". Empty: there is none.
[[nodiscard]] std::string_view resource(std::string_view name);

}  // namespace persona::mail
