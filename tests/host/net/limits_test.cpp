#include "tests/host/net/net_fixture.h"

/// Every limit on requests: its status, its counter, its line in the log.
namespace persona::host::net::testing {
namespace {

TEST(Limits, TheFirstRequestHasADeadlineInAll) {
    EngineUnderTest e(plainEcho(),
                      [](EngineSettings& s) { limitsOf(s).header_deadline = milliseconds(150); });
    RawClient silent(e.port()), begun(e.port());
    begun.send("GET / HTTP/1.1\r\nHo");
    EXPECT_EQ(silent.readAll(), "");
    EXPECT_EQ(statusOf(begun.readAll()), 408u);
    EXPECT_EQ(e.observer.counted("engine.limit.header_deadline"), 2u);
    EXPECT_TRUE(e.observer.logged("request head took too long"));
}

TEST(Limits, AHeadThatDripsOnAKeptConnectionIsCut) {
    EngineUnderTest e(plainEcho(),
                      [](EngineSettings& s) { limitsOf(s).header_deadline = milliseconds(150); });
    RawClient client(e.port());
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HT");
    EXPECT_EQ(statusOf(client.readUntil("\r\n\r\n")), 200u);
    EXPECT_EQ(statusOf(client.readAll()), 408u);
}

TEST(Limits, IdleConnectionsAreClosed) {
    EngineUnderTest e(plainEcho(),
                      [](EngineSettings& s) { limitsOf(s).idle_timeout = milliseconds(150); });
    RawClient client(e.port());
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.readUntil("\r\n\r\n");
    EXPECT_TRUE(client.closedByPeer());
    EXPECT_EQ(e.observer.counted("engine.limit.idle_timeout"), 1u);
    EXPECT_EQ(Limits{}.idle_timeout, milliseconds(15'000));
}

TEST(Limits, ABodyMustComeAtAMinimumRate) {
    for (const bool relayed : {false, true}) {
        RawUpstream back([](RawClient& peer, int) { peer.closedByPeer(); });
        const auto slow = [](EngineSettings& s) {
            limitsOf(s).body_grace = milliseconds(150);
            limitsOf(s).body_min_rate = 1'000;
        };
        std::unique_ptr<EngineUnderTest> direct;
        std::unique_ptr<RelayUnderTest> relay;
        if (relayed)
            relay = std::make_unique<RelayUnderTest>(std::vector{back.url()}, slow);
        else
            direct = std::make_unique<EngineUnderTest>(plainEcho(), slow);
        auto& front = relayed ? relay->front : *direct;
        RawClient client(front.port());
        // A burst at first buys no time afterwards.
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" +
                    std::string(50'000, 'x'));
        EXPECT_EQ(statusOf(client.readAll()), 408u) << relayed;
        EXPECT_EQ(front.observer.counted("engine.limit.body_min_rate"), 1u);
        EXPECT_TRUE(front.observer.logged("body comes too slowly"));
    }
}

TEST(Limits, ABodyThatNobodyReadsIsNotTheClientsFault) {
    // The upstream reads nothing for several windows: the client waits, and is served in the end.
    std::atomic<bool> go{false};
    RawUpstream back([&](RawClient& peer, int) {
        const auto head = peer.readUntil("\r\n\r\n");
        EXPECT_TRUE(Observer::await([&] { return go.load(); }));
        peer.readCount(std::strtoul(head.c_str() + head.find("Length: ") + 8, nullptr, 10));
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        peer.closedByPeer();
    });
    RelayUnderTest relay({back.url()}, [](EngineSettings& s) {
        limitsOf(s).body_bytes = 64 << 20;
        limitsOf(s).body_grace = milliseconds(100);
        limitsOf(s).body_min_rate = 1'000;
    });
    RawClient client(relay.front.port());
    // Made before the first octet is sent: to make so much takes longer than a window on a machine
    // that has much to do, and then the client really is slow.
    std::string request =
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 33554432\r\n\r\n";
    request.resize(request.size() + 33'554'432, 'x');
    std::thread sender([&] { client.send(request); });
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    go = true;
    sender.join();
    EXPECT_EQ(bodyOf(client.readAll()), "ok");
    EXPECT_EQ(relay.front.observer.counted("engine.limit.body_min_rate"), 0u);
}

TEST(Limits, ADroppedBodyThatStallsBehindAFlushIsStillTimed) {
    // Answered at once, a large answer that has to be flushed, and a body that never ends.
    auto service = std::make_shared<TestService>(
        [](const ExchangePtr& e) {
            e->discardBody(0);
            e->respond(okHead(), std::string(16 << 20, 'y'));
        },
        TestService::Options{false, 0});
    EngineUnderTest e(service, [](EngineSettings& s) {
        limitsOf(s).body_grace = milliseconds(100);
        limitsOf(s).body_bytes = 1 << 20;
    });
    RawClient client(e.port());
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
    EXPECT_TRUE(client.closedByPeer());
    EXPECT_EQ(e.observer.counted("engine.limit.body_min_rate"), 1u);
}

TEST(Limits, AClientThatTakesNothingIsCut) {
    auto service = std::make_shared<TestService>(
        [](const ExchangePtr& e) { e->respond(okHead(), std::string(32 << 20, 'y')); });
    EngineUnderTest e(service,
                      [](EngineSettings& s) { limitsOf(s).write_timeout = milliseconds(150); });
    RawClient client(e.port());
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(e.observer.awaitCount("engine.limit.write_timeout", 1));
    EXPECT_TRUE(Observer::await([&] { return service->aborted == 1; }));
    EXPECT_LT(client.readAll().size(), std::size_t{32} << 20);
}

TEST(Limits, RequestsPerConnection) {
    EngineUnderTest e(plainEcho(),
                      [](EngineSettings& s) { limitsOf(s).requests_per_connection = 2; });
    RawClient client(e.port());
    client.send(
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 "
        "HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto all = client.readAll();
    EXPECT_NE(all.find("Connection: close"), std::string::npos);
    EXPECT_EQ(all.find("HTTP/1.1 200", all.find("Connection: close")), std::string::npos);
}

TEST(Limits, HeadsAndBodiesHaveTheirCountersAndLines) {
    EngineUnderTest e(plainEcho(), [](EngineSettings& s) { limitsOf(s).header_fields = 10; });
    std::string many;
    for (int i = 0; i < 11; ++i) many += "X: 1\r\n";
    const auto ask = [&](const std::string& request) {
        RawClient client(e.port());
        client.send(request);
        return statusOf(client.readAll());
    };
    EXPECT_EQ(ask(get("/", many)), 431u);
    EXPECT_EQ(ask(get("/", "X: " + std::string(17'000, 'x') + "\r\n")), 431u);
    EXPECT_EQ(ask(post("Content-Length: 9000000\r\n", "")), 413u);
    for (const auto* name : {"header_fields", "header_bytes", "body_bytes"}) {
        EXPECT_EQ(e.observer.counted("engine.limit." + std::string(name)), 1u) << name;
        EXPECT_TRUE(e.observer.logged("engine.limit." + std::string(name))) << name;
    }
}

TEST(Limits, TheLogIsNotAWeaponAgainstUs) {
    EngineUnderTest e(plainEcho(), [](EngineSettings& s) { s.loops = 1; });
    for (int i = 0; i < 200; ++i) {
        RawClient client(e.port());
        client.send("nonsense\r\n\r\n");
        EXPECT_EQ(statusOf(client.readAll()), 400u);
    }
    EXPECT_EQ(e.observer.counted("engine.bad.request_line"), 200u);
    EXPECT_LT(e.observer.lines(), 100u);
}

TEST(Requests, ContinueIsSaidOnceAndOnlyWhenTheBodyIsWanted) {
    EngineUnderTest e(plainEcho());
    RawClient client(e.port());
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    EXPECT_EQ(client.readUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hi");
    const auto head = client.readUntil("\r\n\r\n");
    EXPECT_EQ(statusOf(head), 200u);
    EXPECT_EQ(client.readCount(2), "hi");
    // Too large, or of no interest: the final answer comes at once and ends the connection.
    client.send(
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n");
    const auto refused = client.readAll();
    EXPECT_EQ(statusOf(refused), 413u);
    EXPECT_EQ(refused.find("100 Continue"), std::string::npos);
    auto deaf = std::make_shared<TestService>(
        [](const ExchangePtr& x) {
            x->discardBody(0);
            x->respond(okHead(), "no thanks");
        },
        TestService::Options{false, 0});
    EngineUnderTest other(deaf);
    RawClient polite(other.port());
    polite.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 20\r\n\r\n");
    const auto answer = polite.readAll();
    EXPECT_EQ(statusOf(answer), 200u);
    EXPECT_NE(answer.find("Connection: close"), std::string::npos);
}

TEST(Requests, ExpectIsAnsweredHereWhenForwarding) {
    RawUpstream back([](RawClient& peer, int) {
        const auto head = peer.readUntil("\r\n\r\n");
        EXPECT_EQ(head.find("Expect"), std::string::npos) << head;
        EXPECT_EQ(peer.readCount(2), "hi");
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        peer.closedByPeer();
    });
    RelayUnderTest relay({back.url()});
    RawClient client(relay.front.port());
    client.send(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: "
        "100-continue\r\nContent-Length: 2\r\n\r\n");
    EXPECT_EQ(client.readUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hi");
    EXPECT_EQ(bodyOf(client.readAll()), "ok");
}

TEST(Requests, ABodyTooLargeIsRefusedWithoutAType) {
    EngineUnderTest e(
        std::make_shared<TestService>([](const ExchangePtr& x) { x->respond(okHead(), "ok"); }));
    for (const auto& request :
         {post("Content-Length: 10241\r\n", ""),
          post("Transfer-Encoding: chunked\r\n", "2801\r\n" + std::string(10'241, 'x') + "\r\n")}) {
        RawClient client(e.port());
        client.send(request);
        const auto answer = client.readAll();
        EXPECT_EQ(statusOf(answer), 413u);
        EXPECT_EQ(answer.find("Content-Type"), std::string::npos) << answer;
        EXPECT_EQ(bodyOf(answer), "Request Entity Too Large");
    }
}

TEST(Requests, AResponseOfTheWrongLengthIsCut) {
    for (const auto* body : {"too long by far", "few"}) {
        auto service = std::make_shared<TestService>([body](const ExchangePtr& e) {
            auto head = okHead();
            head.content_length = 5;
            e->start(std::move(head));
            e->write(body, true);
        });
        EngineUnderTest e(service);
        RawClient client(e.port());
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_TRUE(client.closedByPeer());
        EXPECT_TRUE(Observer::await([&] { return service->aborted == 1; })) << body;
        EXPECT_TRUE(e.observer.logged("octets than its Content-Length"));
    }
}

}  // namespace
}  // namespace persona::host::net::testing
