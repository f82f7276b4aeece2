#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "host/bridge/filter.h"

namespace persona::host::generation {

/// Warm: built, no traffic yet. Standby: the one before the active one, warm, for revert. Draining:
/// requests or work that began with it still hold it.
enum class State { Building, Warm, Active, Standby, Draining };
[[nodiscard]] const char* nameOf(State state);

/// All filters and heuristics of the process at one time: built aside, then only read. Requests pin
/// it through bridge::Pin; the last one that lets go sends it back to [control], which puts it
/// away.
class Generation {
  public:
    Generation(std::uint64_t id, unsigned loops) : id(id), loops_(loops) {}
    Generation(const Generation&) = delete;
    Generation& operator=(const Generation&) = delete;
    ~Generation() { retire(); }

    /// [control] Creates everything. Empty, or what failed; then retire() leaves no trace.
    std::string build(bridge::BuildContext& context, const config::HostConfig& config);
    /// [control] Activates in order, then asks every instance for its self-check.
    std::string warmUp();
    /// [control] Its heuristics act while it is the active one, and rest otherwise. Filters go on:
    /// what they have begun may wait for a timer of theirs.
    void become(State next);
    /// [control] Deactivates and destroys in reverse order, as far as it got.
    void retire();

    [[nodiscard]] const bridge::Chain& chain(const std::string& service) const {
        return *chains_.at(service);
    }
    [[nodiscard]] const std::map<std::string, std::unique_ptr<bridge::Chain>>& chains() const {
        return chains_;
    }
    [[nodiscard]] const bridge::Heuristics& heuristics() const { return heuristics_; }
    /// Every member, in the order of activation.
    [[nodiscard]] std::vector<bridge::Member*> members() const;
    struct Counts {
        std::uint64_t calls = 0, faults = 0, openings = 0;
    };
    [[nodiscard]] Counts counts() const;
    [[nodiscard]] std::uint64_t inFlight() const;
    /// What keeps it from being put away: "service router: 3 requests", "filter x: 1 executor
    /// work".
    [[nodiscard]] std::vector<std::string> holds() const;

    const std::uint64_t id;
    State state = State::Building;       ///< [control] of become()
    std::int64_t published_ns = 0;       ///< [control] monotonic; 0: never
    std::int64_t draining_since_ns = 0;  ///< [control]
    bool drain_logged = false;           ///< [control]

  private:
    const unsigned loops_;
    bridge::Heuristics heuristics_;
    std::map<std::string, std::unique_ptr<bridge::Chain>> chains_;
    std::vector<bridge::Chain*> order_;  ///< as the services stand in the configuration
};

}  // namespace persona::host::generation
