#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

namespace persona::antiabuse {

/// One queue of a role, seen from the router: when it is overloaded, and how much of each priority
/// is let through then (anti-abuse.md 3.3). Overload is a standing queue: the *shortest* wait of a
/// window of 100 ms over the target, while the queue was not empty for 250 ms. A process that
/// pauses makes long waits too, but soon afterwards somebody waits no more; a mean would not see
/// the difference. [any] thread; calls at the same time may lose a sample.
class QueueWatch {
  public:
    struct Settings {
        std::int64_t target_us = 20'000, window_ns = 100'000'000, standing_ns = 250'000'000;
    };
    explicit QueueWatch(Settings settings) : settings_(settings) {}

    void began(std::int64_t now_ns) {
        roll(now_ns);
        if (in_flight_.fetch_add(1, std::memory_order_relaxed) == 0)
            busy_since_.store(now_ns, std::memory_order_relaxed);
    }
    void ended(std::int64_t now_ns) {
        in_flight_.fetch_sub(1, std::memory_order_relaxed);
        roll(now_ns);
    }
    /// One that was answered had waited so long; `failed`: by an answer of 5xx.
    void waited(std::uint32_t us, bool failed) {
        auto shortest = shortest_us_.load(std::memory_order_relaxed);
        while (us < shortest &&
               !shortest_us_.compare_exchange_weak(shortest, us, std::memory_order_relaxed)) {
        }
        answers_.fetch_add(1, std::memory_order_relaxed);
        if (!failed) successes_.fetch_add(1, std::memory_order_relaxed);
    }
    /// Thousandths of that priority that are let through.
    [[nodiscard]] std::uint32_t share(std::uint32_t priority) const {
        if (priority < 2) return kAll;
        return shares_[priority == 2 ? 0 : 1].load(std::memory_order_relaxed);
    }
    /// Thousandths that are refused because the role fails anyway; 800 at most.
    [[nodiscard]] std::uint32_t failing() const { return failing_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool isOverloaded() const { return overloaded_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::int64_t inFlight() const {
        return in_flight_.load(std::memory_order_relaxed);
    }
    static constexpr std::uint32_t kAll = 1'000;

  private:
    static constexpr std::uint32_t kNone = UINT32_MAX, kLeast = 50, kWorst = 800;
    static constexpr std::int64_t kSoon = 20;  ///< windows

    void roll(std::int64_t now) {
        auto end = window_end_.load(std::memory_order_relaxed);
        if (now < end) return;
        if (!window_end_.compare_exchange_strong(end, now + settings_.window_ns)) return;
        const auto shortest = shortest_us_.exchange(kNone, std::memory_order_relaxed);
        const auto in_flight = in_flight_.load(std::memory_order_relaxed);
        const auto shrunk =
            last_in_flight_.exchange(in_flight, std::memory_order_relaxed) - in_flight;
        const bool backlog = in_flight > 0 && now - busy_since_.load(std::memory_order_relaxed) >=
                                                  settings_.standing_ns;
        // Without a sample there is nothing new to judge by.
        if (shortest != kNone) {
            const bool over = backlog && shortest > settings_.target_us;
            overloaded_.store(over, std::memory_order_relaxed);
            if (over)
                lower(shortest, shrunk * kSoon >= in_flight);
            else
                raise(backlog);
        } else if (!backlog) {
            overloaded_.store(false, std::memory_order_relaxed);
            raise(false);
        }
        judgeFailures(now);
    }
    /// Strangers and what can wait first; those with a device or a proof only when that is not
    /// enough. A queue that is far too long is not cut by a seventh at a time.
    /// `drains`: what was let in before is gone soon; then those with a device stay.
    void lower(std::uint32_t shortest_us, bool drains) {
        const auto by = shortest_us > 5 * settings_.target_us ? 500U : 850U;
        auto& low = shares_[1];
        const auto now = low.load(std::memory_order_relaxed);
        if (now == 0 && drains) return;
        auto& one = now > 0 ? low : shares_[0];
        const auto next = one.load(std::memory_order_relaxed) * by / kAll;
        one.store(next < kLeast ? (&one == &low ? 0 : kLeast) : next, std::memory_order_relaxed);
    }
    void raise(bool backlog) {
        auto& one = shares_[0].load(std::memory_order_relaxed) < kAll ? shares_[0] : shares_[1];
        const auto now = one.load(std::memory_order_relaxed);
        // A tenth more; from nothing in small steps, or the flood comes back at once.
        const auto step = backlog ? std::max(5U, now / 50) : std::max(20U, now / 10);
        one.store(std::min(kAll, now + step), std::memory_order_relaxed);
    }
    /// Who is answered by failures asks less: (n - s / 0.95) / (n + 1) of some seconds.
    void judgeFailures(std::int64_t now) {
        constexpr std::int64_t kSpanNs = 2'000'000'000;
        if (now < failures_end_.load(std::memory_order_relaxed)) return;
        failures_end_.store(now + kSpanNs, std::memory_order_relaxed);
        const auto n = static_cast<double>(answers_.load(std::memory_order_relaxed));
        const auto s = static_cast<double>(successes_.load(std::memory_order_relaxed));
        const double p = std::max(0.0, (n - s / 0.95) / (n + 1));
        failing_.store(std::min(kWorst, static_cast<std::uint32_t>(p * kAll)),
                       std::memory_order_relaxed);
        answers_.store(answers_.load(std::memory_order_relaxed) / 2, std::memory_order_relaxed);
        successes_.store(successes_.load(std::memory_order_relaxed) / 2, std::memory_order_relaxed);
    }

    const Settings settings_;
    std::atomic<std::int64_t> in_flight_{0}, last_in_flight_{0}, busy_since_{0}, window_end_{0},
        failures_end_{0};
    std::atomic<std::uint32_t> shortest_us_{kNone}, failing_{0};
    std::atomic<bool> overloaded_{false};
    std::atomic<std::uint64_t> answers_{0}, successes_{0};
    /// Of priority 2, and of 3 and 4 together.
    std::array<std::atomic<std::uint32_t>, 2> shares_{kAll, kAll};
};

}  // namespace persona::antiabuse
