#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "libs/discovery/discovery.h"
#include "libs/protocol/published.h"
#include "plugins/verifier/verifier_api.h"

namespace persona::verifier {

/// Answers requests: reads them, verifies, and waits for the network without holding a thread.
class Judge {
  public:
    struct Ports {
        std::shared_ptr<discovery::Discovery> discovery;
        std::function<std::int64_t()> now_ms;  ///< [any] wall clock
    };
    /// `max_waiting`: requests that wait for a support document at once; more are refused with 503
    /// (those whose documents are known go on).
    Judge(std::shared_ptr<const protocol::VerifyOptions> options, Ports ports,
          std::size_t max_waiting);
    Judge(const Judge&) = delete;
    Judge& operator=(const Judge&) = delete;

    /// [any] For requests that come from now on.
    void use(std::shared_ptr<const protocol::VerifyOptions> options) {
        options_.store(std::move(options));
    }
    /// [any] Never blocks. `done` is called exactly once: before this returns, or later on a thread
    /// of the network's; then this may already be gone.
    using Done = std::function<void(ApiAnswer)>;
    void handle(const ApiRequest& request, Done done);
    [[nodiscard]] std::size_t waiting() const { return shared_->waiting; }

  private:
    /// What outlives the judge while requests wait.
    struct Shared {
        Ports ports;
        std::size_t max_waiting;
        std::atomic<std::size_t> waiting{0};
    };
    struct Job;
    static void drive(const std::shared_ptr<Job>& job);
    static bool leftWaiting(Job& job);
    static void resume(const std::shared_ptr<Job>& job, discovery::DiscoveredPtr found);
    std::shared_ptr<Shared> shared_;
    Published<const protocol::VerifyOptions> options_;
};

}  // namespace persona::verifier
