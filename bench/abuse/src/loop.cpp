#include "bench/abuse/src/loop.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <stdexcept>
#include <utility>

namespace persona::abuse {

namespace {
Micros monotonic() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<Micros>(t.tv_sec) * 1'000'000 + t.tv_nsec / 1000;
}
}  // namespace

Loop::Loop() : epoll_(epoll_create1(EPOLL_CLOEXEC)), start_(monotonic()) {
    if (epoll_ < 0) throw std::runtime_error("epoll_create1 failed: out of descriptors?");
}

Loop::~Loop() {
    close(epoll_);
}

Micros Loop::clock() const {
    return monotonic() - start_;
}

void Loop::watch(int fd, std::uint32_t events, Watcher* who) {
    epoll_event e{};
    e.events = events;
    e.data.ptr = who;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &e) != 0)
        throw std::runtime_error("epoll_ctl(ADD) failed");
}

void Loop::change(int fd, std::uint32_t events, Watcher* who) {
    epoll_event e{};
    e.events = events;
    e.data.ptr = who;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &e);
}

void Loop::forget(int fd) {
    epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
}

void Loop::retire(std::unique_ptr<Watcher> who) {
    retired_.push_back(std::move(who));
}

void Loop::at(Micros when, std::function<void()> what) {
    timers_.push({when, order_++, std::move(what)});
}

void Loop::fire() {
    while (!timers_.empty() && timers_.top().when <= now_ && !stopped_) {
        // top() is const only so that nobody breaks the order; what is moved out is popped at once.
        auto what = std::move(const_cast<Timer&>(timers_.top()).what);
        timers_.pop();
        what();
    }
}

void Loop::run(const std::function<bool()>& done) {
    std::array<epoll_event, 512> events;
    stopped_ = false;
    now_ = clock();
    while (!stopped_ && !done()) {
        int wait_ms = 200;
        if (!timers_.empty()) {
            const auto left = timers_.top().when - clock();
            wait_ms = static_cast<int>(std::clamp<Micros>((left + 999) / 1000, 0, 200));
        }
        const int n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait_ms);
        if (n < 0 && errno != EINTR) throw std::runtime_error("epoll_wait failed");
        now_ = clock();
        for (int i = 0; i < n; ++i)
            static_cast<Watcher*>(events[static_cast<std::size_t>(i)].data.ptr)
                ->ready(events[static_cast<std::size_t>(i)].events);
        retired_.clear();
        fire();
        retired_.clear();
    }
}

}  // namespace persona::abuse
