#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "host/bridge/runtime.h"

namespace persona::host::bridge {

/// Notices loops that do not come round: a plugin that blocks or spins (plugin-host 3.2). After
/// `warn` it logs which plugin and where, once for each incident; after `abort` it ends the
/// process, so that a supervisor starts a new one. Loops answer a ping by message, which costs a
/// request nothing.
class Watchdog {
  public:
    struct Settings {
        std::int64_t warn_ms = 1'000;
        std::int64_t abort_ms = 10'000;  ///< 0: never
    };
    /// `give_up`: what ends the process; a test has its own.
    Watchdog(Runtime& runtime, Settings settings, std::function<void()> give_up);
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;
    void stop();

  private:
    struct Loop {
        std::atomic<std::int64_t> asked_ns{0};  ///< of a ping without answer; 0: none
        std::atomic<const std::atomic<const PluginTag*>*> plugin{nullptr};
        std::atomic<pthread_t> thread{};
        std::atomic<bool> known{false};
        bool warned = false;
    };
    void run();
    void ping(unsigned index, std::int64_t now_ns);
    void look(unsigned index, std::int64_t now_ns);
    [[nodiscard]] std::string stackOf(const Loop& loop) const;

    Runtime& runtime_;
    const Settings settings_;
    const std::function<void()> give_up_;
    std::vector<std::shared_ptr<Loop>> loops_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stop_ = false;
    std::thread thread_;
};

}  // namespace persona::host::bridge
