#pragma once

#include <cstdint>

#include "host/observe/log.h"
#include "host/observe/metrics.h"

namespace persona::host::app {

/// Notices that somebody set the wall clock back. Deadlines, windows and limits go by the monotonic
/// clock and feel nothing of it; lines of the log and what has an end in wall-clock time
/// (certificates, sessions) do, so it is counted and said. [control]
class ClockWatch {
  public:
    /// Times as of the wall clock (ms since 1970) and the monotonic one (ns). The others outlive
    /// it.
    ClockWatch(observe::Log& log, observe::Metrics& metrics, std::int64_t wall_ms,
               std::int64_t now_ns);
    void look(std::int64_t wall_ms, std::int64_t now_ns);
    static constexpr std::uint64_t kEveryMs = 1'000;
    /// Less between two looks is a clock that is being slewed, as it should be.
    static constexpr std::int64_t kLeastMs = 500;

  private:
    observe::Log& log_;
    psn_metric& stepped_;
    std::int64_t wall_ms_, now_ns_;
};

}  // namespace persona::host::app
