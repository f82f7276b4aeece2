#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <vector>

namespace persona::abuse {

using Micros = std::int64_t;

/// One thread's epoll set and timers. Not thread-safe but for nothing: everything is [this thread].
class Loop {
  public:
    class Watcher {
      public:
        virtual ~Watcher() = default;
        virtual void ready(std::uint32_t events) = 0;
    };
    Loop();
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    /// Microseconds since the loop was made, as of the last wake-up; clock() asks the clock.
    [[nodiscard]] Micros now() const { return now_; }
    [[nodiscard]] Micros clock() const;

    /// The watcher must live until forget(), and be destroyed through retire() when that happens
    /// inside a callback: the same batch of events may still name it.
    void watch(int fd, std::uint32_t events, Watcher* who);
    void change(int fd, std::uint32_t events, Watcher* who);
    void forget(int fd);
    void retire(std::unique_ptr<Watcher> who);

    void at(Micros when, std::function<void()> what);
    /// Returns when `done` says so (asked after each batch), or after stop().
    void run(const std::function<bool()>& done);
    void stop() { stopped_ = true; }

  private:
    struct Timer {
        Micros when;
        std::uint64_t order;
        std::function<void()> what;
        bool operator<(const Timer& other) const {
            return when != other.when ? when > other.when : order > other.order;
        }
    };
    void fire();
    int epoll_;
    Micros start_, now_ = 0;
    std::uint64_t order_ = 0;
    bool stopped_ = false;
    std::priority_queue<Timer> timers_;
    std::vector<std::unique_ptr<Watcher>> retired_;
};

}  // namespace persona::abuse
