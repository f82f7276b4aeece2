#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace persona::accounts {

/// A valid e-mail address (EMAIL-1 to EMAIL-4 of protocol.md). Two spellings that differ in the
/// case of ASCII letters are one address: `key` is the normal form by which the database knows it,
/// `spelling` is what its owner wrote (W23, docs/decisions/0010).
class Address {
  public:
    /// Strict: ASCII with an A-label domain, 3 to 254 characters. For everything that clients send.
    [[nodiscard]] static std::optional<Address> parse(std::string_view text);
    /// Also takes a domain in Unicode and turns it into A-labels (libidn2, UTS 46 without
    /// transitional forms). For operators and imports.
    [[nodiscard]] static std::optional<Address> parseInternational(std::string_view utf8);

    [[nodiscard]] const std::string& key() const { return key_; }
    [[nodiscard]] const std::string& spelling() const { return spelling_; }
    /// Lower case.
    [[nodiscard]] std::string_view domain() const {
        return std::string_view(key_).substr(key_.find('@') + 1);
    }

  private:
    Address(std::string key, std::string spelling)
        : key_(std::move(key)), spelling_(std::move(spelling)) {}
    std::string key_, spelling_;
};

}  // namespace persona::accounts
