#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace persona::stuffing {

/// Passwords that every list has, from a file of the operator's: one a line, at most a million.
/// Kept as hashes. Const after construction; [any] thread.
class LeakedPasswords {
  public:
    /// Empty name: none. Throws std::runtime_error with what is wrong with the file. May block.
    explicit LeakedPasswords(const std::string& file);
    [[nodiscard]] bool has(std::string_view password) const;
    [[nodiscard]] std::size_t size() const { return hashes_.size(); }

  private:
    std::vector<std::uint64_t> hashes_;
};

/// Of a password under a secret; for what is counted and never kept.
[[nodiscard]] std::uint64_t shapeOf(std::string_view password, std::uint64_t secret);

}  // namespace persona::stuffing
