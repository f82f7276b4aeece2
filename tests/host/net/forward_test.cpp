#include <thread>

#include "tests/host/net/net_fixture.h"

/// Serving and forwarding over real sockets: what goes in one side comes out of the other, and
/// faults of the upstream get their status.
namespace persona::host::net::testing {
namespace {

std::shared_ptr<TestService> echo() {
    return std::make_shared<TestService>(
        [](const ExchangePtr& e) {
            ResponseHead head = okHead();
            head.fields.add(
                "X-Seen",
                e->request.method + " " + e->request.target + " xff=" +
                    std::string(e->request.fields.find("x-forwarded-for").value_or("none")));
            e->respond(std::move(head), std::string(e->body()));
        },
        TestService::Options{true, 8 * 1024 * 1024});
}

struct Pair {
    explicit Pair(const std::shared_ptr<Dispatcher>& service,
                  const std::function<void(EngineSettings&)>& change = {})
        : back(service), relay(std::make_shared<Relay>()), front(relay, [&](EngineSettings& s) {
              UpstreamSettings u;
              u.name = "back";
              u.addresses = {"http://127.0.0.1:" + std::to_string(back.port())};
              u.first_byte_timeout = milliseconds(500);
              s.upstreams.push_back(u);
              s.listeners[0].limits.body_bytes = 8 * 1024 * 1024;
              if (change) change(s);
          }) {
        relay->engine = front.engine.get();
    }
    EngineUnderTest back;
    std::shared_ptr<Relay> relay;
    EngineUnderTest front;
};

TEST(Forward, GetWithHeadersAndKeepAlive) {
    Pair p(echo());
    RawClient client(p.front.port());
    for (int i = 0; i < 50; ++i) {
        client.send("GET /x?y=" + std::to_string(i) +
                    " HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n");
        const auto head = client.readUntil("\r\n\r\n");
        EXPECT_TRUE(head.starts_with("HTTP/1.1 200")) << head;
        EXPECT_NE(head.find("X-Seen: GET /x?y=" + std::to_string(i) + " xff=127.0.0.1\r\n"),
                  std::string::npos)
            << head;
    }
}

TEST(Forward, PipelinedRequestsAreAnsweredInOrder) {
    Pair p(echo());
    RawClient client(p.front.port());
    std::string all;
    for (int i = 0; i < 20; ++i)
        all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n" +
               (i == 19 ? "Connection: close\r\n" : "") + "\r\n";
    client.send(all);
    const auto answers = client.readAll();
    std::size_t at = 0;
    for (int i = 0; i < 20; ++i) {
        at = answers.find("X-Seen: GET /" + std::to_string(i) + " ", at);
        ASSERT_NE(at, std::string::npos) << i;
    }
}

TEST(Forward, AnswersOfOneTurnGoToWhomTheyBelong) {
    EngineUnderTest e(echo(), [](EngineSettings& s) { s.loops = 1; });
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 12; ++i) clients.push_back(std::make_unique<RawClient>(e.port()));
    // While the loop is held up, all of them ask: what is small and ready in one turn is written
    // late (Reactor::writesLate). One goes before its answer, one has no more after its first.
    std::atomic<bool> asked{false};
    clients[0]->send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n");
    clients[0]->readUntil("\r\n\r\n");
    e.engine->loop(0).post([&] { Observer::await([&] { return asked.load(); }); });
    for (int i = 0; i < 12; ++i) {
        std::string all;
        for (int n = 0; n < (i == 1 ? 1 : 5); ++n)
            all += "GET /" + std::to_string(i) + "-" + std::to_string(n) +
                   " HTTP/1.1\r\nHost: a\r\n" +
                   (n == (i == 1 ? 0 : 4) ? "Connection: close\r\n" : "") + "\r\n";
        clients[static_cast<std::size_t>(i)]->send(all);
    }
    clients[2].reset();
    asked = true;
    for (std::size_t i = 0; i < 12; ++i) {
        if (i == 2) continue;
        const auto answers = clients[i]->readAll();
        std::size_t at = 0;
        for (int n = 0; n < (i == 1 ? 1 : 5); ++n, ++at) {
            at = answers.find("X-Seen: GET /" + std::to_string(i) + "-" + std::to_string(n) + " ",
                              at);
            ASSERT_NE(at, std::string::npos) << i << " " << n << " " << answers;
        }
    }
}

TEST(Forward, RefusalsInABusyTurnArriveWhole) {
    EngineUnderTest e(std::make_shared<TestService>([](const ExchangePtr& x) {
                          x->respond(okHead(), std::string(x->body()));
                      }),
                      [](EngineSettings& s) { s.loops = 1; });
    const std::string wide(20'000, 'x');
    const std::vector<std::pair<std::string, unsigned>> asked{
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n" + wide, 413},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4e20\r\n" + wide + "\r\n",
         413},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + wide, 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200}};
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 12; ++i) clients.push_back(std::make_unique<RawClient>(e.port()));
    clients[3]->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    clients[3]->readUntil("\r\n\r\n");
    std::atomic<bool> sent{false};
    e.engine->loop(0).post([&] { Observer::await([&] { return sent.load(); }); });
    for (std::size_t i = 0; i < clients.size(); ++i) clients[i]->send(asked[i % 4].first);
    sent = true;
    for (std::size_t i = 0; i < clients.size(); ++i)
        EXPECT_EQ(statusOf(clients[i]->readUntil("\r\n\r\n")), asked[i % 4].second) << i;
}

