#include "host/app/clock_watch.h"

#include <persona/abi/ext/metrics.h>

#include <string>

namespace persona::host::app {

ClockWatch::ClockWatch(observe::Log& log, observe::Metrics& metrics, std::int64_t wall_ms,
                       std::int64_t now_ns)
    : log_(log),
      stepped_(metrics.declare(PSN_METRIC_COUNTER, "clock.stepped_back")),
      wall_ms_(wall_ms),
      now_ns_(now_ns) {}

void ClockWatch::look(std::int64_t wall_ms, std::int64_t now_ns) {
    const auto back_ms = (now_ns - now_ns_) / 1'000'000 - (wall_ms - wall_ms_);
    wall_ms_ = wall_ms;
    now_ns_ = now_ns;
    if (back_ms < kLeastMs) return;
    stepped_.value.fetch_add(1, std::memory_order_relaxed);
    log_.write(3, "clock",
               "the wall clock was set back by " + std::to_string(back_ms) +
                   " ms; deadlines, windows and limits go by another clock");
}

}  // namespace persona::host::app
