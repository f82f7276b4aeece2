#include "host/net/reactor.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace persona::host::net {

std::int64_t monotonicNs() {
    timespec ts{};
    ::clock_gettime(CLOCK_MONOTONIC, &ts);
    return static_cast<std::int64_t>(ts.tv_sec) * 1'000'000'000 + ts.tv_nsec;
}

Timed::~Timed() {
    if (next_ != nullptr && next_ != this) {
        prev_->next_ = next_;
        next_->prev_ = prev_;
    }
}

Wheel::Wheel(std::int64_t now_ns) : tick_(now_ns / kTickNs) {
    for (Timed& a : slots_) a.prev_ = a.next_ = &a;
}

void Wheel::insert(Timed& timed, std::int64_t when_ns) {
    // Never early: the first tick at or after the deadline. Further than one turn of the wheel:
    // looked at once a turn until it is near.
    const std::int64_t due = (when_ns + kTickNs - 1) / kTickNs;
    const auto tick = std::clamp(due, tick_ + 1, tick_ + static_cast<std::int64_t>(kSlots) - 1);
    timed.slot_ns_ = tick * kTickNs;
    Timed& anchor = slots_[static_cast<std::size_t>(timed.slot_ns_ / kTickNs) % kSlots];
    timed.next_ = &anchor;
    timed.prev_ = anchor.prev_;
    anchor.prev_->next_ = &timed;
    anchor.prev_ = &timed;
}

void Wheel::set(Timed& timed, std::int64_t deadline_ns) {
    timed.deadline_ns_ = deadline_ns;
    if (timed.slot_ns_ != 0 && timed.slot_ns_ < deadline_ns + kTickNs) return;
    if (timed.slot_ns_ != 0) {
        timed.prev_->next_ = timed.next_;
        timed.next_->prev_ = timed.prev_;
    }
    insert(timed, deadline_ns);
}

void Wheel::advance(std::int64_t now_ns) {
    const std::int64_t now_tick = now_ns / kTickNs;
    while (tick_ < now_tick) {
        ++tick_;
        Anchor due;
        Timed& from = slots_[static_cast<std::size_t>(tick_) % kSlots];
        Timed& to = due;
        to.prev_ = to.next_ = &to;
        if (from.next_ != &from) {
            to.next_ = from.next_;
            to.prev_ = from.prev_;
            to.next_->prev_ = &to;
            to.prev_->next_ = &to;
            from.prev_ = from.next_ = &from;
        }
        while (to.next_ != &to) {
            Timed& t = *to.next_;
            to.next_ = t.next_;
            t.next_->prev_ = &to;
            t.prev_ = t.next_ = nullptr;
            t.slot_ns_ = 0;
            if (t.deadline_ns_ == 0) continue;
            if (t.deadline_ns_ > tick_ * kTickNs) {
                insert(t, t.deadline_ns_);
                continue;
            }
            t.deadline_ns_ = 0;
            t.onDeadline();
        }
    }
}

Reactor::Reactor()
    : epoll_fd_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      wheel_(monotonicNs()),
      now_ns_(monotonicNs()) {
    if (epoll_fd_ < 0 || wake_fd_ < 0)
        throw std::system_error(errno, std::generic_category(), "event loop");
    epoll_event ev{};
    ev.events = EPOLLIN;
    ev.data.ptr = nullptr;
    ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &ev);
}

Reactor::~Reactor() {
    ::close(epoll_fd_);
    ::close(wake_fd_);
}

bool Reactor::add(int fd, EventHandler& handler, std::uint32_t events) {
    epoll_event ev{};
    ev.events = events;
    ev.data.ptr = &handler;
    if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &ev) != 0) return false;
    removed_.erase(std::remove(removed_.begin(), removed_.end(), &handler), removed_.end());
    return true;
}

void Reactor::remove(int fd, EventHandler& handler) {
    ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
    removed_.push_back(&handler);
    for (auto* list : {&again_, &late_})
        if (!list->empty())
            list->erase(std::remove(list->begin(), list->end(), &handler), list->end());
}