TEST(Forward, LargeBodiesBothWaysInBothFramings) {
    Pair p(echo());
    std::string body(3 * 1024 * 1024, '\0');
    for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + i * 7 % 26);
    {
        RawClient client(p.front.port());
        std::thread sender([&] {
            client.send("POST /l HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: " +
                        std::to_string(body.size()) + "\r\n\r\n");
            client.send(body);
        });
        sender.join();
        EXPECT_TRUE(bodyOf(client.readAll()) == body);
    }
    RawClient client(p.front.port());
    client.send(
        "POST /c HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (std::size_t at = 0; at < body.size(); at += 65'536) {
        const auto piece = body.substr(at, 65'536);
        char size[16];
        std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
        client.send(size + piece + "\r\n");
    }
    client.send("0\r\n\r\n");
    EXPECT_TRUE(bodyOf(client.readAll()) == body);
}

TEST(Forward, HeadHasNoBody) {
    Pair p(
        std::make_shared<TestService>([](const ExchangePtr& e) { e->respond(okHead(), "12345"); }));
    RawClient client(p.front.port());
    client.send(
        "HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    const auto all = client.readAll();
    EXPECT_NE(all.find("Content-Length: 5\r\n"), std::string::npos);
    EXPECT_EQ(all.find("12345"), all.size() - 5) << all;
}

TEST(Forward, UpstreamDownIs502AndItsReturnIsSeen) {
    std::unique_ptr<EngineUnderTest> dead = std::make_unique<EngineUnderTest>(echo());
    const auto address = "http://127.0.0.1:" + std::to_string(dead->port());
    dead.reset();
    Pair p(echo(), [&](EngineSettings& s) { s.upstreams[0].addresses = {address}; });
    RawClient client(p.front.port());
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(client.readAll().starts_with("HTTP/1.1 502"));
    EXPECT_EQ(p.front.observer.counted("engine.upstream.unreachable"), 1u);
}

TEST(Forward, SilentUpstreamIs504) {
    std::vector<ExchangePtr> kept;
    std::mutex mutex;
    Pair p(std::make_shared<TestService>([&](const ExchangePtr& e) {
        const std::lock_guard lock(mutex);
        kept.push_back(e);
    }));
    RawClient client(p.front.port());
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(client.readAll().starts_with("HTTP/1.1 504"));
}

TEST(Forward, GarbageFromTheUpstreamIs502) {
    SocketAddress a;
    std::string error;
    ASSERT_TRUE(parseSocketAddress("127.0.0.1:0", a, error));
    const Fd listener = listenOn(a, "garbage", false, 0, error);
    socklen_t size = sizeof a.storage;
    ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&a.storage), &size);
    const std::vector<std::string> answers{
        "garbage\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 101 Switching\r\n\r\n", ""};
    std::thread server([&] {
        for (const auto& answer : answers) {
            pollfd p{listener.get(), POLLIN, 0};
            if (::poll(&p, 1, 20'000) != 1) return;
            const Fd peer(::accept(listener.get(), nullptr, nullptr));
            char buffer[4096];
            [[maybe_unused]] const auto n = ::recv(peer.get(), buffer, sizeof buffer, 0);
            ::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
        }
    });
    Pair p(echo(), [&](EngineSettings& s) {
        s.upstreams[0].addresses = {"http://127.0.0.1:" + std::to_string(a.port())};
    });
    for (std::size_t i = 0; i < answers.size(); ++i) {
        RawClient client(p.front.port());
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        EXPECT_TRUE(client.readAll().starts_with("HTTP/1.1 502")) << i;
    }
    server.join();
}

TEST(Serve, DrainAnswersWhatIsInFlight) {
    std::vector<ExchangePtr> kept;
    std::mutex mutex;
    EngineUnderTest e(std::make_shared<TestService>([&](const ExchangePtr& x) {
        const std::lock_guard lock(mutex);
        kept.push_back(x);
    }));
    RawClient busy(e.port()), idle(e.port());
    idle.send("");
    busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    for (;;) {
        const std::lock_guard lock(mutex);
        if (!kept.empty()) break;
    }
    std::thread later([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        const std::lock_guard lock(mutex);
        kept[0]->loop().post([x = kept[0]] { x->respond(okHead(), "late"); });
    });
    EXPECT_TRUE(e.engine->drain());
    later.join();
    const auto answer = busy.readAll();
    EXPECT_NE(answer.find("Connection: close"), std::string::npos) << answer;
    EXPECT_TRUE(answer.ends_with("late")) << answer;
    kept.clear();
}

TEST(Serve, HeaderDeadlineIsInTotal) {
    EngineUnderTest e(echo(), [](EngineSettings& s) {
        s.listeners[0].limits.header_deadline = milliseconds(300);
    });
    RawClient client(e.port());
    client.send("GET / HTTP/1.1\r\n");
    std::thread drip([&] {
        for (int i = 0; i < 20; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
            client.send("X-" + std::to_string(i) + ": y\r\n");
        }
    });
    EXPECT_TRUE(client.readAll().starts_with("HTTP/1.1 408"));
    drip.join();
    EXPECT_GE(e.observer.counted("engine.limit.header_deadline"), 1u);
}

}  // namespace
}  // namespace persona::host::net::testing
