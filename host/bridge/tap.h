#pragma once

#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

#include "host/net/engine.h"

namespace persona::host::bridge {

/// The heads of a service's live requests, for a generation that is tried beside the active one.
/// Closed, as it nearly always is, it costs a request one load.
class Tap {
  public:
    struct Seen {
        net::ClientRequest request;
        std::string scheme, client_address, peer_address;
    };
    [[nodiscard]] bool isOpen() const { return open_.load(std::memory_order_relaxed); }
    void open();   ///< [any]
    void close();  ///< [any] What was not taken is forgotten.
    /// [loop] Copies a head. Those with a body, and more than can be tried in time, are passed
    /// over.
    void offer(const net::Exchange& exchange);
    [[nodiscard]] std::optional<Seen> take();  ///< [any]
    [[nodiscard]] std::uint64_t skipped() const { return skipped_.load(); }

  private:
    static constexpr std::size_t kMost = 128;
    std::atomic<bool> open_{false};
    std::atomic<std::uint64_t> skipped_{0};
    std::mutex mutex_;
    std::deque<Seen> seen_;
};

}  // namespace persona::host::bridge
