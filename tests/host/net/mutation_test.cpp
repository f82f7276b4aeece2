#include <random>

#include "tests/host/net/answers.h"
#include "tests/host/net/net_fixture.h"

/// Octets in, at random but the same each time, on the request path and on the response path: no
/// crash, no answer that is not one, and the next request is served as if nothing had been.
/// PERSONA_MUTATIONS sets how many (for the sanitizers: more).
namespace persona::host::net::testing {
namespace {

int rounds() {
    const char* text = std::getenv("PERSONA_MUTATIONS");
    return text == nullptr ? 150 : std::max(1, std::atoi(text));
}

class Mutator {
  public:
    explicit Mutator(std::vector<std::string> corpus) : corpus_(std::move(corpus)) {}
    std::string next() {
        std::string s = pick();
        for (auto n = random_() % 4 + 1; n > 0; --n) change(s);
        return s;
    }

  private:
    const std::string& pick() { return corpus_[random_() % corpus_.size()]; }
    void change(std::string& s) {
        static constexpr std::string_view kTelling[] = {"\r\n",
                                                        "\n",
                                                        "\r",
                                                        " ",
                                                        "\t",
                                                        ":",
                                                        "\r\n ",
                                                        "0",
                                                        "chunked",
                                                        "\r\n\r\n",
                                                        "Content-Length: 1\r\n",
                                                        "Transfer-Encoding: chunked\r\n",
                                                        "ffffffffffffffff",
                                                        "-1",
                                                        ";",
                                                        ",",
                                                        "\"",
                                                        "HTTP/1.1",
                                                        "GET / HTTP/1.1\r\n"};
        const auto at = s.empty() ? 0 : random_() % s.size();
        switch (random_() % 7) {
            case 0:
                if (!s.empty()) s[at] = static_cast<char>(random_());
                break;
            case 1:
                s.insert(at, 1, static_cast<char>(random_()));
                break;
            case 2:
                s.insert(at, kTelling[random_() % std::size(kTelling)]);
                break;
            case 3:
                s.erase(at, random_() % 8 + 1);
                break;
            case 4:
                s.resize(at);
                break;
            case 5:
                s.insert(at, s.substr(at, random_() % 64));
                break;
            default: {
                const auto& other = pick();
                s = s.substr(0, at) + other.substr(random_() % other.size());
            }
        }
    }
    std::vector<std::string> corpus_;
    std::mt19937 random_{20'121'124};
};

std::vector<std::string> requests() {
    return {
        get("/a?b=c"),
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n" + get("/second"),
        post("Content-Length: 5\r\n", "hello"),
        post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\nT: u\r\n\r\n"),
        post("Expect: 100-continue\r\nContent-Length: 2\r\n", "hi"),
        ("GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\nConnection: close, X-A\r\nX-A: "
         "1\r\n\r\n"),
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + get("/")};
}

std::vector<std::string> answers() {
    return {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello",
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
             "5\r\nhello\r\n3;a=b\r\nabc\r\n0\r\n\r\n"),
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "HTTP/1.0 200 OK\r\nConnection: X-H\r\nX-H: 1\r\n\r\nuntil the end",
            "HTTP/1.1 204 No Content\r\n\r\n",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nConnection: close\r\n\r\n"};
}

TEST(Mutations, OfRequests) {
    EngineUnderTest back(plainEcho());
    RelayUnderTest relay({"http://127.0.0.1:" + std::to_string(back.port())});
    Mutator mutator(requests());
    for (int i = 0; i < rounds(); ++i) {
        const auto request = mutator.next();
        const auto all = relay.ask(request);
        EXPECT_EQ(checkAnswers(all), "") << ::testing::PrintToString(request);
        // What an upstream connection was left with shows in the next request's answer.
        ASSERT_EQ(bodyOf(relay.ask(post("Content-Length: 6\r\n", "intact"))), "intact")
            << ::testing::PrintToString(request);
    }
}

TEST(Mutations, OfAnswers) {
    std::mutex mutex;
    std::string bad;
    RawUpstream back([&](RawClient& peer, int) {
        while (true) {
            const auto head = peer.readUntil("\r\n\r\n");
            if (!head.ends_with("\r\n\r\n")) return;
            if (head.starts_with("GET /good ")) {
                peer.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nintact");
                continue;
            }
            const std::lock_guard lock(mutex);
            peer.send(bad);
            return;
        }
    });
    RelayUnderTest relay({back.url()}, [](EngineSettings& s) {
        // One connection: an answer that leaves octets behind would poison the next.
        s.upstreams[0].max_connections = 1;
        s.upstreams[0].first_byte_timeout = milliseconds(2'000);
    });
    Mutator mutator(answers());
    for (int i = 0; i < rounds(); ++i) {
        const auto answer = mutator.next();
        {
            const std::lock_guard lock(mutex);
            bad = answer;
        }
        EXPECT_EQ(checkAnswers(relay.ask(get("/bad"))), "") << ::testing::PrintToString(answer);
        // The peer closes after its bad answer. A request that meets a kept connection in that
        // moment is answered with 502, once; octets of another answer it must never get.
        auto good = relay.ask(get("/good"));
        if (good.starts_with("HTTP/1.1 502 ")) good = relay.ask(get("/good"));
        ASSERT_EQ(bodyOf(good), "intact") << ::testing::PrintToString(answer);
    }
}

}  // namespace
}  // namespace persona::host::net::testing
