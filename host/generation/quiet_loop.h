#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "host/net/engine.h"
#include "host/net/reactor.h"

namespace persona::host::generation {

/// A loop without sockets, on the thread that made it.
class QuietLoop final : public net::Loop {
  public:
    explicit QuietLoop(unsigned index) : index_(index), thread_(std::this_thread::get_id()) {}
    void post(std::function<void()> task) override {
        const std::lock_guard lock(mutex_);
        tasks_.push_back(std::move(task));
        ready_.notify_one();
    }
    [[nodiscard]] bool isCurrent() const override { return std::this_thread::get_id() == thread_; }
    [[nodiscard]] unsigned index() const override { return index_; }
    std::function<void()> after(net::milliseconds delay, std::function<void()> task) override {
        auto shared = std::make_shared<std::function<void()>>(std::move(task));
        timers_.emplace(net::monotonicNs() + delay.count() * 1'000'000, shared);
        return [weak = std::weak_ptr(shared)] {
            if (const auto t = weak.lock()) *t = nullptr;
        };
    }
    /// Until `done`, or until `until_ns`.
    void run(const std::function<bool()>& done, std::int64_t until_ns) {
        while (!done() && net::monotonicNs() < until_ns) {
            std::deque<std::function<void()>> tasks;
            {
                std::unique_lock lock(mutex_);
                const auto next = timers_.empty() ? until_ns : timers_.begin()->first;
                const auto wait = std::chrono::nanoseconds(
                    std::max<std::int64_t>(0, std::min(next, until_ns) - net::monotonicNs()));
                ready_.wait_for(lock, wait, [this] { return !tasks_.empty(); });
                tasks.swap(tasks_);
            }
            for (auto& t : tasks) t();
            while (!timers_.empty() && timers_.begin()->first <= net::monotonicNs()) {
                const auto t = timers_.begin()->second;
                timers_.erase(timers_.begin());
                if (*t) (*t)();
            }
        }
        flush();
    }
    /// Runs what is left, so that nothing keeps a stream.
    void flush() {
        for (int i = 0; i < 16; ++i) {
            std::deque<std::function<void()>> tasks;
            {
                const std::lock_guard lock(mutex_);
                tasks.swap(tasks_);
            }
            if (tasks.empty()) break;
            for (auto& t : tasks) t();
        }
        timers_.clear();
    }

  private:
    const unsigned index_;
    const std::thread::id thread_;
    std::mutex mutex_;
    std::condition_variable ready_;
    std::deque<std::function<void()>> tasks_;
    std::multimap<std::int64_t, std::shared_ptr<std::function<void()>>> timers_;
};

}  // namespace persona::host::generation
