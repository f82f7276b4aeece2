#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "host/net/exchange.h"
#include "host/net/inherited.h"
#include "host/net/settings.h"

namespace persona::host::net {

/// One event loop: a thread, its listeners' sockets, its upstream pools. No lock on the data path.
class Loop {
  public:
    virtual ~Loop() = default;
    virtual void post(std::function<void()> task) = 0;  ///< [any]
    [[nodiscard]] virtual bool isCurrent() const = 0;   ///< [any]
    [[nodiscard]] virtual unsigned index() const = 0;
    /// [loop] Calls `task` after `delay`; the returned function cancels it ([loop]).
    virtual std::function<void()> after(milliseconds delay, std::function<void()> task) = 0;
};

/// Named group of addresses of one role; every loop has its own connections to it.
class Upstream {
  public:
    virtual ~Upstream() = default;
    [[nodiscard]] virtual std::string_view name() const = 0;
};

struct ClientRequest {
    Upstream* upstream = nullptr;  ///< or url
    std::string url;               ///< http:// or https://; redirects are not followed
    std::string method = "GET";
    std::string target;  ///< path and query; with url: empty, or sent in place of the URL's own
    Fields fields;
    std::string body;
    std::uint64_t max_body = 1024 * 1024;
    milliseconds deadline{15'000};
    bool allow_private = false;  ///< url only: also loopback, private, link-local, ... addresses
};

enum class ClientError { None, Timeout, Unreachable, TooLarge, QueueFull, Denied, Protocol };

struct ClientResult {
    ClientError error = ClientError::None;
    std::string detail;
    unsigned status = 0;
    Fields fields;
    std::string body;
};

/// How the engine counts; implemented by host/observe. All [any], none blocks.
class EngineObserver {
  public:
    virtual ~EngineObserver() = default;
    virtual void count(std::string_view name) = 0;  ///< "engine.limit.header_bytes", ...
    virtual void log(int level, std::string_view message) = 0;  ///< psn.log/1 levels
};

struct EngineStats {
    std::uint64_t connections = 0, exchanges = 0;
};

/// HTTP/1.1 server and client on one loop per core (Boost.Asio sockets, Beast's parser).
class Engine {
  public:
    using Services = std::map<std::string, std::shared_ptr<Dispatcher>, std::less<>>;

    Engine(EngineSettings settings, EngineObserver& observer);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    /// [control] Binds every listener, then starts the loops. Empty: done. Else what failed, naming
    /// the listener and the remedy ("address already in use: ..."). A listener whose name is among
    /// `inherited` uses those sockets, which must have its address.
    [[nodiscard]] std::string start(Services services, InheritedSockets inherited = {});
    /// [control] Every listening socket with the name of its listener, for the process that
    /// replaces this one. They stay ours.
    [[nodiscard]] std::vector<std::pair<std::string, int>> sockets() const;
    /// [control] Stops accepting, lets requests in flight end, answers them with Connection: close,
    /// closes connections that have been idle for a quarter of a second (a request may be on its
    /// way on the others); returns when all are gone or drain_timeout has passed (the rest is cut).
    /// True: nothing was cut. `succeeded`: another process has the same sockets; then idle
    /// connections end by their own timeout, and the files of unix sockets stay.
    bool drain(bool succeeded = false);
    /// [control] Ends the loops and joins their threads.
    void stop();
    /// [control] Reads certificates and keys again. Empty, or what failed (the old ones stay).
    [[nodiscard]] std::string reloadTls();
    /// [control] The same in two steps: what puts the new ones in place, nullptr when `error` says
    /// what failed. Without that call nothing has changed.
    [[nodiscard]] std::function<void()> readTls(std::string& error) const;

    /// Without own_threads: handles what there is to handle, on the calling thread, which waits for
    /// nothing.
    void turn();
    [[nodiscard]] unsigned loops() const;
    [[nodiscard]] Loop& loop(unsigned i);
    [[nodiscard]] Upstream* upstream(std::string_view name);  ///< nullptr: none of that name
    /// [any] `done` runs on a loop, exactly once.
    void send(ClientRequest request, std::function<void(ClientResult)> done);
    /// Port that a listener is bound to (for port 0 in tests); 0: no such listener.
    [[nodiscard]] unsigned short port(std::string_view listener) const;
    [[nodiscard]] EngineStats stats() const;  ///< [any]

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace persona::host::net
