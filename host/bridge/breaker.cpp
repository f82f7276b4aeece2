#include "host/bridge/breaker.h"

#include <chrono>
#include <thread>

#include "host/bridge/ticks.h"

namespace persona::host::bridge {

double ticksPerMicrosecond() {
    static const double kRate = [] {
        using Clock = std::chrono::steady_clock;
        const auto from = Clock::now();
        const auto first = ticks();
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        const auto last = ticks();
        const auto us = std::chrono::duration<double, std::micro>(Clock::now() - from).count();
        return static_cast<double>(last - first) / us;
    }();
    return kRate;
}

Breaker::Breaker(unsigned loops) : loops_(loops), cells_(std::make_unique<Cell[]>(loops + 1)) {}

std::uint64_t Breaker::calls() const {
    std::uint64_t sum = 0;
    for (unsigned i = 0; i <= loops_; ++i) sum += cells_[i].calls.load(std::memory_order_relaxed);
    return sum;
}

bool Breaker::failed(std::int64_t now_ns) {
    faults_.fetch_add(1);
    const auto row = in_a_row_.fetch_add(1) + 1;
    const auto all = calls();
    // The window begins with its first fault; what was called before it does not dilute it.
    if (now_ns - window_start_ns_.load() > kWindowNs) {
        window_start_ns_.store(now_ns);
        window_calls_.store(all == 0 ? 0 : all - 1);
        window_faults_.store(0);
    }
    const auto faults = window_faults_.fetch_add(1) + 1;
    const auto seen = all - window_calls_.load();
    if (row < kInARow && !(seen >= kFewest && faults * 20 > seen)) return false;
    if (isOpen(now_ns)) return false;  // requests that began before it opened
    in_a_row_.store(0);
    window_start_ns_.store(0);
    open_until_ns_.store(now_ns + kOpenNs);
    openings_.fetch_add(1);
    return true;
}

}  // namespace persona::host::bridge
