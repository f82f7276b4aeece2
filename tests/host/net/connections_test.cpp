#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/host/net/net_fixture.h"

/// Who may connect, how many, and who goes when there is no room.
namespace persona::host::net::testing {
namespace {

TEST(Connections, ConnectionsInAllTheOldestWithoutARequestGoes) {
    Keeper keeper;
    EngineUnderTest e(keeper.service, [](EngineSettings& s) {
        s.loops = 1;
        limitsOf(s).connections = 4;
    });
    RawClient busy(e.port());
    busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(Observer::await([&] { return keeper.count() == 1; }));
    std::vector<std::unique_ptr<RawClient>> slow;
    for (int i = 0; i < 3; ++i) {
        slow.push_back(std::make_unique<RawClient>(e.port()));
        slow.back()->send("GET / HTTP/1.1\r\n");
        ASSERT_TRUE(
            Observer::await([&] { return e.engine->stats().connections == std::size_t(i) + 2; }));
    }
    RawClient newcomer(e.port());
    newcomer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(slow[0]->closedByPeer());
    ASSERT_TRUE(Observer::await([&] { return keeper.count() == 2; }));
    keeper.release("served");
    EXPECT_TRUE(busy.readUntil("served").ends_with("served"));
    EXPECT_TRUE(newcomer.readUntil("served").ends_with("served"));
    EXPECT_EQ(e.observer.counted("engine.limit.connections"), 1u);
    EXPECT_EQ(e.observer.counted("engine.evicted"), 1u);
    EXPECT_TRUE(e.observer.logged("as many connections as are allowed"));
}

TEST(Connections, ConnectionsThatRestGoAfterThoseThatNeverAsked) {
    EngineUnderTest e(plainEcho(), [](EngineSettings& s) {
        s.loops = 1;
        limitsOf(s).connections = 2;
    });
    RawClient resting(e.port());
    resting.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    resting.readUntil("\r\n\r\n");
    RawClient silent(e.port());
    ASSERT_TRUE(Observer::await([&] { return e.engine->stats().connections == 2; }));
    RawClient third(e.port());
    third.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(statusOf(third.readUntil("\r\n\r\n")), 200u);
    EXPECT_TRUE(silent.closedByPeer());
    RawClient fourth(e.port());
    fourth.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(statusOf(fourth.readUntil("\r\n\r\n")), 200u);
    EXPECT_TRUE(resting.closedByPeer());
}

TEST(Connections, WhenAllAreBusyTheNewcomerIsTurnedAway) {
    Keeper keeper;
    EngineUnderTest e(keeper.service, [](EngineSettings& s) {
        s.loops = 1;
        limitsOf(s).connections = 1;
    });
    RawClient busy(e.port());
    busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(Observer::await([&] { return keeper.count() == 1; }));
    RawClient newcomer(e.port());
    EXPECT_TRUE(newcomer.closedByPeer());
    keeper.release("served");
    EXPECT_TRUE(busy.readUntil("served").ends_with("served"));
}

TEST(Connections, ConnectionsPerAddress) {
    Keeper keeper;
    EngineUnderTest e(keeper.service,
                      [](EngineSettings& s) { limitsOf(s).connections_per_address = 2; });
    RawClient one(e.port()), two(e.port());
    ASSERT_TRUE(Observer::await([&] { return e.engine->stats().connections == 2; }));
    RawClient three(e.port());
    EXPECT_TRUE(three.closedByPeer());
    EXPECT_EQ(e.observer.counted("engine.limit.connections_per_address"), 1u);
    EXPECT_EQ(e.observer.counted("engine.evicted"), 0u);
    EXPECT_TRUE(e.observer.logged("too many connections from one address"));
    // Another address is not held responsible.
    const Fd other(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    SocketAddress from, to;
    std::string error;
    ASSERT_TRUE(parseSocketAddress("127.0.0.2:0", from, error));
    ASSERT_TRUE(parseSocketAddress("127.0.0.1:" + std::to_string(e.port()), to, error));
    ASSERT_EQ(::bind(other.get(), from.get(), from.size), 0);
    ASSERT_EQ(::connect(other.get(), to.get(), to.size), 0);
    EXPECT_TRUE(Observer::await([&] { return e.engine->stats().connections == 3; }));
    one = RawClient(Fd());
    EXPECT_TRUE(Observer::await([&] { return e.engine->stats().connections == 2; }));
    RawClient again(e.port());
    EXPECT_TRUE(Observer::await([&] { return e.engine->stats().connections == 3; }));
}

TEST(Listeners, AUnixSocketHasItsModeAndGoesAway) {
    const std::string dir = "/tmp/persona-net-XXXXXX";
    std::string made = dir;
    ASSERT_NE(::mkdtemp(made.data()), nullptr);
    const auto path = made + "/s";
    {
        EngineUnderTest e(plainEcho(), [&](EngineSettings& s) {
            s.listeners[0].address = "unix:" + path;
            s.listeners[0].unix_mode = 0600;
        });
        struct stat st {};
        ASSERT_EQ(::stat(path.c_str(), &st), 0);
        EXPECT_EQ(st.st_mode & 07777, 0600u);
        RawClient client("unix:" + path);
        client.send(get("/"));
        EXPECT_EQ(statusOf(client.readAll()), 200u);
        // A second one on the same path is told so.
        Observer observer;
        EngineSettings s;
        s.loops = 1;
        ListenerSettings l;
        l.name = "again";
        l.address = "unix:" + path;
        l.service = "test";
        s.listeners.push_back(l);
        Engine second(s, observer);
        const auto error = second.start({{"test", plainEcho()}});
        EXPECT_NE(error.find("another process has this address"), std::string::npos) << error;
        RawClient still("unix:" + path);
        still.send(get("/"));
        EXPECT_EQ(statusOf(still.readAll()), 200u);
    }
    EXPECT_NE(::access(path.c_str(), F_OK), 0);
    // A file that a killed process left behind is taken over.
    {
        SocketAddress a;
        std::string error;
        ASSERT_TRUE(parseSocketAddress("unix:" + path, a, error));
        const Fd left(::socket(AF_UNIX, SOCK_STREAM, 0));
        ASSERT_EQ(::bind(left.get(), a.get(), a.size), 0);
    }
    {
        EngineUnderTest e(plainEcho(),
                          [&](EngineSettings& s) { s.listeners[0].address = "unix:" + path; });
    }
    ::rmdir(made.c_str());
}

TEST(Listeners, APortInUseIsNamed) {
    EngineUnderTest e(plainEcho());
    Observer observer;
    EngineSettings s;
    s.loops = 1;
    ListenerSettings l;
    l.name = "again";
    l.address = "127.0.0.1:" + std::to_string(e.port());
    l.service = "test";
    s.listeners.push_back(l);
    Engine second(s, observer);
    const auto error = second.start({{"test", plainEcho()}});
    EXPECT_NE(error.find("listener again"), std::string::npos) << error;
    EXPECT_NE(error.find("another process has this address"), std::string::npos) << error;
}

/// Opens `count` connections that never end their head, then makes `asks` requests on new ones:
/// 0 when every one was answered. Runs in a process of its own, so that only the engine runs out.
int flood(unsigned short port, int count, int asks) {
    SocketAddress a;
    std::string error;
    if (!parseSocketAddress("127.0.0.1:" + std::to_string(port), a, error)) return 1;
    for (int i = 0; i < count; ++i) {
        const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
        if (fd < 0 || ::connect(fd, a.get(), a.size) != 0) return 2;
        [[maybe_unused]] const auto n = ::send(fd, "GET / HTTP/1.1\r\n", 16, MSG_NOSIGNAL);
    }
    for (int i = 0; i < asks; ++i) {
        RawClient client(port);
        client.send(get("/"));
        if (statusOf(client.readAll()) != 200) return 3;
    }
    return 0;
}

TEST(Connections, OutOfDescriptorsTheOldestWithoutARequestGoes) {
    int go[2];
    ASSERT_EQ(::pipe(go), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        unsigned short port = 0;
        if (::read(go[0], &port, sizeof port) != sizeof port) ::_exit(1);
        ::_exit(flood(port, 400, 50));
    }
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    {
        EngineUnderTest e(plainEcho(), [](EngineSettings& s) { s.loops = 1; });
        rlimit tight = before;
        tight.rlim_cur = 150;
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
        const unsigned short port = e.port();
        EXPECT_EQ(::write(go[1], &port, sizeof port), static_cast<ssize_t>(sizeof port));
        int status = -1;
        ::waitpid(child, &status, 0);
        ::setrlimit(RLIMIT_NOFILE, &before);
        EXPECT_EQ(status, 0);
        EXPECT_GE(e.observer.counted("engine.limit.descriptors"), 200u);
        EXPECT_GE(e.observer.counted("engine.evicted"), 200u);
        EXPECT_TRUE(e.observer.logged("no file descriptor left"));
    }
    ::close(go[0]);
    ::close(go[1]);
}

}  // namespace
}  // namespace persona::host::net::testing
