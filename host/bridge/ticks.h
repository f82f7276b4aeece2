#pragma once

#include <time.h>

#include <cstdint>

namespace persona::host::bridge {

/// A cheap clock for budgets: cycles where the processor has a steady counter that user code may
/// read, nanoseconds elsewhere. Only differences mean something.
[[nodiscard]] inline std::uint64_t ticks() {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    std::uint64_t now;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(now));
    return now;
#else
    timespec ts{};
    ::clock_gettime(CLOCK_MONOTONIC, &ts);
    return static_cast<std::uint64_t>(ts.tv_sec) * 1'000'000'000U +
           static_cast<std::uint64_t>(ts.tv_nsec);
#endif
}

/// Ticks in a microsecond, measured once against CLOCK_MONOTONIC (takes 5 ms). [any]
[[nodiscard]] double ticksPerMicrosecond();

}  // namespace persona::host::bridge
