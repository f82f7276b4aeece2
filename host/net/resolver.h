#pragma once

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "host/net/socket.h"

namespace persona::host::net {

/// Blocks; empty, and `error`, when the name has no address.
using ResolveFn = std::function<std::vector<SocketAddress>(
    const std::string& host, unsigned short port, std::string& error)>;
/// The system's resolver, with a bound on how long a silent name server holds it.
[[nodiscard]] std::vector<SocketAddress> resolveBySystem(const std::string& host,
                                                         unsigned short port, std::string& error);

/// Looks names up on threads of its own, since that blocks: as many as documents are fetched at
/// once (discovery::Options::max_fetches), so that names whose servers are silent hold up no other.
/// A lookup outlives who asked for it, so a queue may form all the same; it is bounded, and what
/// waited too long in it is not looked up. All [any].
class Resolver {
  public:
    /// Made when they are needed, and then kept: one that sleeps holds some 30 KiB of memory, and
    /// its stack's address space.
    static constexpr std::size_t kThreads = 256;

    explicit Resolver(ResolveFn resolve);
    ~Resolver();  ///< joins; what waits is never called
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    using Done = std::function<void(std::vector<SocketAddress>, std::string error)>;
    /// Whether the lookup has begun: whoever gives up before that has learnt nothing of the name.
    using Begun = std::shared_ptr<const std::atomic<bool>>;
    /// nullptr: no room, `done` is never called. Else it is called once on a thread of this, or
    /// never when this ends or `begin_by` (monotonic ns) comes before the lookup's turn.
    [[nodiscard]] Begun resolve(std::string host, unsigned short port, std::int64_t begin_by_ns,
                                Done done);

  private:
    struct Job {
        std::string host;
        unsigned short port;
        std::int64_t begin_by_ns;
        Done done;
        std::shared_ptr<std::atomic<bool>> begun;
    };
    void addThread();
    void run();
    ResolveFn resolve_;
    std::mutex mutex_;
    std::condition_variable ready_;
    std::deque<Job> queue_;
    bool stop_ = false;
    std::size_t idle_ = 0;
    std::vector<pthread_t> threads_;
};

}  // namespace persona::host::net
