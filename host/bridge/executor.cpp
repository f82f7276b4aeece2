#include "host/bridge/executor.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "host/net/reactor.h"
#include "host/observe/metrics.h"

namespace persona::host::bridge {

namespace {
thread_local bool on_executor = false;
}

Executor::Executor(const config::ExecutorSettings& settings, psn_metric* delay)
    : settings_(settings), delay_(delay) {
    for (std::int64_t i = 0; i < settings_.threads; ++i) threads_.emplace_back([this] { run(); });
}

Executor::~Executor() {
    stop();
}

bool Executor::onExecutor() {
    return on_executor;
}

bool Executor::submit(Work work, std::uint64_t deadline_ms) {
    const auto ms =
        deadline_ms != 0 ? static_cast<std::int64_t>(deadline_ms) : settings_.deadline_ms;
    {
        const std::lock_guard lock(mutex_);
        if (stop_ || static_cast<std::int64_t>(queue_.size()) >= settings_.queue) return false;
        const auto now = net::monotonicNs();
        queue_.push_back({std::move(work), now, now + ms * 1'000'000});
    }
    ready_.notify_one();
    return true;
}

void Executor::stop() {
    {
        const std::lock_guard lock(mutex_);
        if (stop_) return;
        stop_ = true;
    }
    ready_.notify_all();
    for (auto& t : threads_) t.join();
    threads_.clear();
    for (auto& item : queue_) item.work(true);
    queue_.clear();
}

void Executor::run() {
    on_executor = true;
    // On Linux a priority is a thread's own. What is refused here only costs others some latency.
    if (settings_.nice != 0)
        (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()),
                            static_cast<int>(settings_.nice));
    std::unique_lock lock(mutex_);
    for (;;) {
        ready_.wait(lock, [this] { return stop_ || !queue_.empty(); });
        if (stop_) return;
        Item item = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        const auto now = net::monotonicNs();
        if (delay_ != nullptr) delay_->observe(static_cast<double>(now - item.queued_ns) / 1e6);
        item.work(now > item.deadline_ns);
        item.work = nullptr;
        lock.lock();
    }
}

Timers::Timers() : thread_([this] { run(); }) {}
Timers::~Timers() {
    stop();
}

std::uint64_t Timers::start(std::uint64_t delay_ms, std::uint64_t period_ms,
                            std::function<void()> task) {
    const std::lock_guard lock(mutex_);
    if (timers_.size() >= 10'000) return 0;
    const auto id = next_id_++;
    timers_[id] = {net::monotonicNs() + static_cast<std::int64_t>(delay_ms) * 1'000'000,
                   static_cast<std::int64_t>(period_ms) * 1'000'000, std::move(task)};
    ready_.notify_one();
    return id;
}

void Timers::post(std::function<void()> task) {
    const std::lock_guard lock(mutex_);
    timers_[next_id_++] = {0, 0, std::move(task)};
    ready_.notify_one();
}

void Timers::cancel(std::uint64_t id) {
    std::unique_lock lock(mutex_);
    timers_.erase(id);
    if (thread_.get_id() == std::this_thread::get_id()) return;
    idle_.wait(lock, [&] { return running_ != id; });
}

void Timers::stop() {
    {
        const std::lock_guard lock(mutex_);
        if (stop_) return;
        stop_ = true;
    }
    ready_.notify_one();
    thread_.join();
}

void Timers::run() {
    std::unique_lock lock(mutex_);
    while (!stop_) {
        const auto next = std::min_element(
            timers_.begin(), timers_.end(),
            [](const auto& a, const auto& b) { return a.second.due_ns < b.second.due_ns; });
        if (next == timers_.end()) {
            ready_.wait(lock);
            continue;
        }
        const auto wait_ns = next->second.due_ns - net::monotonicNs();
        if (wait_ns > 0) {
            ready_.wait_for(lock, std::chrono::nanoseconds(wait_ns));
            continue;
        }
        running_ = next->first;
        auto task = next->second.task;
        if (next->second.period_ns > 0)
            next->second.due_ns = net::monotonicNs() + next->second.period_ns;
        else
            timers_.erase(next);
        lock.unlock();
        task();
        task = nullptr;  // what it holds may go only now, and not under the lock
        lock.lock();
        running_ = 0;
        idle_.notify_all();
    }
}

}  // namespace persona::host::bridge
