#pragma once

#include <algorithm>
#include <cmath>

namespace persona::abuse {

/// A mean of what is usual in a second, that forgets within about a quarter of an hour, and is
/// right from the first second on. One thread.
class Mean {
  public:
    void add(double value) {
        sum_ = sum_ * kForget + value;
        weight_ = weight_ * kForget + 1;
    }
    [[nodiscard]] double value() const { return weight_ > 0 ? sum_ / weight_ : 0; }
    /// Seconds that it stands on, 1,000 at most.
    [[nodiscard]] double weight() const { return weight_; }
    /// What it may be, having been seen for so short a time: chance makes it look smaller than it
    /// is.
    [[nodiscard]] double atMost() const {
        const double m = value(), w = std::max(1.0, weight_);
        return m + 2 * std::sqrt(m / w) + 2 / w;
    }
    /// As it was elsewhere, `weight` seconds old.
    void restore(double value, double weight) {
        weight_ = std::clamp(weight, 0.0, 1'000.0);
        sum_ = value * weight_;
    }

  private:
    static constexpr double kForget = 1.0 - 1.0 / 1'000;
    double sum_ = 0, weight_ = 0;
};

}  // namespace persona::abuse
