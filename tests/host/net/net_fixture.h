#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "host/net/engine.h"
#include "host/net/socket.h"

namespace persona::host::net::testing {

/// Collects what the engine counts and says.
class Observer final : public EngineObserver {
  public:
    void count(std::string_view name) override {
        const std::lock_guard lock(mutex_);
        counts_.emplace_back(name);
    }
    void log(int, std::string_view message) override {
        const std::lock_guard lock(mutex_);
        logs_.emplace_back(message);
    }
    [[nodiscard]] std::size_t counted(std::string_view name) {
        const std::lock_guard lock(mutex_);
        std::size_t n = 0;
        for (const auto& c : counts_) n += c == name ? 1 : 0;
        return n;
    }

    [[nodiscard]] bool logged(std::string_view part) {
        const std::lock_guard lock(mutex_);
        for (const auto& l : logs_)
            if (l.find(part) != std::string::npos) return true;
        return false;
    }
    [[nodiscard]] std::size_t lines() {
        const std::lock_guard lock(mutex_);
        return logs_.size();
    }
    /// Waits until `name` has been counted `n` times; false after 20 s.
    [[nodiscard]] bool awaitCount(std::string_view name, std::size_t n) {
        return await([&] { return counted(name) >= n; });
    }
    template <typename F>
    static bool await(F&& done) {
        for (int i = 0; i < 4'000; ++i) {
            if (done()) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        return false;
    }

  private:
    std::mutex mutex_;
    std::vector<std::string> counts_, logs_;
};

/// A service of a test: `on_request` gets the exchange, with hooks that record the end.
class TestService final : public Dispatcher {
  public:
    using Handler = std::function<void(const ExchangePtr&)>;
    struct Options {
        bool buffer = true;
        std::uint64_t max_body = 10 * 1024;
    };
    explicit TestService(Handler handler) : TestService(std::move(handler), Options{}) {}
    TestService(Handler handler, Options options)
        : handler_(std::move(handler)), options_(options) {}
    void dispatch(ExchangePtr exchange) override {
        auto hooks = std::make_unique<Hooks>(*this, *exchange);
        exchange->attach(std::move(hooks));
        if (options_.buffer)
            exchange->bufferBody(options_.max_body);
        else
            handler_(exchange);
    }
    std::atomic<int> completed{0}, aborted{0};

  private:
    class Hooks final : public ExchangeHooks {
      public:
        Hooks(TestService& service, Exchange& exchange) : service_(service), exchange_(exchange) {}
        void onBodyReady() override { service_.handler_(exchange_.shared_from_this()); }
        void onComplete(const Summary& s) override {
            ++(s.aborted ? service_.aborted : service_.completed);
        }

