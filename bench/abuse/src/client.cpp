#include "bench/abuse/src/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace persona::abuse {

namespace {
sockaddr_in address(std::uint32_t host, int port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_addr.s_addr = htonl(host);
    out.sin_port = htons(static_cast<std::uint16_t>(port));
    return out;
}
}  // namespace

Client::Client(Loop& loop, std::uint32_t from, int port, Closed closed)
    : loop_(loop), closed_(std::move(closed)) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return;
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    // A reset instead of TIME_WAIT: thousands of short connections must not eat the port range.
    const linger none{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    if (from != 0) {
        setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        const auto own = address(from, 0);
        if (bind(fd_, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) {
            shut();
            return;
        }
    }
    const auto peer = address(INADDR_LOOPBACK, port);
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0 &&
        errno != EINPROGRESS) {
        shut();
        return;
    }
    loop_.watch(fd_, EPOLLIN, this);
}

Client::~Client() {
    shut();
}

void Client::shut() {
    if (fd_ < 0) return;
    loop_.forget(fd_);
    close(fd_);
    fd_ = -1;
}

void Client::ask(std::string octets, Done done) {
    out_ = std::move(octets);
    written_ = 0;
    done_ = std::move(done);
    asked_at = loop_.clock();
    write();
}

void Client::write() {
    while (written_ < out_.size()) {
        const auto n = send(fd_, out_.data() + written_, out_.size() - written_, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EINTR) continue;
            // ENOTCONN cannot be: the socket is connecting, which answers EAGAIN. Other errors come
            // with the next event, where a complete answer may be read first.
            break;
        }
        written_ += static_cast<std::size_t>(n);
    }
    const bool more = written_ < out_.size();
    if (more != writing_) loop_.change(fd_, more ? EPOLLIN | EPOLLOUT : EPOLLIN, this);
    writing_ = more;
}

void Client::finish(End end) {
    auto done = std::exchange(done_, nullptr);
    idle_since = loop_.now();
    if (end != End::Answered || !reader_.message().keep_alive) shut();
    if (!done) {
        if (closed_) closed_(*this);
        return;
    }
    // The message moves out: `done` may begin the next request on this connection.
    const Message answer = end == End::Answered ? std::move(reader_.message()) : Message{};
    if (fd_ >= 0) reader_.next();
    done(*this, end, end == End::Answered ? &answer : nullptr);
}

void Client::giveUp() {
    if (fd_ >= 0) finish(End::TimedOut);
}

void Client::ready(std::uint32_t events) {
    if (fd_ < 0) return;
    if (events & EPOLLOUT) write();
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
    std::array<char, 16'384> buffer;
    for (;;) {
        const auto n = recv(fd_, buffer.data(), buffer.size(), 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
        if (n <= 0)
            return finish(n == 0 && reader_.end() == Reader::State::Done ? End::Answered
                                                                         : End::Reset);
        const auto state = reader_.feed({buffer.data(), static_cast<std::size_t>(n)});
        if (state == Reader::State::Bad || (state == Reader::State::Done && !done_))
            return finish(End::Reset);
        if (state == Reader::State::Done) return finish(End::Answered);
    }
}

}  // namespace persona::abuse
