#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "libs/addresses/address.h"
#include "libs/protocol/result.h"

namespace persona::addresses {

/// Networks, overlapping ones joined; IPv4 is found by an index of the upper 16 bits and a short
/// search. Const after construction; [any] thread.
class PrefixSet {
  public:
    PrefixSet() = default;
    explicit PrefixSet(const std::vector<Prefix>& prefixes);
    [[nodiscard]] bool contains(const Address& address) const;
    [[nodiscard]] bool isEmpty() const { return v4_.empty() && v6_.empty(); }
    /// Separate ranges.
    [[nodiscard]] std::size_t size() const { return v4_.size() + v6_.size(); }
    [[nodiscard]] std::size_t bytes() const;

  private:
    struct V4 {
        std::uint32_t first, last;
    };
    using Octets = std::array<std::uint8_t, 16>;
    struct V6 {
        Octets first, last;
    };
    std::vector<V4> v4_;
    std::vector<std::uint32_t> index_;  ///< first range that ends in or after the block of 2^16
    std::vector<V6> v6_;
};

/// A list: one network a line; '#' and ';' begin comments; empty lines are left out. Errors name
/// the line, never what stands in it. At most `most` networks.
[[nodiscard]] Result<std::vector<Prefix>> parsePrefixList(std::string_view text,
                                                          std::size_t most = 1'000'000);

}  // namespace persona::addresses
