#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// bench-load PORT TARGET SECONDS CONNECTIONS RATE: HTTP/1.1 load from one thread, second by
/// second. RATE 0: CONNECTIONS kept connections, each asks again when it has its answer. RATE > 0:
/// so many new connections a second, at most CONNECTIONS at once, one request on each. A line a
/// second: `second N requests FAILED p50_us p99_us`, then `total ...`. Answers need a
/// Content-Length.
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
    std::uint16_t port = 0;
    std::string target;
    int seconds = 0, connections = 0, rate = 0;
};

struct Connection {
    int fd = -1;
    Clock::time_point began;
    std::string in;
    bool asked = false;
};

class Load {
  public:
    explicit Load(Options o)
        : options_(std::move(o)),
          request_("GET " + options_.target + " HTTP/1.1\r\nHost: bench\r\n" +
                   (options_.rate > 0 ? "Connection: close\r\n\r\n" : "\r\n")),
          epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

    int run() {
        const auto start = Clock::now();
        auto second_ends = start + std::chrono::seconds(1);
        int second = 0;
        std::uint64_t opened = 0;
        std::array<epoll_event, 512> events;
        while (second < options_.seconds) {
            const auto now = Clock::now();
            if (now >= second_ends) {
                report(second++);
                second_ends += std::chrono::seconds(1);
            }
            if (options_.rate > 0) {
                const auto due = static_cast<std::uint64_t>(
                    std::chrono::duration<double>(now - start).count() * options_.rate);
                while (opened < due && live_ < options_.connections) {
                    open();
                    ++opened;
                }
                late_ = due > opened ? due - opened : 0;
            } else {
                while (live_ < options_.connections) open();
            }
            const int n = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 1);
            for (int i = 0; i < n; ++i)
                onEvent(*static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr));
        }
        std::printf("total %llu requests %llu failed %llu not_opened_in_time\n",
                    static_cast<unsigned long long>(all_), static_cast<unsigned long long>(failed_),
                    static_cast<unsigned long long>(late_));
        return 0;
    }

  private:
    void open() {
        auto c = std::make_unique<Connection>();
        c->fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        const int on = 1;
        ::setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        sockaddr_in a{};
        a.sin_family = AF_INET;
        // Addresses enough that the ports of none of them run out.
        ::setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        a.sin_addr.s_addr = htonl(0x7f000002U + next_address_++ % 16);
        bool failed = ::bind(c->fd, reinterpret_cast<sockaddr*>(&a), sizeof a) != 0;
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        a.sin_port = htons(options_.port);
        c->began = Clock::now();
        ++live_;
        failed = failed || (::connect(c->fd, reinterpret_cast<sockaddr*>(&a), sizeof a) != 0 &&
                            errno != EINPROGRESS);
        if (failed) {
            end(c.release(), false);
            return;
        }
        epoll_event e{};
        e.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
        e.data.ptr = c.get();
        ::epoll_ctl(epoll_, EPOLL_CTL_ADD, c->fd, &e);
        (void)c.release();  // end() frees it
    }

    void ask(Connection& c) {
        c.asked = true;
        c.in.clear();
        if (::send(c.fd, request_.data(), request_.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(request_.size()))
            return;
        if (errno == EAGAIN) c.asked = false;  // not connected yet
    }

    void onEvent(Connection& c) {
        if (!c.asked) ask(c);
        char data[16384];
        for (;;) {
            const auto n = ::recv(c.fd, data, sizeof data, 0);
            if (n < 0) {
                if (errno == EAGAIN || errno == ENOTCONN) return;
                return end(&c, false);
            }
            if (n == 0) return end(&c, false);
            c.in.append(data, static_cast<std::size_t>(n));
            if (!whole(c.in)) continue;
            const bool good = c.in.starts_with("HTTP/1.1 200 ");
            if (options_.rate > 0 || !good) return end(&c, good);
            note(c, true);
            c.began = Clock::now();
            ask(c);
        }
    }

    static bool whole(std::string_view in) {
        const auto head = in.find("\r\n\r\n");
        if (head == std::string_view::npos) return false;
        const auto at = in.find("Content-Length: ");
        if (at == std::string_view::npos || at > head) return false;
        return in.size() >= head + 4 + std::strtoull(in.data() + at + 16, nullptr, 10);
    }

    void note(const Connection& c, bool good) {
        ++all_;
        if (!good) ++failed_;
        micros_.push_back(std::chrono::duration<float, std::micro>(Clock::now() - c.began).count());
    }

    void end(Connection* c, bool good) {
        note(*c, good);
        if (c->fd >= 0) ::close(c->fd);
        --live_;
        delete c;
    }

    void report(int second) {
        std::sort(micros_.begin(), micros_.end());
        const auto at = [&](double q) {
            return micros_.empty() ? 0.0F
                                   : micros_[static_cast<std::size_t>(
                                         q * static_cast<double>(micros_.size() - 1))];
        };
        std::printf("second %d %zu %llu %.0f %.0f\n", second, micros_.size(),
                    static_cast<unsigned long long>(failed_ - failed_before_), at(0.5), at(0.99));
        std::fflush(stdout);
        failed_before_ = failed_;
        micros_.clear();
    }

    const Options options_;
    const std::string request_;
    const int epoll_;
    int live_ = 0;
    unsigned next_address_ = 0;
    std::uint64_t all_ = 0, failed_ = 0, failed_before_ = 0, late_ = 0;
    std::vector<float> micros_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 6) {
        std::fprintf(stderr, "bench-load PORT TARGET SECONDS CONNECTIONS RATE\n");
        return 64;
    }
    return Load({static_cast<std::uint16_t>(std::atoi(argv[1])), argv[2], std::atoi(argv[3]),
                 std::atoi(argv[4]), std::atoi(argv[5])})
        .run();
}
