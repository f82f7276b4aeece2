#pragma once

#include <memory>
#include <vector>

#include "host/net/upstream_pool.h"

namespace persona::host::net {

/// Asks every address of the upstreams that have several for their heartbeat, on one loop, and
/// tells the pools of all loops. Two failures in a row leave an address out, one answer with 200
/// takes it in again.
class UpstreamHealth {
  public:
    /// [control] `all`: every loop; the checks run on the first.
    UpstreamHealth(std::vector<LoopImpl*> all,
                   const std::vector<std::shared_ptr<UpstreamGroup>>& groups);
    void start();  ///< [control] before the loops run
    void stop();   ///< [loop] the first

  private:
    struct Watch {
        std::shared_ptr<UpstreamGroup> group;
        std::vector<unsigned> failures;
        std::vector<bool> healthy;
    };
    void schedule(Watch& watch);
    void ask(Watch& watch);
    void learned(Watch& watch, std::size_t index, const ClientResult& result);
    std::vector<LoopImpl*> loops_;
    std::vector<std::unique_ptr<Watch>> watches_;
    bool stopped_ = false;
};

}  // namespace persona::host::net
