#include "tests/host/net/net_fixture.h"

/// What an upstream can do wrong, what the client is told, and who is asked instead.
namespace persona::host::net::testing {
namespace {

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A port on which nobody listens.
std::string deadUrl() {
    SocketAddress a;
    std::string error;
    EXPECT_TRUE(parseSocketAddress("127.0.0.1:0", a, error));
    const Fd fd = listenOn(a, "dead", false, 0, error);
    socklen_t size = sizeof a.storage;
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&a.storage), &size);
    return "http://127.0.0.1:" + std::to_string(a.port());
}

/// Answers every request on every connection with `status`, on a thread for each connection.
class Server {
  public:
    explicit Server(int status = 200)
        : status_(status), back_(std::make_unique<RawUpstream>([this](RawClient& peer, int) {
              threads_.emplace_back([this, p = std::make_shared<RawClient>(std::move(peer))] {
                  for (;;) {
                      const auto head = p->readUntil("\r\n\r\n");
                      if (!head.ends_with("\r\n\r\n")) return;
                      if (head.find("/__heartbeat__") == std::string::npos) ++asked;
                      p->send("HTTP/1.1 " + std::to_string(status_) +
                              " X\r\nContent-Length: 2\r\n\r\nok");
                  }
              });
          })) {}
    ~Server() {
        back_.reset();  // it is what adds threads
        for (auto& t : threads_) t.join();
    }
    void setStatus(int status) { status_ = status; }
    [[nodiscard]] std::string url() const { return back_->url(); }
    std::atomic<int> asked{0};

  private:
    std::atomic<int> status_;
    std::vector<std::thread> threads_;
    std::unique_ptr<RawUpstream> back_;
};

