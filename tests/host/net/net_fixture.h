#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
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

/// A blocking client socket with a bound on every wait.
class RawClient {
  public:
    explicit RawClient(unsigned short port) {
        SocketAddress a;
        std::string error;
        EXPECT_TRUE(parseSocketAddress("127.0.0.1:" + std::to_string(port), a, error)) << error;
        fd_ = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::connect(fd_.get(), a.get(), a.size), 0);
    }
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
    [[nodiscard]] bool closedByPeer() {
        while (readSome()) {
        }
        return closed_;
    }
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
            return false;
        }
        buffer_.append(data, static_cast<std::size_t>(n));
        return true;
    }
    Fd fd_;
    std::string buffer_;
    bool closed_ = false;
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

}  // namespace persona::host::net::testing
