#pragma once

#include <atomic>
#include <string>

#include "host/app/clock_watch.h"
#include "host/bridge/executor.h"
#include "host/tables/tables.h"

namespace persona::host::app {

/// What a host keeps up as time passes: its tables are swept and saved, its clock is watched.
/// [control]
class Upkeep {
  public:
    /// Opens the tables with what the process before left in the snapshot. `files`: the path that
    /// the names of both files are put behind; `save_every_ms` 0: they are not saved. The log and
    /// the metrics outlive it.
    Upkeep(observe::Log& log, observe::Metrics& metrics, const std::string& files,
           std::int64_t save_every_ms);
    /// From now on, until `timers` are stopped.
    void begin(bridge::Timers& timers);
    void save();
    /// Another process keeps the tables now: what this one still counts is not saved.
    void handOver() { handed_over_ = true; }
    [[nodiscard]] bool isHandedOver() const { return handed_over_; }
    [[nodiscard]] tables::Tables& tables() { return *tables_; }

  private:
    observe::Log& log_;
    observe::Metrics& metrics_;
    const std::string snapshot_;
    const std::int64_t save_every_ms_;
    std::unique_ptr<tables::Tables> tables_;
    ClockWatch clock_;
    std::atomic<bool> handed_over_{false};
};

}  // namespace persona::host::app
