#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "host/bridge/service.h"
#include "host/generation/generation.h"

namespace persona::host::generation {

/// Step 7 of a swap: a few recorded requests pass every new chain on a thread of their own, their
/// verdicts are thrown away, and host counters are only read. Any fault of a filter, or no end
/// within the deadline, refuses the generation.
struct Rehearsal {
    bool hung = false;  ///< the thread is still in the plugin: the generation must never be freed
    std::string error;  ///< empty: nothing was found
};
[[nodiscard]] Rehearsal rehearse(bridge::Runtime& runtime,
                                 const std::shared_ptr<Generation>& generation,
                                 std::int64_t deadline_ms);

struct Work;

/// Step 8, if asked for: the heads of live requests, as they come to the active generation, pass
/// the new chains too, on a thread of their own; verdicts are thrown away and counters only read,
/// as in a rehearsal. A fault refuses the generation. [control] but for the thread.
class Shadow {
  public:
    /// `done` is called once, on the thread, when the time is over or a fault was found.
    Shadow(bridge::Runtime& runtime, const std::shared_ptr<Generation>& generation,
           std::int64_t duration_ms, std::int64_t deadline_ms, std::function<void()> done);
    ~Shadow();
    Shadow(const Shadow&) = delete;
    Shadow& operator=(const Shadow&) = delete;
    /// Ends it, now if need be; waits at most that long for a plugin to return.
    [[nodiscard]] Rehearsal end(std::int64_t wait_ms);
    /// What was seen, for the answer to the reload.
    [[nodiscard]] std::string summary() const;

  private:
    struct State {
        std::atomic<bool> stop{false};
        std::atomic<std::uint64_t> requests{0}, refused{0}, skipped{0};
        std::string error;
        std::mutex mutex;  ///< below
        bool finished = false;
        std::function<void()> done;
    };
    static void watch(State& state, const Work& work, std::int64_t deadline_ms);
    std::shared_ptr<State> state_;
    std::thread thread_;
};

}  // namespace persona::host::generation