bool Reactor::isStale(const EventHandler& handler) const {
    return !removed_.empty() &&
           std::find(removed_.begin(), removed_.end(), &handler) != removed_.end();
}

void Reactor::handle(EventHandler& handler, std::uint32_t events) {
    if (!isStale(handler)) handler.onEvents(events);
}

bool Reactor::writesLate(EventHandler& handler) {
    if (left_ == 0) return false;
    if (late_.empty()) late_since_ns_ = monotonicNs();
    late_.push_back(&handler);
    return true;
}

void Reactor::writeNow() {
    writing_.swap(late_);
    for (auto* handler : writing_)
        if (!isStale(*handler)) handler->writeHeld();
    for (auto* handler : writing_) handle(*handler, EPOLLOUT);
    writing_.clear();
}

void Reactor::post(std::function<void()> task) {
    {
        const std::lock_guard lock(mutex_);
        posted_.push_back(std::move(task));
    }
    if (!wake_pending_.exchange(true)) {
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto n = ::write(wake_fd_, &one, sizeof one);
    }
}

std::function<void()> Reactor::after(std::int64_t delay_ns, std::function<void()> task) {
    auto shared = std::make_shared<std::function<void()>>(std::move(task));
    timers_.emplace(monotonicNs() + delay_ns, shared);
    return [weak = std::weak_ptr(shared)] {
        if (const auto t = weak.lock()) *t = nullptr;
    };
}

void Reactor::stop() {
    stop_.store(true);
    post([] {});
}

void Reactor::run() {
    adopt();
    while (!stop_.load(std::memory_order_relaxed)) turn(Wheel::kTickNs);
}

void Reactor::turn(std::int64_t most_ns) {
    std::array<epoll_event, 256> events;
    unfinished_.swap(again_);
    std::int64_t wait_ns = unfinished_.empty() ? most_ns : 0;
    if (!timers_.empty())
        wait_ns = std::clamp<std::int64_t>(timers_.begin()->first - monotonicNs(), 0, wait_ns);
    // Interrupted: as if nothing had come.
    const int n = std::max(::epoll_wait(epoll_fd_, events.data(), static_cast<int>(events.size()),
                                        static_cast<int>((wait_ns + 999'999) / 1'000'000)),
                           0);
    now_ns_ = monotonicNs();
    left_ = static_cast<std::size_t>(n) + unfinished_.size();
    const auto next = [&] {
        if (!late_.empty() && monotonicNs() - late_since_ns_ >= kLateNs) writeNow();
        --left_;
    };
    for (int i = 0; i < n; ++i) {
        next();
        auto* handler = static_cast<EventHandler*>(events[static_cast<std::size_t>(i)].data.ptr);
        if (handler == nullptr) {
            std::uint64_t count = 0;
            [[maybe_unused]] const auto r = ::read(wake_fd_, &count, sizeof count);
        } else {
            handle(*handler, events[static_cast<std::size_t>(i)].events);
        }
    }
    for (auto* handler : unfinished_) {
        next();
        handle(*handler, 0);
    }
    unfinished_.clear();
    if (wake_pending_.exchange(false)) {
        {
            const std::lock_guard lock(mutex_);
            tasks_.swap(posted_);
        }
        left_ = tasks_.size();
        for (auto& t : tasks_) {
            next();
            t();
        }
        tasks_.clear();
    }
    left_ = 0;
    writeNow();
    wheel_.advance(now_ns_);
    while (!timers_.empty() && timers_.begin()->first <= now_ns_) {
        // Out of its place before it runs: it may cancel itself.
        const auto t = std::move(*timers_.begin()->second);
        timers_.erase(timers_.begin());
        if (t) t();
    }
    while (!deferred_.empty()) {
        tasks_.swap(deferred_);
        for (auto& t : tasks_) t();
        tasks_.clear();
    }
    removed_.clear();
    if (turn_end_) turn_end_();
}

}  // namespace persona::host::net
