#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace persona::host::net {

/// Nanoseconds of the monotonic clock.
[[nodiscard]] std::int64_t monotonicNs();

/// Something that a Wheel calls when its deadline has passed. Moving a deadline later is one store.
class Timed {
  public:
    Timed() = default;
    Timed(const Timed&) = delete;
    Timed& operator=(const Timed&) = delete;
    virtual void onDeadline() = 0;

  protected:
    ~Timed();

  private:
    friend class Wheel;
    Timed *prev_ = nullptr, *next_ = nullptr;
    std::int64_t deadline_ns_ = 0;  ///< 0: none
    std::int64_t slot_ns_ = 0;      ///< when the wheel will look at it; 0: not in the wheel
};

/// Coarse timers (50 ms): deadlines of connections cost nothing while they are met.
class Wheel {
  public:
    explicit Wheel(std::int64_t now_ns);
    void set(Timed& timed, std::int64_t deadline_ns);
    void cancel(Timed& timed) { timed.deadline_ns_ = 0; }
    void advance(std::int64_t now_ns);
    static constexpr std::int64_t kTickNs = 50'000'000;

  private:
    static constexpr std::size_t kSlots = 256;
    class Anchor final : public Timed {
        void onDeadline() override {}
    };
    void insert(Timed& timed, std::int64_t when_ns);
    std::array<Anchor, kSlots> slots_;
    std::int64_t tick_;
};

/// A file descriptor's events, edge-triggered.
class EventHandler {
  public:
    virtual void onEvents(std::uint32_t epoll_events) = 0;
    /// Reactor::writesLate: writes what was held back, no more; onEvents(EPOLLOUT) follows.
    virtual void writeHeld() {}

  protected:
    ~EventHandler() = default;
};

/// One epoll loop on one thread. Everything [loop] unless tagged.
class Reactor {
  public:
    Reactor();
    ~Reactor();
    Reactor(const Reactor&) = delete;
    Reactor& operator=(const Reactor&) = delete;

    /// False with errno when the kernel will not watch one more.
    [[nodiscard]] bool add(int fd, EventHandler& handler, std::uint32_t events);
    void remove(int fd, EventHandler& handler);
    void post(std::function<void()> task);  ///< [any]
    std::function<void()> after(std::int64_t delay_ns, std::function<void()> task);
    /// Calls handler.onEvents(0) in the next turn: who has more to do than one turn should take.
    void again(EventHandler& handler) { again_.push_back(&handler); }
    /// With more at hand in this turn: true, and handler.writeHeld() and onEvents(EPOLLOUT) are
    /// called when that has been handled, or kLateNs after the first such wish. Small writes of a
    /// turn go out side by side: a reader on this machine is woken once, not for each of them.
    /// False: nothing else waits, write now.
    [[nodiscard]] bool writesLate(EventHandler& handler);
    static constexpr std::int64_t kLateNs = 500'000;
    /// Runs `task` when the events at hand have been handled; keeps destruction out of call stacks.
    void defer(std::function<void()> task) { deferred_.push_back(std::move(task)); }
    /// Called when everything of a turn is done, deferred tasks included.
    void onTurnEnd(std::function<void()> task) { turn_end_ = std::move(task); }
    [[nodiscard]] Wheel& wheel() { return wheel_; }
    [[nodiscard]] std::int64_t now() const { return now_ns_; }  ///< of this turn of the loop
    [[nodiscard]] bool isCurrent() const { return std::this_thread::get_id() == thread_id_.load(); }
    void run();  ///< turns until stop()
    /// Waits at most `most_ns` for events and handles them; for whoever has no thread to spare.
    void turn(std::int64_t most_ns);
    /// The calling thread is the loop's; run() does that by itself.
    void adopt() { thread_id_.store(std::this_thread::get_id()); }
    void stop();  ///< [any]

  private:
    int epoll_fd_, wake_fd_;
    Wheel wheel_;
    std::int64_t now_ns_;
    std::atomic<std::thread::id> thread_id_;
    std::atomic<bool> stop_{false};
    std::multimap<std::int64_t, std::shared_ptr<std::function<void()>>> timers_;
    std::vector<std::function<void()>> deferred_;
    [[nodiscard]] bool isStale(const EventHandler& handler) const;
    void handle(EventHandler& handler, std::uint32_t events);
    void writeNow();
    std::vector<EventHandler*> late_, writing_;
    std::size_t left_ = 0;  ///< handlers and tasks of this turn that have not been called
    std::int64_t late_since_ns_ = 0;
    std::vector<EventHandler*> removed_;  ///< in this turn: their events at hand are stale
    std::vector<EventHandler*> again_, unfinished_;
    std::vector<std::function<void()>> tasks_;  ///< keeps its room from turn to turn
    std::function<void()> turn_end_;
    std::mutex mutex_;
    std::vector<std::function<void()>> posted_;
    std::atomic<bool> wake_pending_{false};
};

}  // namespace persona::host::net
