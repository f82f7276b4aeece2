#pragma once

#include <persona/abi/types.h>

#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

namespace persona::antiabuse {

/// Top-level members of a form, a query or a JSON object, read in one pass without allocation:
/// values are views of the input, or of a room of its own where something had to be decoded. Kept
/// for each loop and used again. Bounds are those of anti-abuse.md 3.2: 32 members, 8 levels.
///
/// It takes what the roles take, or less, never something else: a member that stands twice, an
/// escape that is none, a text that does not end are errors, as they are there.
class Args {
  public:
    static constexpr std::size_t kMost = 32;
    static constexpr unsigned kDeepest = 8;
    /// Forgets what there was; what is read until the next begin() is at most so many octets.
    void begin(std::size_t octets);
    /// False: not of that form, or over a bound.
    bool readForm(std::string_view text);
    /// An object; numbers, true, false and null are members as they are written, arrays and objects
    /// inside are members without a value. Empty text has no members.
    bool readJson(std::string_view text);
    [[nodiscard]] std::string_view find(std::string_view name) const;
    [[nodiscard]] const psn_header* data() const { return items_.data(); }
    [[nodiscard]] std::size_t size() const { return count_; }

  private:
    class JsonReader;
    bool add(std::string_view name, std::string_view value);
    bool decode(std::string_view in, std::string_view& out);
    std::array<psn_header, kMost> items_{};
    std::size_t count_ = 0;
    std::vector<char> room_;
    std::size_t used_ = 0;
};

}  // namespace persona::antiabuse