      private:
        TestService& service_;
        Exchange& exchange_;
    };
    Handler handler_;
    Options options_;
};

inline ResponseHead okHead() {
    ResponseHead h;
    h.status = 200;
    h.fields.add("Content-Type", "text/plain");
    return h;
}

/// Answers with the body of the request.
inline std::shared_ptr<TestService> plainEcho(bool buffer = true) {
    return std::make_shared<TestService>(
        [](const ExchangePtr& e) { e->respond(okHead(), std::string(e->body())); },
        TestService::Options{buffer, 8 * 1024 * 1024});
}

/// Keeps every exchange unanswered until release().
struct Keeper {
    std::shared_ptr<TestService> service = std::make_shared<TestService>(
        [this](const ExchangePtr& e) {
            const std::lock_guard lock(mutex);
            kept.push_back(e);
        },
        TestService::Options{false, 0});
    std::mutex mutex;
    std::vector<ExchangePtr> kept;
    std::size_t count() {
        const std::lock_guard lock(mutex);
        return kept.size();
    }
    void release(const std::string& body) {
        const std::lock_guard lock(mutex);
        for (auto& e : kept)
            e->loop().post([e, body] {
                e->discardBody(0);
                e->respond(okHead(), body);
            });
        kept.clear();
    }
};

/// A blocking client socket with a bound on every wait.
class RawClient {
  public:
    explicit RawClient(unsigned short port) : RawClient("127.0.0.1:" + std::to_string(port)) {}
    explicit RawClient(const std::string& address) {
        SocketAddress a;
        std::string error;
        EXPECT_TRUE(parseSocketAddress(address, a, error)) << error;
        fd_ = Fd(::socket(a.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
        connected_ = ::connect(fd_.get(), a.get(), a.size) == 0;
        EXPECT_TRUE(connected_) << address << ": " << std::strerror(errno);
    }
    explicit RawClient(Fd fd) : fd_(std::move(fd)), connected_(true) {}
    void send(std::string_view text) {
        while (!text.empty()) {
            const auto n = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
            if (n <= 0) return;
            text.remove_prefix(static_cast<std::size_t>(n));
        }
    }
    /// All until the peer closes.
    std::string readAll() {
        while (readSome()) {
        }
        return std::move(buffer_);
    }
    /// Until `marker` has come; what was read up to and with it.
    std::string readUntil(std::string_view marker) {
        for (;;) {
            if (const auto at = buffer_.find(marker); at != std::string::npos) {
                std::string out = buffer_.substr(0, at + marker.size());
                buffer_.erase(0, at + marker.size());
                return out;
            }
            if (!readSome()) return std::move(buffer_);
        }
    }
    /// The next `n` octets, or what came before the end.
    std::string readCount(std::size_t n) {
        while (buffer_.size() < n && readSome()) {
        }
        std::string out = buffer_.substr(0, n);
        buffer_.erase(0, out.size());
        return out;
    }
    bool closedByPeer() {
        while (readSome()) {
        }
        return closed_;
    }
    /// The connection ended by a reset, not by a normal end.
    [[nodiscard]] bool wasReset() const { return reset_; }
    void shutdownWrite() { ::shutdown(fd_.get(), SHUT_WR); }
    [[nodiscard]] int fd() const { return fd_.get(); }

  private:
    bool readSome() {
        pollfd p{fd_.get(), POLLIN, 0};
        if (::poll(&p, 1, 20'000) != 1) return false;
        char data[65536];
        const auto n = ::recv(fd_.get(), data, sizeof data, 0);
        if (n <= 0) {
            closed_ = true;
            reset_ = n < 0 && errno == ECONNRESET;
            return false;
        }
        buffer_.append(data, static_cast<std::size_t>(n));
        return true;
    }
    Fd fd_;
    std::string buffer_;
    bool connected_ = false, closed_ = false, reset_ = false;
};

/// A server that does what its script says: `serve` gets one accepted connection at a time, on a
/// thread of its own, with its number.
class RawUpstream {
  public:
    using Script = std::function<void(RawClient&, int number)>;
    explicit RawUpstream(Script serve) : serve_(std::move(serve)) {
        SocketAddress a;
        std::string error;
        EXPECT_TRUE(parseSocketAddress("127.0.0.1:0", a, error));
        listener_ = listenOn(a, "raw upstream", false, 0, error);
        EXPECT_TRUE(listener_.valid()) << error;
        socklen_t size = sizeof a.storage;
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&a.storage), &size);
        port_ = a.port();
        thread_ = std::thread([this] { run(); });
    }
    ~RawUpstream() {
        stop_ = true;
        thread_.join();
    }
    RawUpstream(const RawUpstream&) = delete;
    RawUpstream& operator=(const RawUpstream&) = delete;
    [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    [[nodiscard]] unsigned short port() const { return port_; }
    [[nodiscard]] int accepted() const { return accepted_; }

  private:
    void run() {
        while (!stop_) {
            pollfd p{listener_.get(), POLLIN, 0};
            if (::poll(&p, 1, 20) != 1) continue;
            Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!fd.valid()) continue;
            RawClient peer(std::move(fd));
            serve_(peer, accepted_++);
        }
    }
    Script serve_;
    Fd listener_;
    unsigned short port_ = 0;
    std::atomic<bool> stop_{false};
    std::atomic<int> accepted_{0};
    std::thread thread_;
};

inline Limits& limitsOf(EngineSettings& s) {
    return s.listeners[0].limits;
}

/// Forwards everything to the upstream "back".
class Relay final : public Dispatcher {
  public:
    void dispatch(ExchangePtr exchange) override {
        class Hooks final : public ExchangeHooks {
            void onComplete(const Summary&) override {}
        };
        exchange->attach(std::make_unique<Hooks>());
        exchange->forward(*engine->upstream("back"), 0);
    }
    Engine* engine = nullptr;
};

/// An engine with one listener "main" on a free port.
class EngineUnderTest {
  public:
    explicit EngineUnderTest(std::shared_ptr<Dispatcher> service,
                             const std::function<void(EngineSettings&)>& change = {}) {
        EngineSettings s;
        s.loops = 2;
        s.drain_timeout = milliseconds(5'000);
        ListenerSettings l;
        l.name = "main";
        l.address = "127.0.0.1:0";
        l.service = "test";
        s.listeners.push_back(l);
        if (change) change(s);
        engine = std::make_unique<Engine>(s, observer);
        const auto error = engine->start({{"test", std::move(service)}});
        EXPECT_EQ(error, "");
    }
    [[nodiscard]] unsigned short port() const { return engine->port("main"); }
    Observer observer;
    std::unique_ptr<Engine> engine;
};

/// An engine that relays to `addresses`.
class RelayUnderTest {
  public:
    explicit RelayUnderTest(std::vector<std::string> addresses,
                            const std::function<void(EngineSettings&)>& change = {})
        : front(relay, [&](EngineSettings& s) {
              UpstreamSettings u;
              u.name = "back";
              u.addresses = std::move(addresses);
              u.health_interval = milliseconds(0);
              s.upstreams.push_back(u);
              s.loops = 1;
              if (change) change(s);
          }) {
        relay->engine = front.engine.get();
    }
    /// The answer to one request on a connection of its own.
    std::string ask(const std::string& request) {
        RawClient client(front.port());
        client.send(request);
        client.shutdownWrite();
        return client.readAll();
    }
    std::shared_ptr<Relay> relay = std::make_shared<Relay>();
    EngineUnderTest front;
};

inline std::string get(const std::string& target, const std::string& more = "") {
    return "GET " + target + " HTTP/1.1\r\nHost: a.example\r\n" + more +
           "Connection: close\r\n\r\n";
}
inline std::string post(const std::string& fields, const std::string& body) {
    return "POST / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n" + fields + "\r\n" + body;
}
inline std::string bodyOf(const std::string& answer) {
    return answer.substr(answer.find("\r\n\r\n") + 4);
}
inline unsigned statusOf(const std::string& answer) {
    return answer.starts_with("HTTP/1.1 ") ? static_cast<unsigned>(std::atoi(answer.c_str() + 9))
                                           : 0;
}

}  // namespace persona::host::net::testing