TEST(Faults, EachHasItsStatusCounterAndLine) {
    struct Case {
        const char* name;
        RawUpstream::Script script;
        unsigned status;
        const char* counter;
    };
    const auto after = [](const std::string& text) {
        return [text](RawClient& peer, int) {
            peer.readUntil("\r\n\r\n");
            peer.send(text);
        };
    };
    const std::vector<Case> cases{
        {"closes at once", [](RawClient&, int) {}, 502, "engine.upstream.closed"},
        {"closes after the request", after(""), 502, "engine.upstream.closed"},
        {"resets the connection",
         [](RawClient& peer, int) {
             peer.readUntil("\r\n\r\n");
             const linger reset{1, 0};
             ::setsockopt(peer.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
         },
         502, "engine.upstream.closed"},
        {"garbage", after("garbage\r\n\r\n"), 502, "engine.upstream.protocol"},
        {"half a head", after("HTTP/1.1 200 OK\r\nContent-"), 502, "engine.upstream.closed"},
        {"two lengths",
         after("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"), 502,
         "engine.upstream.protocol"},
        {"both framings",
         after("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"), 502,
         "engine.upstream.protocol"},
        {"chunked in 1.0", after("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
         502, "engine.upstream.protocol"},
        {"negative length", after("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), 502,
         "engine.upstream.protocol"},
        {"unknown encoding", after("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"), 502,
         "engine.upstream.protocol"},
        {"folded field", after("HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n"), 502,
         "engine.upstream.protocol"},
        {"bare LF", after("HTTP/1.1 200 OK\nContent-Length: 0\n\n"), 502,
         "engine.upstream.protocol"},
        {"status 099", after("HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n"), 502,
         "engine.upstream.protocol"},
        {"status 600", after("HTTP/1.1 600 X\r\nContent-Length: 0\r\n\r\n"), 502,
         "engine.upstream.protocol"},
        {"switching protocols", after("HTTP/1.1 101 X\r\n\r\n"), 502, "engine.upstream.protocol"},
        {"endless head", after("HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'x')), 502,
         "engine.upstream.protocol"},
        {"header bomb",
         [](RawClient& peer, int) {
             peer.readUntil("\r\n\r\n");
             std::string head = "HTTP/1.1 200 OK\r\n";
             for (int i = 0; i < 200; ++i) head += "X: y\r\n";
             peer.send(head + "\r\n");
         },
         502, "engine.upstream.protocol"},
        {"nothing in time", [](RawClient& peer, int) { peer.closedByPeer(); }, 504,
         "engine.upstream.first_byte_timeout"},
        {"interim for ever",
         [](RawClient& peer, int) {
             peer.readUntil("\r\n\r\n");
             peer.send("HTTP/1.1 102 Processing\r\n\r\n");
             peer.closedByPeer();
         },
         504, "engine.upstream.total_timeout"},
    };
    for (const auto& c : cases) {
        RawUpstream back(c.script);
        RelayUnderTest relay({back.url()}, [](EngineSettings& s) {
            s.upstreams[0].first_byte_timeout = milliseconds(150);
            s.upstreams[0].total_timeout = milliseconds(600);
        });
        const auto answer = relay.ask(get("/"));
        EXPECT_EQ(statusOf(answer), c.status) << c.name << "\n" << answer;
        EXPECT_EQ(relay.front.observer.counted(c.counter), 1u) << c.name;
        EXPECT_TRUE(relay.front.observer.logged(c.counter)) << c.name;
    }
}

TEST(Faults, AnAnswerThatBreaksOffDoesNotLookWhole) {
    for (const auto* head : {"Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n"}) {
        RawUpstream back([head](RawClient& peer, int) {
            peer.readUntil("\r\n\r\n");
            peer.send("HTTP/1.1 200 OK\r\n" + std::string(head) + "\r\n5\r\nhello\r\n");
        });
        RelayUnderTest relay({back.url()});
        // For HTTP/1.0 the end of the stream ends an answer: it must not end normally.
        RawClient old(relay.front.port());
        old.send("GET / HTTP/1.0\r\n\r\n");
        old.closedByPeer();
        EXPECT_TRUE(old.wasReset()) << head;
        const auto answer = relay.ask(get("/"));
        EXPECT_FALSE(answer.ends_with("0\r\n\r\n")) << answer;
        EXPECT_EQ(relay.front.observer.counted("engine.upstream.closed"), 2u);
    }
}

TEST(Faults, TheWholeAnswerHasADeadline) {
    RawUpstream back([](RawClient& peer, int) {
        peer.readUntil("\r\n\r\n");
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx");
        peer.closedByPeer();
    });
    RelayUnderTest relay(
        {back.url()}, [](EngineSettings& s) { s.upstreams[0].total_timeout = milliseconds(200); });
    RawClient client(relay.front.port());
    client.send(get("/"));
    EXPECT_TRUE(client.closedByPeer());
    EXPECT_EQ(relay.front.observer.counted("engine.upstream.total_timeout"), 1u);
}

TEST(Faults, AConnectThatHangsIs502) {
    // A listener whose backlog is full takes no further connection.
    SocketAddress a;
    std::string error;
    ASSERT_TRUE(parseSocketAddress("127.0.0.1:0", a, error));
    const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(fd.get(), a.get(), a.size), 0);
    ASSERT_EQ(::listen(fd.get(), 0), 0);
    socklen_t size = sizeof a.storage;
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&a.storage), &size);
    std::vector<Fd> fill;
    for (int i = 0; i < 4; ++i) fill.push_back(connectTo(a));
    RelayUnderTest relay({"http://127.0.0.1:" + std::to_string(a.port())}, [](EngineSettings& s) {
        s.upstreams[0].connect_timeout = milliseconds(150);
    });
    EXPECT_EQ(statusOf(relay.ask(get("/"))), 502u);
    EXPECT_EQ(relay.front.observer.counted("engine.upstream.connect_timeout"), 1u);
}

TEST(Faults, AFullQueueIs503AndSaysWhenToComeBack) {
    std::atomic<bool> go{false};
    RawUpstream back([&](RawClient& peer, int) {
        for (int i = 0; i < 2; ++i) {
            peer.readUntil("\r\n\r\n");
            Observer::await([&] { return go.load(); });
            peer.send(kOk);
        }
        peer.closedByPeer();
    });
    RelayUnderTest relay({back.url()}, [](EngineSettings& s) {
        s.upstreams[0].max_connections = 1;
        s.upstreams[0].max_queue = 1;
    });
    RawClient first(relay.front.port()), second(relay.front.port());
    first.send(get("/1"));
    ASSERT_TRUE(Observer::await([&] { return back.accepted() == 1; }));
    second.send(get("/2"));
    ASSERT_TRUE(Observer::await([&] { return relay.front.engine->stats().exchanges == 2; }));
    const auto refused = relay.ask(get("/3"));
    EXPECT_EQ(statusOf(refused), 503u);
    EXPECT_NE(refused.find("Retry-After: 1\r\n"), std::string::npos) << refused;
    EXPECT_EQ(relay.front.observer.counted("engine.upstream.queue_full"), 1u);
    go = true;
    EXPECT_EQ(bodyOf(first.readAll()), "ok");
    EXPECT_EQ(bodyOf(second.readAll()), "ok");
    EXPECT_EQ(back.accepted(), 1);
}

TEST(Faults, ALongUploadIsNotASlowAnswer) {
    RawUpstream back([](RawClient& peer, int) {
        peer.readUntil("\r\n\r\n");
        peer.readCount(5);
        peer.send(kOk);
        peer.closedByPeer();
    });
    RelayUnderTest relay({back.url()}, [](EngineSettings& s) {
        s.upstreams[0].first_byte_timeout = milliseconds(250);
    });
    RawClient client(relay.front.port());
    client.send("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\n");
    for (int i = 0; i < 5; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        client.send("x");
    }
    EXPECT_EQ(bodyOf(client.readAll()), "ok");
}

TEST(Faults, AClientThatGoesMidwayFreesTheUpstream) {
    std::atomic<bool> freed{false};
    RawUpstream back([&](RawClient& peer, int) {
        peer.readUntil("\r\n\r\n");
        freed = peer.closedByPeer();
    });
    RelayUnderTest relay({back.url()});
    {
        RawClient client(relay.front.port());
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nx");
        ASSERT_TRUE(Observer::await([&] { return back.accepted() == 1; }));
    }
    EXPECT_TRUE(Observer::await([&] { return freed.load(); }));
    EXPECT_TRUE(relay.front.observer.awaitCount("engine.client.gone", 1));
    EXPECT_TRUE(relay.front.observer.logged("engine.client.gone"));
    EXPECT_TRUE(Observer::await([&] { return relay.front.engine->stats().connections == 0; }));
}

TEST(Retries, OnlyWhereNoOctetWasSentAndTwiceDoesNoHarm) {
    const auto dead = deadUrl();
    Server good;
    const auto plain = [](EngineSettings& s) { s.upstreams[0].eject_after = 1'000; };
    {
        RelayUnderTest relay({dead, good.url()}, plain);
        for (int i = 0; i < 8; ++i) EXPECT_EQ(statusOf(relay.ask(get("/"))), 200u);
        EXPECT_GE(relay.front.observer.counted("engine.upstream.retry"), 2u);
    }
    {
        RelayUnderTest relay({dead, good.url()}, plain);
        int failed = 0;
        for (int i = 0; i < 8; ++i)
            failed += statusOf(relay.ask(post("Content-Length: 0\r\n", ""))) == 502 ? 1 : 0;
        EXPECT_GE(failed, 2);
        EXPECT_EQ(relay.front.observer.counted("engine.upstream.retry"), 0u);
    }
    // What was sent may have been done: an upstream that dies with the request is not asked twice.
    std::atomic<int> requests{0};
    RawUpstream dies([&](RawClient& peer, int) {
        if (!peer.readUntil("\r\n\r\n").empty()) ++requests;
    });
    RelayUnderTest relay({dies.url(), dies.url()}, plain);
    EXPECT_EQ(statusOf(relay.ask(get("/"))), 502u);
    EXPECT_EQ(requests, 1);
}

TEST(Retries, HaveABudget) {
    RelayUnderTest relay({deadUrl(), deadUrl()},
                         [](EngineSettings& s) { s.upstreams[0].eject_after = 1'000; });
    for (int i = 0; i < 60; ++i) EXPECT_EQ(statusOf(relay.ask(get("/"))), 502u);
    // Ten in reserve, and a fifth of all that was asked for, retries included.
    EXPECT_LE(relay.front.observer.counted("engine.upstream.retry"), 30u);
    EXPECT_GE(relay.front.observer.counted("engine.upstream.retry_budget"), 30u);
}

TEST(Addresses, TheLeastBusyIsAsked) {
    std::atomic<bool> go{false};
    std::atomic<int> slow_asked{0};
    RawUpstream slow([&](RawClient& peer, int) {
        peer.readUntil("\r\n\r\n");
        ++slow_asked;
        Observer::await([&] { return go.load(); });
        peer.send(kOk);
        peer.closedByPeer();
    });
    Server quick;
    RelayUnderTest relay({slow.url(), quick.url()});
    RawClient stuck(relay.front.port());
    stuck.send(get("/"));
    ASSERT_TRUE(Observer::await([&] { return slow_asked == 1; }));
    for (int i = 0; i < 20; ++i) EXPECT_EQ(statusOf(relay.ask(get("/"))), 200u);
    EXPECT_EQ(quick.asked, 20);
    EXPECT_EQ(slow_asked, 1);
    go = true;
    EXPECT_EQ(statusOf(stuck.readAll()), 200u);
}

TEST(Addresses, OneThatFailsIsLeftOutAndComesBackSlowly) {
    Server good, bad(500);
    RelayUnderTest relay({good.url(), bad.url()}, [](EngineSettings& s) {
        s.upstreams[0].eject_after = 3;
        s.upstreams[0].ejection = milliseconds(400);
        s.upstreams[0].slow_start = milliseconds(60'000);
    });
    int failed = 0;
    for (int i = 0; i < 30; ++i) failed += statusOf(relay.ask(get("/"))) == 500 ? 1 : 0;
    EXPECT_EQ(failed, 3);
    EXPECT_EQ(relay.front.observer.counted("engine.upstream.ejected"), 1u);
    EXPECT_TRUE(relay.front.observer.logged("left out for 400 ms"));
    bad.setStatus(200);
    const int before = bad.asked;
    // It is tried again after a while, with a small share: one at a time it is never the less busy.
    ASSERT_TRUE(Observer::await([&] {
        std::vector<std::unique_ptr<RawClient>> many;
        for (int i = 0; i < 16; ++i) {
            many.push_back(std::make_unique<RawClient>(relay.front.port()));
            many.back()->send(get("/"));
        }
        for (auto& c : many) EXPECT_EQ(statusOf(c->readAll()), 200u);
        return bad.asked > before;
    }));
    EXPECT_LT(bad.asked - before, 8);
}

TEST(Addresses, TheLastOneIsNeverLeftOut) {
    Server a(500), b(500);
    RelayUnderTest relay({a.url(), b.url()},
                         [](EngineSettings& s) { s.upstreams[0].eject_after = 2; });
    for (int i = 0; i < 20; ++i) EXPECT_EQ(statusOf(relay.ask(get("/"))), 500u);
    EXPECT_EQ(relay.front.observer.counted("engine.upstream.ejected"), 1u);
    EXPECT_EQ(a.asked + b.asked, 20);
}

TEST(Addresses, TheHeartbeatIsAskedOfEach) {
    Server good, bad(500);
    RelayUnderTest relay({good.url(), bad.url()}, [](EngineSettings& s) {
        s.upstreams[0].eject_after = 1'000;
        s.upstreams[0].health_interval = milliseconds(60);
        s.upstreams[0].slow_start = milliseconds(0);
        s.loops = 2;
    });
    ASSERT_TRUE(relay.front.observer.awaitCount("engine.upstream.unhealthy", 1));
    EXPECT_TRUE(relay.front.observer.logged("its heartbeat fails: status 500"));
    for (int i = 0; i < 10; ++i) EXPECT_EQ(statusOf(relay.ask(get("/"))), 200u);
    EXPECT_EQ(bad.asked, 0);
    bad.setStatus(200);
    ASSERT_TRUE(relay.front.observer.awaitCount("engine.upstream.healthy", 1));
    EXPECT_TRUE(Observer::await([&] {
        EXPECT_EQ(statusOf(relay.ask(get("/"))), 200u);
        return bad.asked > 0;
    }));
}

TEST(Calls, EndWhenTheEngineEnds) {
    RawUpstream back([](RawClient& peer, int) { peer.closedByPeer(); });
    std::atomic<int> ended{0};
    {
        RelayUnderTest relay({back.url()});
        ClientRequest request;
        request.upstream = relay.front.engine->upstream("back");
        relay.front.engine->send(request, [&](const ClientResult& r) {
            EXPECT_EQ(r.error, ClientError::Unreachable);
            ++ended;
        });
        ASSERT_TRUE(Observer::await([&] { return back.accepted() == 1; }));
    }
    EXPECT_EQ(ended, 1);
}

}  // namespace
}  // namespace persona::host::net::testing
