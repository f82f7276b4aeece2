#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <deque>

#include "tests/host/net/net_fixture.h"

/// Thousands of clients that never end their head, in the numbers of a real attack, while others
/// are served as before: by count of answers, not by time.
namespace persona::host::net::testing {
namespace {

/// Another source address for every few thousand connections, so that local ports do not run out.
int connectFrom(int number, unsigned short port) {
    SocketAddress from, to;
    std::string error;
    if (!parseSocketAddress("127.0.1." + std::to_string(1 + number / 4'000 % 8) + ":0", from,
                            error) ||
        !parseSocketAddress("127.0.0.1:" + std::to_string(port), to, error))
        return -1;
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ::bind(fd, from.get(), from.size) != 0 || ::connect(fd, to.get(), to.size) != 0)
        return -1;
    [[maybe_unused]] const auto n = ::send(fd, "GET / HTTP/1.1\r\nX-Slow: ", 24, MSG_NOSIGNAL);
    return fd;
}

/// Opens `count` connections, says so, and renews them one by one until told to stop.
int attack(unsigned short port, int count, int say, int stop) {
    std::deque<int> held;
    for (int i = 0;; ++i) {
        if (static_cast<int>(held.size()) == count) {
            if (i == count && ::write(say, "x", 1) != 1) return 3;
            pollfd p{stop, POLLIN, 0};
            if (::poll(&p, 1, 1) != 0) return 0;
            ::close(held.front());
            held.pop_front();
        }
        const int fd = connectFrom(i, port);
        if (fd < 0) return 2;
        held.push_back(fd);
    }
}

class SlowHeaders : public ::testing::TestWithParam<int> {};

TEST_P(SlowHeaders, OthersAreServedAsBefore) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    // Each process holds its own side of every connection.
    const int count = std::min(GetParam(), static_cast<int>(limit.rlim_cur) - 1'000);
    int say[2], stop[2];
    ASSERT_EQ(::pipe(say), 0);
    ASSERT_EQ(::pipe(stop), 0);
    int tell[2];
    ASSERT_EQ(::pipe(tell), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        ::close(stop[1]);
        unsigned short port = 0;
        if (::read(tell[0], &port, sizeof port) != sizeof port) ::_exit(1);
        ::_exit(attack(port, count, say[1], stop[0]));
    }
    ::close(say[1]);
    {
        EngineUnderTest e(plainEcho(), [](EngineSettings& s) {
            limitsOf(s).connections_per_address = 1'000'000;
        });
        const unsigned short port = e.port();
        ASSERT_EQ(::write(tell[1], &port, sizeof port), static_cast<ssize_t>(sizeof port));
        char c = 0;
        ASSERT_EQ(::read(say[0], &c, 1), 1) << "the attack broke off";
        int failures = 0;
        // New connections, and one that is kept through all of it.
        RawClient kept(e.port());
        for (int i = 0; i < 500; ++i) {
            RawClient fresh(e.port());
            fresh.send(get("/"));
            failures += statusOf(fresh.readAll()) == 200 ? 0 : 1;
            kept.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            failures += statusOf(kept.readUntil("\r\n\r\n")) == 200 ? 0 : 1;
        }
        EXPECT_EQ(failures, 0);
        EXPECT_LE(e.engine->stats().connections, 16'000u);
        ::close(stop[1]);
        int status = -1;
        ::waitpid(child, &status, 0);
        EXPECT_EQ(status, 0);
    }
    for (const int fd : {say[0], stop[0], tell[0], tell[1]}) ::close(fd);
}

INSTANTIATE_TEST_SUITE_P(Counts, SlowHeaders, ::testing::Values(16, 200, 2'000, 16'000),
                         ::testing::PrintToStringParamName());

}  // namespace
}  // namespace persona::host::net::testing
