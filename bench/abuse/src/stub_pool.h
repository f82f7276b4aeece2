#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "bench/abuse/src/loop.h"

namespace persona::abuse {

/// A number of cores with one queue before them, by arithmetic: nothing is burnt, so that the
/// figures do not depend on what else the machine does.
class Pool {
  public:
    Pool(std::size_t cores, Micros longest_wait) : free_(cores, 0), longest_wait_(longest_wait) {}
    /// When work of that length that comes now is done; nothing: it would wait too long.
    std::optional<Micros> take(Micros now, Micros work) {
        const auto core = std::min_element(free_.begin(), free_.end());
        const auto begin = std::max(now, *core);
        if (begin - now > longest_wait_) return std::nullopt;
        *core = begin + work;
        used_ += work;
        return *core;
    }
    [[nodiscard]] Micros used() const { return used_; }

  private:
    std::vector<Micros> free_;
    Micros longest_wait_, used_ = 0;
};

}  // namespace persona::abuse
