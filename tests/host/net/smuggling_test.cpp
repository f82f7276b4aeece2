#include <chrono>
#include <thread>

#include "tests/host/net/net_fixture.h"

/// One client must not be able to write another's request, nor read another's answer: everything
/// that could leave octets of one message in front of the next one.
namespace persona::host::net::testing {
namespace {

using namespace std::chrono_literals;

std::string answer(const std::string& body, const std::string& more = "") {
    return "HTTP/1.1 200 OK\r\n" + more + "Content-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
}

/// Answers each request with its own request line, reading bodies by their framing as a strict
/// server would; every request line that it sees is kept.
struct Recorder {
    std::mutex mutex;
    std::vector<std::string> lines, heads, bodies;
    std::chrono::milliseconds answer_after{0};
    void serve(RawClient& peer) {
        for (;;) {
            const auto head = peer.readUntil("\r\n\r\n");
            if (!head.ends_with("\r\n\r\n")) return;
            std::string body;
            if (head.find("Transfer-Encoding: chunked") != std::string::npos) {
                for (;;) {
                    const auto line = peer.readUntil("\r\n");
                    const auto size = std::strtoul(line.c_str(), nullptr, 16);
                    const auto piece = peer.readCount(size + 2);
                    if (piece.size() != size + 2) return;  // cut short
                    if (size == 0) break;
                    body += piece.substr(0, size);
                }
            } else if (const auto at = head.find("Content-Length: "); at != std::string::npos) {
                const auto size = std::strtoul(head.c_str() + at + 16, nullptr, 10);
                body = peer.readCount(size);
                if (body.size() != size) return;
            }
            const auto line = head.substr(0, head.find("\r\n"));
            std::this_thread::sleep_for(answer_after);
            {
                const std::lock_guard lock(mutex);
                lines.push_back(line);
                heads.push_back(head);
                bodies.push_back(body);
            }
            peer.send(answer(line));
        }
    }
};

TEST(Smuggling, AChunkedBodyThatComesBeforeTheConnectionStaysABody) {
    Recorder seen;
    RawUpstream back([&](RawClient& peer, int) { seen.serve(peer); });
    RelayUnderTest relay({back.url()});
    const std::string hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";
    char size[16];
    std::snprintf(size, sizeof size, "%zx\r\n", hidden.size());
    // Head and body in one segment, on an engine that has no connection to the upstream yet.
    RawClient client(relay.front.port());
    client.send(post("Transfer-Encoding: chunked\r\n", size + hidden + "\r\n0\r\n\r\n"));
    EXPECT_EQ(bodyOf(client.readAll()), "POST / HTTP/1.1");
    EXPECT_EQ(bodyOf(relay.ask(get("/next"))), "GET /next HTTP/1.1");
    const std::lock_guard lock(seen.mutex);
    EXPECT_EQ(seen.lines, (std::vector<std::string>{"POST / HTTP/1.1", "GET /next HTTP/1.1"}));
    EXPECT_EQ(seen.bodies.at(0), hidden);
    EXPECT_NE(seen.heads.at(0).find("Transfer-Encoding: chunked"), std::string::npos);
    EXPECT_EQ(seen.heads.at(0).find("Content-Length"), std::string::npos);
}

TEST(Smuggling, ABodyWithLengthThatComesBeforeTheConnectionIsSentOnce) {
    Recorder seen;
    RawUpstream back([&](RawClient& peer, int) { seen.serve(peer); });
    RelayUnderTest relay({back.url()});
    RawClient client(relay.front.port());
    client.send(post("Content-Length: 5\r\n", "hello"));
    EXPECT_EQ(bodyOf(client.readAll()), "POST / HTTP/1.1");
    EXPECT_EQ(bodyOf(relay.ask(get("/next"))), "GET /next HTTP/1.1");
    const std::lock_guard lock(seen.mutex);
    EXPECT_EQ(seen.bodies, (std::vector<std::string>{"hello", ""}));
}

TEST(Smuggling, AnEarlyAnswerEndsTheUpstreamConnection) {
    std::atomic<int> second{0};
    RawUpstream back([&](RawClient& peer, int number) {
        const auto head = peer.readUntil("\r\n\r\n");
        peer.send(answer(number == 0 ? "early" : "fresh"));
        // Whatever else comes on the first connection is the rest of a body, never a request.
        if (number == 0 && peer.readUntil("\r\n\r\n").find("GET /next") != std::string::npos)
            ++second;
    });
    RelayUnderTest relay({back.url()});
    RawClient client(relay.front.port());
    client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\npart");
    const auto early = client.readAll();
    EXPECT_EQ(bodyOf(early), "early");
    EXPECT_NE(early.find("Connection: close"), std::string::npos) << early;
    EXPECT_EQ(bodyOf(relay.ask(get("/next"))), "fresh");
    EXPECT_EQ(second, 0);
    EXPECT_EQ(back.accepted(), 2);
    EXPECT_EQ(relay.front.observer.counted("engine.upstream.early_answer"), 1u);
    EXPECT_TRUE(relay.front.observer.logged("engine.upstream.early_answer"));
}

TEST(Smuggling, OctetsBehindAnAnswerEndTheConnection) {
    RawUpstream back([&](RawClient& peer, int number) {
        peer.readUntil("\r\n\r\n");
        peer.send(number == 0 ? answer("one") + answer("poison") : answer("two"));
        peer.readUntil("\r\n\r\n");
    });
    RelayUnderTest relay({back.url()});
    EXPECT_EQ(bodyOf(relay.ask(get("/1"))), "one");
    EXPECT_EQ(bodyOf(relay.ask(get("/2"))), "two");
    EXPECT_EQ(relay.front.observer.counted("engine.upstream.surplus"), 1u);
    EXPECT_TRUE(relay.front.observer.logged("engine.upstream.surplus"));
}

TEST(Smuggling, AnUpstreamThatSpeaksUnaskedIsNotListenedTo) {
    std::atomic<bool> spoke{false};
    RawUpstream back([&](RawClient& peer, int number) {
        peer.readUntil("\r\n\r\n");
        peer.send(answer("ok"));
        if (number != 0) return;
        peer.send(answer("poison"));
        EXPECT_TRUE(peer.closedByPeer());
        spoke = true;
    });
    RelayUnderTest relay({back.url()});
    EXPECT_EQ(bodyOf(relay.ask(get("/1"))), "ok");
    ASSERT_TRUE(Observer::await([&] { return spoke.load(); }));
    EXPECT_EQ(relay.front.observer.counted("engine.upstream.surplus"), 1u);
    EXPECT_EQ(bodyOf(relay.ask(get("/2"))), "ok");
}

TEST(Smuggling, HeadNoContentAndNotModifiedHaveNoBody) {
    for (const auto* status : {"204 No Content", "304 Not Modified"}) {
        RawUpstream back([&](RawClient& peer, int) {
            peer.readUntil("\r\n\r\n");
            peer.send("HTTP/1.1 " + std::string(status) + "\r\nContent-Length: 6\r\n\r\n");
            if (peer.readUntil("\r\n\r\n").starts_with("GET")) peer.send(answer("second"));
            peer.closedByPeer();
        });
        RelayUnderTest relay({back.url()});
        RawClient client(relay.front.port());
        client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n" + get("/2"));
        const auto all = client.readAll();
        EXPECT_NE(all.find("HTTP/1.1 " + std::string(status)), std::string::npos) << all;
        EXPECT_TRUE(all.ends_with("second")) << all;
        EXPECT_EQ(back.accepted(), 1);
    }
    RawUpstream back([&](RawClient& peer, int) {
        while (peer.readUntil("\r\n\r\n").starts_with("HEAD"))
            peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        peer.send(answer("second"));
        peer.closedByPeer();
    });
    RelayUnderTest relay({back.url()});
    RawClient client(relay.front.port());
    client.send("HEAD /1 HTTP/1.1\r\nHost: a\r\n\r\n" + get("/2"));
    const auto all = client.readAll();
    EXPECT_EQ(all.find("Transfer-Encoding"), std::string::npos) << all;
    EXPECT_EQ(all.find("Content-Length: 0"), std::string::npos) << all;
    EXPECT_TRUE(all.ends_with("second")) << all;
}

TEST(Smuggling, FieldsOfTheHopStayOnTheHop) {
    Recorder seen;
    RawUpstream back([&](RawClient& peer, int) { seen.serve(peer); });
    RelayUnderTest relay({back.url()});
    relay.ask(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-Hop\r\nConnection: X-Other, Host\r\n"
        "X-Hop: 1\r\nX-Other: 2\r\nx-hop: 3\r\nX-Kept: 4\r\nKeep-Alive: 5\r\nTE: trailers\r\n"
        "Proxy-Connection: close\r\nTrailer: X\r\nForwarded: for=6.6.6.6\r\n"
        "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: evil\r\nX-Real-IP: 6.6.6.6\r\n\r\n");
    const std::lock_guard lock(seen.mutex);
    ASSERT_EQ(seen.heads.size(), 1u);
    EXPECT_EQ(seen.heads[0],
              "GET / HTTP/1.1\r\nHost: a\r\nX-Kept: 4\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n");
}

/// A proxy may pass its client's Connection field on, as HAProxy does: naming what the proxy itself
/// says of that client must not make it unsaid.
TEST(Smuggling, AClientCannotDisownWhatTheProxySaysOfIt) {
    Recorder seen;
    RawUpstream back([&](RawClient& peer, int) { seen.serve(peer); });
    RelayUnderTest relay(
        {back.url()}, [](EngineSettings& s) { s.listeners[0].trusted_proxies = {"127.0.0.1/32"}; });
    relay.ask(get("/",
                  "Connection: x-forwarded-for, forwarded, x-forwarded-proto\r\n"
                  "X-Forwarded-For: 9.9.9.9\r\n"));
    const std::lock_guard lock(seen.mutex);
    ASSERT_EQ(seen.heads.size(), 1u);
    EXPECT_NE(seen.heads[0].find("X-Forwarded-For: 9.9.9.9\r\n"), std::string::npos)
        << seen.heads[0];
}

TEST(Smuggling, SmallChunksAreSentOnTogether) {
    std::atomic<int> chunks{0}, octets{0};
    RawUpstream back([&](RawClient& peer, int) {
        peer.readUntil("\r\n\r\n");
        for (;;) {
            const auto size = std::strtoul(peer.readUntil("\r\n").c_str(), nullptr, 16);
            if (peer.readCount(size + 2).size() != size + 2 || size == 0) break;
            ++chunks;
            octets += static_cast<int>(size);
        }
        peer.send(answer("x"));
    });
    RelayUnderTest relay({back.url()});
    RawClient client(relay.front.port());
    client.send(post("Transfer-Encoding: chunked\r\n", "1\r\na\r\n"));
    while (chunks == 0) std::this_thread::sleep_for(1ms);  // it streams from now on
    std::string body;
    for (int i = 0; i < 1'000; ++i) body += "1\r\na\r\n";
    client.send(body + "0\r\n\r\n");
    EXPECT_EQ(bodyOf(client.readAll()), "x");
    EXPECT_EQ(octets, 1'001);
    EXPECT_LT(chunks, 10);
}

TEST(Smuggling, FieldsOfTheUpstreamsHopStayThere) {
    RawUpstream back([&](RawClient& peer, int) {
        peer.readUntil("\r\n\r\n");
        peer.send(answer("x",
                         "Connection: X-Hop\r\nConnection: X-Other\r\nX-Hop: 1\r\nX-Other: 2\r\n"
                         "Keep-Alive: 3\r\nX-Kept: 4\r\n"));
    });
    RelayUnderTest relay({back.url()});
    const auto all = relay.ask(get("/"));
    EXPECT_EQ(all.find("X-Hop"), std::string::npos) << all;
    EXPECT_EQ(all.find("X-Other"), std::string::npos) << all;
    EXPECT_EQ(all.find("Keep-Alive"), std::string::npos) << all;
    EXPECT_NE(all.find("X-Kept: 4"), std::string::npos) << all;
}

TEST(Smuggling, TheAuthorityOfTheTargetIsTheHost) {
    Recorder seen;
    RawUpstream back([&](RawClient& peer, int) { seen.serve(peer); });
    RelayUnderTest relay({back.url()}, [](EngineSettings& s) {
        s.listeners[0].own_authorities = {"a.example", "b.example"};
    });
    relay.ask("GET http://b.example/x HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
    const std::lock_guard lock(seen.mutex);
    ASSERT_EQ(seen.heads.size(), 1u);
    EXPECT_TRUE(seen.heads[0].starts_with("GET /x HTTP/1.1\r\n")) << seen.heads[0];
    EXPECT_NE(seen.heads[0].find("Host: b.example\r\n"), std::string::npos) << seen.heads[0];
    EXPECT_EQ(seen.heads[0].find("a.example"), std::string::npos) << seen.heads[0];
}

TEST(Smuggling, InterimAnswersAreSwallowed) {
    RawUpstream back([&](RawClient& peer, int) {
        peer.readUntil("\r\n\r\n");
        peer.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
        peer.send(answer("final"));
        peer.closedByPeer();
    });
    RelayUnderTest relay({back.url()});
    const auto all = relay.ask(get("/"));
    EXPECT_TRUE(all.starts_with("HTTP/1.1 200")) << all;
    EXPECT_EQ(bodyOf(all), "final");
}

TEST(Smuggling, ARequestCutShortIsNotAnswered) {
    Recorder seen;
    RawUpstream back([&](RawClient& peer, int) { seen.serve(peer); });
    RelayUnderTest relay({back.url()});
    for (const auto* request : {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\npart",
                                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "4\r\npart\r\n",
                                "GET / HTTP/1.1\r\nHost: a\r\n"})
        EXPECT_EQ(relay.ask(request), "") << request;
    const std::lock_guard lock(seen.mutex);
    EXPECT_TRUE(seen.lines.empty());
}

TEST(Smuggling, AHalfClosedClientGetsItsAnswer) {
    Recorder seen;
    // ask() closes its half right behind the request; when the answer comes that has been heard.
    seen.answer_after = std::chrono::milliseconds(300);
    RawUpstream back([&](RawClient& peer, int) { seen.serve(peer); });
    RelayUnderTest relay({back.url()});
    EXPECT_EQ(bodyOf(relay.ask("GET /h HTTP/1.1\r\nHost: a\r\n\r\n")), "GET /h HTTP/1.1");
    EXPECT_EQ(bodyOf(relay.ask("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")),
              "POST /p HTTP/1.1");
    EXPECT_TRUE(relay.front.observer.awaitCount("engine.client.half_closed", 2));
    EXPECT_TRUE(relay.front.observer.logged("closed its half"));
}

TEST(Smuggling, AnAnswerThatTheEndOfTheStreamEndsIsWhole) {
    RawUpstream back([&](RawClient& peer, int) {
        peer.readUntil("\r\n\r\n");
        // Octets and end in one go: no second event will tell of the end.
        peer.send("HTTP/1.1 200 OK\r\n\r\nuntil the end");
    });
    RelayUnderTest relay({back.url()});
    RawClient client(relay.front.port());
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(client.readUntil("0\r\n\r\n").find("until the end") != std::string::npos);
}

}  // namespace
}  // namespace persona::host::net::testing
