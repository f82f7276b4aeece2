#pragma once

#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>

namespace persona::accounts {

/// Shuts sockets down when their time is over, so that whoever waits for one wakes up with an
/// error. A server that stopped answering cannot hold a thread. Thread-safe.
class Watchdog {
  public:
    using Clock = std::chrono::steady_clock;

    Watchdog();
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

    /// Watches one socket for as long as it lives; it must not outlive the socket.
    class Guard {
      public:
        Guard(Watchdog& dog, int socket, Clock::time_point due);
        ~Guard();
        Guard(const Guard&) = delete;
        Guard& operator=(const Guard&) = delete;

      private:
        friend class Watchdog;
        Watchdog& dog_;
        const int socket_;
        const Clock::time_point due_;
        std::list<Guard*>::iterator place_;
        bool fired_ = false;
    };

  private:
    void watch();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::list<Guard*> guards_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace persona::accounts
