#include "bench/abuse/src/raw.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace persona::abuse {

namespace {

std::string opening(const Record& r, int port) {
    const auto host = "Host: 127.0.0.1:" + std::to_string(port) + "\r\n";
    switch (static_cast<Behaviour>(r.behaviour)) {
        case Behaviour::SlowBody:
            return "POST /wsapi/authenticate_user HTTP/1.1\r\n" + host +
                   "Content-Type: application/json\r\nContent-Length: 9000\r\n\r\n{";
        case Behaviour::SlowRead: {
            std::string out;
            for (int i = 0; i < 40; ++i)
                out += "GET /production/dialog.js HTTP/1.1\r\n" + host + "\r\n";
            return out;
        }
        default:
            return "GET /wsapi/session_context HTTP/1.1\r\n" + host;
    }
}

}  // namespace

Slow::Slow(Loop& loop, const Record& r, int port, Ended ended)
    : record(r),
      begun(loop.now()),
      loop_(loop),
      first_(opening(r, port)),
      ended_(std::move(ended)) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return;
    const int on = 1, small = 2'048;
    const linger none{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (static_cast<Behaviour>(r.behaviour) == Behaviour::SlowRead)
        setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    sockaddr_in own{}, peer{};
    own.sin_family = peer.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(r.address);
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer.sin_port = htons(static_cast<std::uint16_t>(port));
    if (bind(fd_, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0 ||
        (connect(fd_, reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0 &&
         errno != EINPROGRESS)) {
        close(fd_);
        fd_ = -1;
        return;
    }
    loop_.watch(fd_, EPOLLIN | EPOLLOUT, this);
}

Slow::~Slow() {
    if (fd_ < 0) return;
    loop_.forget(fd_);
    close(fd_);
}

void Slow::finish(Verdict verdict) {
    if (fd_ < 0) return;
    loop_.forget(fd_);
    close(fd_);
    fd_ = -1;
    ended_(*this, verdict);
}

void Slow::drip() {
    if (!connected_ || fd_ < 0) return;
    const auto kind = static_cast<Behaviour>(record.behaviour);
    if (kind == Behaviour::SlowRead) {
        char few[64];
        if (recv(fd_, few, sizeof few, 0) == 0) finish(Verdict::Dropped);
        return;
    }
    const std::string more = kind == Behaviour::SlowHead ? "X-a: b\r\n" : " ";
    if (send(fd_, more.data(), more.size(), MSG_NOSIGNAL) < 0 && errno != EAGAIN)
        finish(Verdict::Dropped);
}

void Slow::ready(std::uint32_t events) {
    if (fd_ < 0) return;
    if ((events & EPOLLOUT) && !connected_) {
        connected_ = true;
        if (send(fd_, first_.data(), first_.size(), MSG_NOSIGNAL) < 0)
            return finish(Verdict::Dropped);
        // A slow reader does not want to hear of what there is to read.
        const bool reads = static_cast<Behaviour>(record.behaviour) != Behaviour::SlowRead;
        loop_.change(fd_, reads ? EPOLLIN : EPOLLRDHUP, this);
    }
    if (events & (EPOLLHUP | EPOLLERR)) return finish(Verdict::Dropped);
    if (!(events & EPOLLIN)) return;
    std::array<char, 4'096> buffer;
    const auto n = recv(fd_, buffer.data(), buffer.size(), 0);
    if (n == 0 || (n < 0 && errno != EAGAIN)) return finish(Verdict::Dropped);
    // Whatever it says (408, 429), it has answered somebody who never asked.
    if (n > 0) finish(Verdict::Refused);
}

}  // namespace persona::abuse
