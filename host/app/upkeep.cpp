#include "host/app/upkeep.h"

#include "host/app/surroundings.h"
#include "host/net/reactor.h"

namespace persona::host::app {

namespace {
constexpr std::uint64_t kSweepMs = 30'000;
}

Upkeep::Upkeep(observe::Log& log, observe::Metrics& metrics, const std::string& files,
               std::int64_t save_every_ms)
    : log_(log),
      metrics_(metrics),
      snapshot_(files + "tables"),
      save_every_ms_(save_every_ms),
      clock_(log, metrics, wallMs(), net::monotonicNs()) {
    std::string trouble;
    tables_ =
        std::make_unique<tables::Tables>(tables::loadSecret(files + "tables.secret", trouble));
    if (!trouble.empty()) log_.write(3, "tables", trouble);
    trouble = tables_->load(snapshot_, wallMs(), net::monotonicNs());
    if (!trouble.empty()) log_.write(3, "tables", trouble);
}

void Upkeep::begin(bridge::Timers& timers) {
    showTables(*tables_, metrics_);
    timers.start(kSweepMs, kSweepMs, [this] {
        tables_->tend(net::monotonicNs());
        showTables(*tables_, metrics_);
    });
    timers.start(ClockWatch::kEveryMs, ClockWatch::kEveryMs,
                 [this] { clock_.look(wallMs(), net::monotonicNs()); });
    if (const auto ms = static_cast<std::uint64_t>(save_every_ms_); ms != 0)
        timers.start(ms, ms, [this] { save(); });
}

void Upkeep::save() {
    if (save_every_ms_ == 0 || handed_over_) return;
    const auto trouble = tables_->save(snapshot_, wallMs(), net::monotonicNs());
    if (trouble.empty()) return;
    metrics_.count("tables.snapshot_failed");
    log_.write(3, "tables", trouble);
}

}  // namespace persona::host::app
