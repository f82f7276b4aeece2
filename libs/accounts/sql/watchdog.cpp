#include "libs/accounts/sql/watchdog.h"

#include <sys/socket.h>

namespace persona::accounts {

Watchdog::Guard::Guard(Watchdog& dog, int socket, Clock::time_point due)
    : dog_(dog), socket_(socket), due_(due) {
    const std::lock_guard lock(dog_.mutex_);
    place_ = dog_.guards_.insert(dog_.guards_.end(), this);
    // Only one that is due before all others shortens the wait.
    if (dog_.guards_.size() == 1) dog_.changed_.notify_one();
}

Watchdog::Guard::~Guard() {
    const std::lock_guard lock(dog_.mutex_);
    dog_.guards_.erase(place_);
}

Watchdog::Watchdog() : thread_([this] { watch(); }) {}

Watchdog::~Watchdog() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

void Watchdog::watch() {
    // Coarse on purpose: a look every so often costs less than a wake-up for every operation.
    constexpr std::chrono::milliseconds kStep{20};
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        if (guards_.empty()) {
            changed_.wait(lock);
            continue;
        }
        const auto now = Clock::now();
        for (auto* guard : guards_)
            if (!guard->fired_ && guard->due_ <= now) {
                guard->fired_ = true;
                ::shutdown(guard->socket_, SHUT_RDWR);
            }
        changed_.wait_for(lock, kStep);
    }
}

}  // namespace persona::accounts
