#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "host/config/host_config.h"

struct psn_metric;

namespace persona::host::bridge {

/// A fixed number of threads, a bounded queue, a deadline. All [any].
class Executor {
  public:
    using Work = std::function<void(bool late)>;
    /// `delay`, when given, learns how long each piece of work waited in the queue; not owned.
    explicit Executor(const config::ExecutorSettings& settings, psn_metric* delay = nullptr);
    ~Executor();
    Executor(const Executor&) = delete;
    Executor& operator=(const Executor&) = delete;
    /// False: the queue is full, `work` is never called. deadline_ms 0: the executor's own.
    bool submit(Work work, std::uint64_t deadline_ms = 0);
    void stop();  ///< what waits is called late; joins
    [[nodiscard]] static bool onExecutor();

  private:
    void run();
    struct Item {
        Work work;
        std::int64_t queued_ns, deadline_ns;
    };
    config::ExecutorSettings settings_;
    psn_metric* const delay_;
    std::mutex mutex_;
    std::condition_variable ready_;
    std::deque<Item> queue_;
    bool stop_ = false;
    std::vector<std::thread> threads_;
};

/// Timers on one thread of their own, which stands for [control].
class Timers {
  public:
    Timers();
    ~Timers();
    Timers(const Timers&) = delete;
    Timers& operator=(const Timers&) = delete;
    /// 0: 10,000 timers are running.
    std::uint64_t start(std::uint64_t delay_ms, std::uint64_t period_ms,
                        std::function<void()> task);
    void cancel(std::uint64_t id);
    /// As soon as the thread is free; not counted among the 10,000.
    void post(std::function<void()> task);
    [[nodiscard]] bool isCurrent() const { return std::this_thread::get_id() == thread_.get_id(); }
    void stop();

  private:
    void run();
    struct Timer {
        std::int64_t due_ns;
        std::int64_t period_ns;
        std::function<void()> task;
    };
    std::mutex mutex_;
    std::condition_variable ready_, idle_;
    std::map<std::uint64_t, Timer> timers_;
    std::uint64_t next_id_ = 1, running_ = 0;
    bool stop_ = false;
    std::thread thread_;
};

}  // namespace persona::host::bridge
