#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "host/net/socket.h"

namespace persona::host::net {

/// Blocks; empty, and `error`, when the name has no address.
using ResolveFn = std::function<std::vector<SocketAddress>(
    const std::string& host, unsigned short port, std::string& error)>;
/// The system's resolver, with a bound on how long a silent name server holds it.
[[nodiscard]] std::vector<SocketAddress> resolveBySystem(const std::string& host,
                                                         unsigned short port, std::string& error);

/// Looks names up on threads of its own, since that blocks. A name whose server is silent holds one
/// of many; the queue is bounded, and what waited past its deadline is not looked up. All [any].
class Resolver {
  public:
    explicit Resolver(ResolveFn resolve);
    ~Resolver();  ///< joins; what waits is never called
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    using Done = std::function<void(std::vector<SocketAddress>, std::string error)>;
    /// False: the queue is full, `done` is never called. Else it is called once on a thread of
    /// this, or never when this ends or the deadline (monotonic ns) passes first.
    bool resolve(std::string host, unsigned short port, std::int64_t until_ns, Done done);

  private:
    struct Job {
        std::string host;
        unsigned short port;
        std::int64_t until_ns;
        Done done;
    };
    void run();
    ResolveFn resolve_;
    std::mutex mutex_;
    std::condition_variable ready_;
    std::deque<Job> queue_;
    bool stop_ = false;
    std::size_t idle_ = 0;
    std::vector<std::thread> threads_;
};

}  // namespace persona::host::net
