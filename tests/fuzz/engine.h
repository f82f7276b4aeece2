#pragma once

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>

#include "host/net/engine.h"
#include "host/net/socket.h"
#include "tests/fuzz/require.h"

/// The engine between two local sockets, for octets at its front and at its back.
namespace persona::fuzz {

namespace net = persona::host::net;

/// A new folder for sockets; it stays until the process ends.
inline std::string socketFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "persona-fuzz-XXXXXX";
    PERSONA_REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    static const struct Remove {
        std::string folder;
        ~Remove() { std::filesystem::remove_all(folder); }
    } kRemove{pattern};
    return pattern;
}

inline net::Fd socketAt(const std::string& path, bool listening) {
    net::SocketAddress a;
    std::string error;
    PERSONA_REQUIRE(net::parseSocketAddress("unix:" + path, a, error));
    net::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    PERSONA_REQUIRE(fd.valid());
    if (listening)
        PERSONA_REQUIRE(::bind(fd.get(), a.get(), a.size) == 0 && ::listen(fd.get(), 64) == 0);
    else
        PERSONA_REQUIRE(::connect(fd.get(), a.get(), a.size) == 0);
    return fd;
}

/// What does something when it is its turn: the engine, and who stands before and behind it. All on
/// one thread, so that the same octets always do the same.
class Actor {
  public:
    Actor() = default;
    virtual ~Actor() = default;
    Actor(const Actor&) = delete;
    Actor& operator=(const Actor&) = delete;
    virtual void turn() = 0;
};

/// A connection to the engine that writes when there is room, in one piece or two, and reads what
/// comes.
class Wire {
  public:
    explicit Wire(net::Fd fd) : fd_(std::move(fd)) { ::fcntl(fd_.get(), F_SETFL, O_NONBLOCK); }
    /// `split` within `text`: the rest follows when the peer has read that much.
    void say(std::string_view text, std::size_t split) {
        text_ = text;
        split_ = split < text.size() ? split : 0;
    }
    void move() {
        if (split_ > 0 && sent_ == split_) {
            int left = 0;
            if (::ioctl(fd_.get(), TIOCOUTQ, &left) == 0 && left != 0) return;
            split_ = 0;
        }
        const auto until = split_ > 0 ? split_ : text_.size();
        const auto piece = std::string_view(text_).substr(0, until).substr(sent_);
        if (!piece.empty()) {
            const auto n = ::send(fd_.get(), piece.data(), piece.size(), MSG_NOSIGNAL);
            if (n > 0)
                sent_ += static_cast<std::size_t>(n);
            else if (n < 0 && errno != EAGAIN)
                sent_ = text_.size();  // nobody listens any more
        }
    }
    [[nodiscard]] bool saidAll() const { return sent_ == text_.size(); }
    void read() {
        char data[16384];
        for (;;) {
            const auto n = ::recv(fd_.get(), data, sizeof data, 0);
            if (n > 0) {
                heard.append(data, static_cast<std::size_t>(n));
                continue;
            }
            ended = n == 0 || errno != EAGAIN;
            return;
        }
    }
    [[nodiscard]] int fd() const { return fd_.get(); }
    std::string heard;
    bool ended = false;

  private:
    net::Fd fd_;
    std::string text_;
    std::size_t split_ = 0, sent_ = 0;
};

class Silent final : public net::EngineObserver {
    void count(std::string_view) override {}
    void log(int, std::string_view) override {}
};

/// Forwards all to the upstream `back`; or answers with the body of the request.
class Front final : public net::Dispatcher {
  public:
    explicit Front(bool relays) : relays_(relays) {}
    void dispatch(net::ExchangePtr exchange) override {
        auto hooks = std::make_unique<Hooks>(*exchange);
        exchange->attach(std::move(hooks));
        if (relays_)
            exchange->forward(*engine->upstream("back"), 0);
        else
            exchange->bufferBody(1 << 20);
    }
    net::Engine* engine = nullptr;

  private:
    class Hooks final : public net::ExchangeHooks {
      public:
        explicit Hooks(net::Exchange& exchange) : exchange_(exchange) {}
        void onBodyReady() override {
            net::ResponseHead head;
            head.status = 200;
            exchange_.respond(std::move(head), std::string(exchange_.body()));
        }
        void onComplete(const net::Summary&) override {}

      private:
        net::Exchange& exchange_;
    };
    const bool relays_;
};

/// An engine of one loop that listens at `folder`/`name`, and relays to `back` unless that is
/// empty.
class EngineAt final : public Actor {
  public:
    EngineAt(const std::string& folder, const std::string& name, const std::string& back)
        : path(folder + "/" + name), front_(std::make_shared<Front>(!back.empty())) {
        net::EngineSettings s;
        s.loops = 1;
        s.own_threads = false;
        net::ListenerSettings l;
        l.name = name;
        l.address = "unix:" + path;
        l.service = "fuzzed";
        s.listeners.push_back(l);
        if (!back.empty()) {
            net::UpstreamSettings u;
            u.name = "back";
            u.addresses = {"unix:" + back};
            u.health_interval = net::milliseconds(0);
            // Octets that an answer leaves behind would be taken for the next one.
            u.max_connections = 1;
            s.upstreams.push_back(u);
        }
        engine_ = std::make_unique<net::Engine>(s, observer_);
        front_->engine = engine_.get();
        PERSONA_REQUIRE(engine_->start({{"fuzzed", front_}}).empty());
    }
    void turn() override { engine_->turn(); }
    /// One connection: `text`, then the end of the stream; what came back until its end. `behind`
    /// has its turns meanwhile.
    [[nodiscard]] std::string ask(std::string_view text, std::size_t split, Actor& behind) {
        Wire wire(socketAt(path, false));
        wire.say(text, split);
        bool open = true;
        // Far more turns than any of it takes; deadlines of the engine are seconds.
        for (int turns = 0; turns < 1'000'000 && !wire.ended; ++turns) {
            wire.move();
            if (open && wire.saidAll()) {
                ::shutdown(wire.fd(), SHUT_WR);
                open = false;
            }
            turn();
            behind.turn();
            wire.read();
        }
        PERSONA_REQUIRE(wire.ended);
        turn();  // it notices that we have gone
        behind.turn();
        return std::move(wire.heard);
    }
    const std::string path;

  private:
    Silent observer_;
    std::shared_ptr<Front> front_;
    std::unique_ptr<net::Engine> engine_;
};

}  // namespace persona::fuzz
