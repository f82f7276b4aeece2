#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "plugins/antiabuse/explain.h"
#include "plugins/antiabuse/keys.h"
#include "plugins/antiabuse/ledger.h"
#include "plugins/antiabuse/panel.h"

namespace persona::antiabuse {

/// Answers `persona-host ctl aa ...`: list, show RULE, mode RULE MODE|default, explain ID, block
/// ADDRESS [SECONDS], unblock ADDRESS, and RULE WORDS for what a heuristic answers itself. JSON;
/// what cannot be done has a member "error". [control]
struct Operator {
    Panel& panel;
    const Explain& explain;
    const Ledger& ledger;
    const Keys& keys;
    const sdk::Host& host;
    /// Empty: no such word.
    [[nodiscard]] std::optional<std::string> answer(std::string_view words) const;

  private:
    [[nodiscard]] std::string mode(std::string_view rule, std::string_view text) const;
    [[nodiscard]] std::string explained(std::string_view id) const;
    [[nodiscard]] std::string box(std::string_view text, std::string_view seconds, bool in) const;
};

}  // namespace persona::antiabuse
