#include "bench/abuse/src/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <utility>

namespace persona::abuse {

namespace {

class Connection;

/// Stays behind when the connection goes.
struct Place final : Exchange {
    Place(Connection* c, std::uint32_t peer) : connection(c), peer_(peer) {}
    ~Place() override;
    void answer(std::string octets) override;
    [[nodiscard]] std::uint32_t peer() const override { return peer_; }
    Connection* connection;
    std::uint32_t peer_;
};

class Connection final : public Loop::Watcher {
  public:
    using Left = std::function<void(Connection*)>;
    Connection(Loop& loop, int fd, std::uint32_t peer, const Handler& handler, Left left)
        : loop_(loop), fd_(fd), peer_(peer), handler_(handler), left_(std::move(left)) {
        loop_.watch(fd_, EPOLLIN, this);
    }
    ~Connection() override {
        if (place_) place_->connection = nullptr;
        if (fd_ >= 0) close(fd_);
    }

    void ready(std::uint32_t events) override {
        if (fd_ < 0) return;
        if (events & EPOLLOUT) write();
        if (fd_ < 0 || !(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
        std::array<char, 16'384> buffer;
        while (fd_ >= 0) {
            const auto n = recv(fd_, buffer.data(), buffer.size(), 0);
            if (n < 0 && errno == EINTR) continue;
            if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
            if (n <= 0) return leave();
            const std::string_view octets(buffer.data(), static_cast<std::size_t>(n));
            // While an answer is awaited nothing more is due; what comes is kept unread.
            if (place_)
                early_.append(octets);
            else
                take(reader_.feed(octets));
            if (early_.size() > 65'536) return leave();
        }
    }

    void answer(const std::string& octets) {
        place_ = nullptr;
        out_ += octets;
        last_ = !reader_.message().keep_alive;
        write();
        if (fd_ < 0 || last_) return;
        auto state = reader_.next();
        if (state == Reader::State::More && !early_.empty())
            state = reader_.feed(std::exchange(early_, {}));
        take(state);
    }

    /// Nobody will answer: the handler dropped its place.
    void leave() {
        if (fd_ < 0) return;
        loop_.forget(fd_);
        close(fd_);
        fd_ = -1;
        if (place_) place_->connection = nullptr;
        place_ = nullptr;
        left_(this);
    }

  private:
    void take(Reader::State state) {
        if (state == Reader::State::Bad) return leave();
        if (state != Reader::State::Done) return;
        const auto place = std::make_shared<Place>(this, peer_);
        place_ = place.get();
        auto request = std::move(reader_.message());
        reader_.message().keep_alive = request.keep_alive;
        handler_(place, std::move(request));
    }

    void write() {
        while (!out_.empty()) {
            const auto n = send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL);
            if (n < 0 && errno == EINTR) continue;
            if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
                loop_.change(fd_, EPOLLIN | EPOLLOUT, this);
                waiting_ = true;
                return;
            }
            if (n < 0) return leave();
            out_.erase(0, static_cast<std::size_t>(n));
        }
        if (waiting_) loop_.change(fd_, EPOLLIN, this);
        waiting_ = false;
        if (last_) leave();
    }

    Loop& loop_;
    int fd_;
    std::uint32_t peer_;
    const Handler& handler_;
    Left left_;
    Reader reader_{Reader::Kind::Request};
    Place* place_ = nullptr;
    std::string out_, early_;
    bool waiting_ = false, last_ = false;
};

Place::~Place() {
    if (connection) connection->leave();
}

void Place::answer(std::string octets) {
    if (auto* c = std::exchange(connection, nullptr)) c->answer(octets);
}

}  // namespace

Server::Server(Loop& loop, int port, Handler handler) : loop_(loop), handler_(std::move(handler)) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    own.sin_port = htons(static_cast<std::uint16_t>(port));
    socklen_t length = sizeof own;
    if (fd_ < 0 || bind(fd_, reinterpret_cast<const sockaddr*>(&own), length) != 0 ||
        listen(fd_, 4096) != 0 || getsockname(fd_, reinterpret_cast<sockaddr*>(&own), &length) != 0)
        throw std::runtime_error("cannot listen on 127.0.0.1:" + std::to_string(port));
    port_ = ntohs(own.sin_port);
    loop_.watch(fd_, EPOLLIN, this);
}

Server::~Server() {
    loop_.forget(fd_);
    close(fd_);
}

void Server::ready(std::uint32_t) {
    for (;;) {
        sockaddr_in peer{};
        socklen_t length = sizeof peer;
        const int fd =
            accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        auto made = std::make_unique<Connection>(loop_, fd, ntohl(peer.sin_addr.s_addr), handler_,
                                                 [this](Connection* c) {
                                                     const auto at = connections_.find(c);
                                                     loop_.retire(std::move(at->second));
                                                     connections_.erase(at);
                                                 });
        auto* who = made.get();
        connections_.emplace(who, std::move(made));
    }
}

std::string response(int status, std::string_view type, std::string_view body,
                     std::string_view extra) {
    static constexpr std::pair<int, std::string_view> kNames[] = {
        {200, "OK"},          {400, "Bad Request"},        {401, "Unauthorized"},
        {403, "Forbidden"},   {404, "Not Found"},          {429, "Too Many Requests"},
        {502, "Bad Gateway"}, {503, "Service Unavailable"}};
    std::string_view name = "Status";
    for (const auto& [code, text] : kNames)
        if (code == status) name = text;
    std::string out;
    out.reserve(160 + extra.size() + body.size());
    out.append("HTTP/1.1 ").append(std::to_string(status)).append(" ").append(name);
    out.append("\r\nContent-Type: ").append(type);
    out.append("\r\nContent-Length: ").append(std::to_string(body.size())).append("\r\n");
    out.append(extra).append("\r\n").append(body);
    return out;
}

}  // namespace persona::abuse
