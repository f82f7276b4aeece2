/// \file A value that one thread replaces whole while others read it.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace persona {

/// Holds a shared pointer under a lock of a few nanoseconds. std::atomic<std::shared_ptr> would say
/// the same, but libstdc++ 12 lets go of its lock in load() without release order, so that the
/// read may pass the next store: a data race, and one that ThreadSanitizer reports.
/// Any thread may call; readers keep what they took for as long as they hold it.
template <typename T>
class Published {
  public:
    Published() = default;
    explicit Published(std::shared_ptr<T> value) : value_(std::move(value)) {}

    [[nodiscard]] std::shared_ptr<T> load() const {
        const std::lock_guard lock(mutex_);
        return value_;
    }
    void store(std::shared_ptr<T> value) {
        {
            const std::lock_guard lock(mutex_);
            value_.swap(value);
        }
        // The old value, perhaps the last hold on it, ends outside of the lock.
    }

  private:
    mutable std::mutex mutex_;
    std::shared_ptr<T> value_;
};

}  // namespace persona
