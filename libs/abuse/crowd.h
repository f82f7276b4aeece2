#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "libs/abuse/mean.h"

namespace persona::abuse {

/// Whether more strangers ask than ever do, and fewer of them get anywhere: a cumulative sum of
/// what comes over what is usual. A great flood is seen within a moment, a small one after some
/// seconds; a crowd of people has more of everything, so what succeeds makes room for as many
/// requests as usually lead to a success. What is usual is not learned while there is an alarm.
class Crowd {
  public:
    struct Settings {
        double times = 2;  ///< so many times what is usual is borne
        double floor = 1;  ///< and so many a second besides
        double burst = 1;  ///< over that at once; or what is borne in 5 s, if that is more
        std::uint32_t hold_s = 60;
    };
    explicit Crowd(Settings settings) : settings_(settings) {}

    /// [any] One came; `second` of a steady clock. True: the alarm begins now.
    bool came(std::uint32_t second) {
        came_.fetch_add(1, std::memory_order_relaxed);
        const auto over = excess_.fetch_add(kOne, std::memory_order_relaxed) + kOne;
        if (over <= most_.load(std::memory_order_relaxed)) return false;
        const auto until = until_.exchange(second + settings_.hold_s, std::memory_order_relaxed);
        return until <= second;
    }
    /// [any] One got what it was there for.
    void succeeded() {
        succeeded_.fetch_add(1, std::memory_order_relaxed);
        excess_.fetch_sub(room_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    }
    [[nodiscard]] bool isAlarmed(std::uint32_t second) const {
        return second < until_.load(std::memory_order_relaxed);
    }
    /// [control] Once a second.
    void tick(std::uint32_t second) {
        const auto came = came_.exchange(0, std::memory_order_relaxed);
        const auto succeeded = succeeded_.exchange(0, std::memory_order_relaxed);
        if (!isAlarmed(second)) {
            usual.add(came);
            successes.add(succeeded);
        }
        const double borne = settings_.times * usual.atMost() + settings_.floor;
        const double burst = std::max(settings_.burst, kBorneAtOnce * borne);
        room_.store(
            milli(std::min(kMostRoom, kLess * usual.value() / std::max(successes.value(), 1e-3))),
            std::memory_order_relaxed);
        // Before anything is known nothing is compared; and it is remembered no longer than that it
        // is over soon after the flood is.
        most_.store(usual.weight() < kLearning ? INT64_MAX : milli(burst),
                    std::memory_order_relaxed);
        auto now = excess_.load(std::memory_order_relaxed);
        std::int64_t next = 0;
        do {
            next = std::clamp<std::int64_t>(now - milli(borne), 0, milli(kMostBursts * burst));
        } while (!excess_.compare_exchange_weak(now, next, std::memory_order_relaxed));
    }
    [[nodiscard]] std::uint32_t until() const { return until_.load(std::memory_order_relaxed); }
    void restore(std::uint32_t until) { until_.store(until, std::memory_order_relaxed); }

    /// Of a second; [control].
    Mean usual, successes;

  private:
    static constexpr std::int64_t kOne = 1'000;
    static constexpr double kLearning = 5, kBorneAtOnce = 5, kMostBursts = 2;
    /// A success makes room for half as many again as it usually takes, and for 20 at most.
    static constexpr double kLess = 1.5, kMostRoom = 20;
    static std::int64_t milli(double value) { return static_cast<std::int64_t>(value * kOne); }

    const Settings settings_;
    std::atomic<std::int64_t> excess_{0}, most_{INT64_MAX}, room_{0};
    std::atomic<std::uint32_t> came_{0}, succeeded_{0}, until_{0};
};

}  // namespace persona::abuse
