#pragma once

#include <ctime>

namespace persona::bench {

/// CPU time of this thread in microseconds: others on the machine do not count.
inline double cpuMicros() {
    timespec t{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3;
}

/// Calls `work(i)` for about `millis` of CPU time; microseconds a call.
template <typename Work>
double microsOf(double millis, Work work) {
    std::size_t calls = 0;
    const double began = cpuMicros();
    double now = began;
    do {
        for (std::size_t i = 0; i < 16; ++i) work(calls++);
        now = cpuMicros();
    } while (now - began < millis * 1000);
    return (now - began) / static_cast<double>(calls);
}

}  // namespace persona::bench
