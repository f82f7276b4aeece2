#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "libs/abuse/mean.h"

namespace persona::stuffing {

/// Counts of one second, of those that no account knows.
struct Second {
    std::uint32_t tries = 0, failures = 0, unknown = 0;  ///< sign-ins
    std::uint32_t stagings = 0;                          ///< sign-ups that hash a password
};

/// Whether sign-ins or sign-ups are under attack (anti-abuse.md 3.5): more failures than ever, and
/// a larger part of the tries; a flash crowd has more of everything, and the same parts. The
/// baseline stands still while there is an alarm. One thread.
class Detector {
  public:
    static constexpr std::size_t kWindow = 10;  ///< seconds that are judged
    static constexpr double kLearning = 5;      ///< seconds before anything is compared
    struct Alarm {
        bool sign_in = false, sign_up = false;
    };
    /// Once a second.
    [[nodiscard]] Alarm tick(const Second& last);

    abuse::Mean tries, failures, unknown, stagings;

  private:
    std::array<Second, kWindow> ring_{};
    std::size_t at_ = 0;
};

}  // namespace persona::stuffing
