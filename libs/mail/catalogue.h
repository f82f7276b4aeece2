#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace persona::mail {

/// The texts of one locale. Immutable; any thread.
class Catalogue {
  public:
    using Values = std::vector<std::pair<std::string_view, std::string_view>>;

    /// Of `locale`; of English when there is none for it. A text that a locale lacks is English.
    [[nodiscard]] static const Catalogue& of(std::string_view locale);

    [[nodiscard]] const std::string& locale() const { return locale_; }
    [[nodiscard]] bool rightToLeft() const { return right_to_left_; }
    /// The text of `key` with its {placeholders} filled, in one pass: a value is never looked
    /// through for placeholders. In right-to-left text each value is isolated as left-to-right.
    /// Unknown key: empty.
    [[nodiscard]] std::string text(std::string_view key, const Values& values = {}) const;
    /// The texts as they are written, for the tests that compare catalogues.
    [[nodiscard]] const std::map<std::string, std::string, std::less<>>& texts() const {
        return texts_;
    }

  private:
    friend class CatalogueSet;
    std::string locale_;
    bool right_to_left_ = false;
    std::map<std::string, std::string, std::less<>> texts_;
};

}  // namespace persona::mail
