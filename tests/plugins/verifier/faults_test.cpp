#include <future>
#include <latch>

#include "host/net/reactor.h"
#include "libs/discovery/client_port.h"
#include "libs/protocol/token.h"
#include "plugins/verifier/judge.h"
#include "tests/host/net/fault_server.h"
#include "tests/host/net/net_fixture.h"

/// The verifier against providers that misbehave: real TLS servers on loopback, the real client
/// (protocol.md 4.2, 5 A13 to A16). Every fault is refused in bounded time and memory, and hurts no
/// other verification.
namespace persona::verifier {
namespace {

namespace net = host::net;
using net::testing::answering;
using net::testing::FaultServer;
using net::testing::http;
using net::testing::TestCa;
using protocol::Json;

constexpr std::int64_t kNow = 1'400'000'000'000;

/// The engine's client in the shape that clientPort() takes.
struct Client {
    struct Request {
        std::string url, target;
        std::vector<std::pair<std::string, std::string>> headers;
        std::uint64_t max_body = 0, deadline_ms = 0;
        std::uint32_t flags = 0;
    };
    struct Answer {
        std::uint32_t rc = 0;
        unsigned status = 0;
        std::string body;
        net::Fields fields;
        [[nodiscard]] std::string header(std::string_view name) const {
            return std::string(fields.find(name).value_or(std::string_view()));
        }
    };
    static constexpr discovery::ClientCodes kCodes{0, 1, 2, 1};
    std::uint32_t send(const Request& r, std::function<void(Answer)> done) const {
        net::ClientRequest q;
        q.url = r.url;
        q.target = r.target;
        for (const auto& [n, v] : r.headers) q.fields.add(n, v);
        q.max_body = r.max_body;
        q.deadline = net::milliseconds(static_cast<std::int64_t>(r.deadline_ms));
        q.allow_private = r.flags != 0;
        engine->send(std::move(q), [done = std::move(done)](net::ClientResult a) {
            const std::uint32_t rc = a.error == net::ClientError::None        ? 0
                                     : a.error == net::ClientError::Timeout   ? 1
                                     : a.error == net::ClientError::QueueFull ? 2
                                                                              : 3;
            done({rc, a.status, std::move(a.body), std::move(a.fields)});
        });
        return 0;
    }
    net::Engine* engine = nullptr;
};

class FaultsTest : public ::testing::Test {
  protected:
    FaultsTest() : idp_(makeKey()), user_(makeKey()) {
        net::EngineSettings s;
        s.loops = 2;
        s.outbound.ca_file = ca_.ca_file;
        s.resolve = [this](const std::string& host, unsigned short port, std::string&) {
            ++lookups_;
            if (host.starts_with("dead")) name_servers_speak_.wait(false);
            net::SocketAddress a;
            std::string error;
            const std::string ip = host == "meta.example" ? "169.254.169.254" : "127.0.0.1";
            EXPECT_TRUE(net::parseSocketAddress(ip + ":" + std::to_string(port), a, error));
            return std::vector<net::SocketAddress>{a};
        };
        engine_ = std::make_unique<net::Engine>(s, observer_);
        EXPECT_EQ(engine_->start({}), "");
        client_.engine = engine_.get();
        options_.fetch_timeout_ms = 600;
        options_.chain_timeout_ms = 1'500;
        options_.protocol.keys.allow_es256 = true;
    }
    ~FaultsTest() override {
        endSilenceOfNameServers();
        engine_->stop();
    }
    /// Until then, lookups of names that begin with "dead" do not end.
    void endSilenceOfNameServers() {
        name_servers_speak_ = true;
        name_servers_speak_.notify_all();
    }

    static protocol::SecretKey makeKey() {
        auto key = protocol::SecretKey::generate(protocol::Algorithm::ES256);
        EXPECT_TRUE(key.ok());
        return *key;
    }
    [[nodiscard]] std::string document() const {
        return R"({"authentication":"/auth","provisioning":"/prov","public-key":)" +
               idp_.publicKey()->canonical() + "}";
    }
    [[nodiscard]] std::string good() const {
        return http("200 OK", "Content-Type: application/json\r\n", document());
    }
    [[nodiscard]] std::string delegation(const std::string& to) const {
        return http("200 OK", "Content-Type: application/json\r\n",
                    R"({"authority":")" + to + "\"}");
    }
    /// A provider: `domain` answers from a server of its own.
    FaultServer& provide(const std::string& domain, FaultServer::Behaviour behaviour,
                         const TestCa::Files* files = nullptr) {
        const auto own = files == nullptr ? ca_.issue({"DNS:" + domain}) : *files;
        servers_.push_back(std::make_unique<FaultServer>(own, std::move(behaviour)));
        point(domain, *servers_.back());
        return *servers_.back();
    }
    void point(const std::string& domain, const FaultServer& server) {
        options_.overrides[domain].url =
            "https://" + domain + ":" + std::to_string(server.port) + "/.well-known/browserid";
    }
    void start(std::size_t max_waiting = 512) {
        discovery::Ports ports;
        ports.fetch = discovery::clientPort<Client::Request>(client_, Client::kCodes);
        ports.now_ms = [] { return net::monotonicNs() / 1'000'000; };
        auto verify = std::make_shared<protocol::VerifyOptions>();
        verify->hostname = "login.example.org";
        verify->keys.allow_es256 = true;
        verify->own_keys = {*idp_.publicKey()};
        judge_ = std::make_unique<Judge>(
            verify,
            Judge::Ports{std::make_shared<discovery::Discovery>(options_, std::move(ports)),
                         [] { return kNow; }},
            max_waiting);
    }
    [[nodiscard]] std::string bundle(const std::string& issuer) const {
        const auto cert = signToken(
            idp_, protocol::certificatePayload(
                      {issuer, "a@" + (issuer == "login.example.org" ? "good.example" : issuer),
                       false, kNow, kNow + 1000},
                      *user_.publicKey()));
        const auto assertion =
            signToken(user_, R"({"aud":"https://rp.example","exp":1400000060000})");
        return *cert + "~" + *assertion;
    }
    void ask(const std::string& issuer, Judge::Done done, const char* path = "/verify") {
        auto body = Json::object();
        body.add("assertion", bundle(issuer)).add("audience", "https://rp.example");
        const auto text = body.dump();
        judge_->handle({"POST", path, "", "application/json", text}, std::move(done));
    }
    std::string reason(const std::string& issuer) {
        auto promise = std::make_shared<std::promise<ApiAnswer>>();
        auto answer = promise->get_future();
        ask(issuer, [promise](ApiAnswer a) { promise->set_value(std::move(a)); });
        if (answer.wait_for(std::chrono::seconds(20)) != std::future_status::ready)
            return "no answer in 20 s";
        const auto json = Json::parse(answer.get().body);
        const auto* why = json ? json->findText("reason") : nullptr;
        return why == nullptr ? (json ? "okay" : "not JSON") : *why;
    }

    TestCa ca_;
    protocol::SecretKey idp_, user_;
    net::testing::Observer observer_;
    std::unique_ptr<net::Engine> engine_;
    Client client_;
    discovery::Options options_;
    std::vector<std::unique_ptr<FaultServer>> servers_;
    std::unique_ptr<Judge> judge_;
    std::atomic<int> lookups_{0};
    std::atomic<bool> name_servers_speak_{false};
};

std::string cannot(const std::string& domain, const std::string& why) {
    return "can't get public key for " + domain + ": " + why;
}
std::string noSupport(const std::string& domain) {
    return cannot(domain, domain +
                              " is not a browserid primary - non-200 response code to "
                              "/.well-known/browserid");
}
std::string wrongType(const std::string& domain) {
    return cannot(domain, domain +
                              " is not a browserid primary - non \"application/json\" response to "
                              "/.well-known/browserid");
}
std::string timedOut(const std::string& domain) {
    return cannot(domain, "timeout trying to load well-known for " + domain);
}

constexpr const char* kJsonHead = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";

/// Writes `piece` until the client has had enough.
FaultServer::Behaviour endless(std::string head, std::string piece) {
    return [head = std::move(head), piece = std::move(piece)](FaultServer::Connection& c) {
        if (c.readHead().empty() || !c.write(head)) return;
        while (c.write(piece)) {
        }
    };
}

TEST_F(FaultsTest, AGoodProviderIsGood) {
    provide("good.example", answering(good()));
    start();
    EXPECT_EQ(reason("good.example"), "okay");
}

TEST_F(FaultsTest, SlowAndSilent) {
    const auto head = std::string(kJsonHead) + "Content-Length: 60000\r\n\r\n";
    provide("slow.example", [head](FaultServer::Connection& c) {
        if (c.readHead().empty() || !c.write(head)) return;
        while (c.write(" ")) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    });
    provide("silent.example", [](FaultServer::Connection& c) { c.stayIdle(); });
    std::string interim;
    for (int i = 0; i < 300; ++i) interim += "HTTP/1.1 100 Continue\r\n\r\n";
    provide("interim.example", endless("HTTP/1.1 100 Continue\r\n\r\n", interim));
    start();
    for (const auto* d : {"slow.example", "silent.example"}) EXPECT_EQ(reason(d), timedOut(d));
    EXPECT_EQ(reason("interim.example"), noSupport("interim.example"));
}

TEST_F(FaultsTest, HugeIsCutOff) {
    const std::string piece(8'192, 'x');
    const std::pair<std::string, FaultServer::Behaviour> faults[] = {
        {"announced",
         endless(std::string(kJsonHead) + "Content-Length: 1000000000\r\n\r\n", piece)},
        {"unannounced", endless(std::string(kJsonHead) + "Connection: close\r\n\r\n", piece)},
        {"chunked", endless(std::string(kJsonHead) + "Transfer-Encoding: chunked\r\n\r\n",
                            "2000\r\n" + piece + "\r\n")},
        {"onechunk",
         endless(std::string(kJsonHead) + "Transfer-Encoding: chunked\r\n\r\nfffffff0\r\n", piece)},
        {"extension",
         endless(std::string(kJsonHead) + "Transfer-Encoding: chunked\r\n\r\n1;a=", piece)},
        {"fields", endless(kJsonHead, "X-Padding: " + piece + "\r\n")},
        {"trailers", endless(std::string(kJsonHead) + "Transfer-Encoding: chunked\r\n\r\n0\r\n",
                             "X-Padding: " + piece + "\r\n")},
        {"oneline", endless("HTTP/1.1 200 ", piece)}};
    for (const auto& [name, behaviour] : faults) provide(name + ".example", behaviour);
    start();
    std::size_t i = 0;
    for (const auto& [name, behaviour] : faults) {
        EXPECT_EQ(reason(name + ".example"), noSupport(name + ".example"));
        // What the kernel's buffers took; we read a fraction of it.
        EXPECT_LT(servers_[i++]->octets, 16u << 20) << name;
    }
}

TEST_F(FaultsTest, AnswersThatAreNoSupportDocument) {
    provide("type.example", answering(http("200 OK", "Content-Type: text/html\r\n", document())));
    provide("jsonp.example",
            answering(http("200 OK", "Content-Type: application/jsonp\r\n", document())));
    provide("untyped.example", answering(http("200 OK", "", document())));
    provide("status.example",
            answering(http("500 Oops", "Content-Type: application/json\r\n", document())));
    provide("garbage.example", answering("SSH-2.0-x\r\n\r\n"));
    provide("twice.example", answering(std::string(kJsonHead) +
                                       "Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}    "));
    provide("cut.example", answering(std::string(kJsonHead) + "Content-Length: 500\r\n\r\n{"));
    provide("deep.example", answering(http("200 OK", "Content-Type: application/json\r\n",
                                           std::string(60'000, '['))));
    start();
    for (const auto* d : {"type.example", "jsonp.example", "untyped.example"})
        EXPECT_EQ(reason(d), wrongType(d));
    for (const auto* d : {"status.example", "garbage.example", "twice.example", "cut.example"})
        EXPECT_EQ(reason(d), noSupport(d));
    EXPECT_EQ(reason("deep.example"),
              cannot("deep.example",
                     "bad support document for 'deep.example': declaration of "
                     "support is malformed (invalid json)"));
}

TEST_F(FaultsTest, RedirectsAreNotFollowed) {
    auto& target = provide("target.example", answering(good()));
    auto& loop = provide("loop.example",
                         answering(http("302 Found", "Location: /.well-known/browserid\r\n", "")));
    provide("away.example",
            answering(http("301 Moved",
                           "Location: https://target.example:" + std::to_string(target.port) +
                               "/.well-known/browserid\r\nContent-Type: application/json\r\n",
                           document())));
    start();
    EXPECT_EQ(reason("loop.example"), noSupport("loop.example"));
    EXPECT_EQ(reason("away.example"), noSupport("away.example"));
    EXPECT_EQ(loop.connections, 1);
    EXPECT_EQ(target.connections, 0);
}

TEST_F(FaultsTest, Delegation) {
    provide("a.example", answering(delegation("b.example")));
    provide("b.example", answering(delegation("a.example")));
    for (int i = 0; i < 8; ++i)
        provide("d" + std::to_string(i) + ".example",
                answering(delegation("d" + std::to_string(i + 1) + ".example")));
    start();
    EXPECT_EQ(
        reason("a.example"),
        cannot("a.example", "Circular reference in delegating authority: a.example > b.example"));
    EXPECT_EQ(reason("d0.example"),
              cannot("d0.example",
                     "Too many hops while delegating authority: d0.example > d1.example > "
                     "d2.example > d3.example > d4.example > d5.example > d6.example"));
    EXPECT_EQ(servers_[8]->connections, 0) << "d6 is beyond the limit";
}

TEST_F(FaultsTest, AddressesThatAreNotPublic) {
    // Without an override the address is filtered: the metadata service, and our own machine.
    start();
    for (const auto* d : {"meta.example", "home.example"}) EXPECT_EQ(reason(d), noSupport(d));
    EXPECT_EQ(lookups_, 2);
}

TEST_F(FaultsTest, Certificates) {
    const auto other = ca_.issue({"DNS:other.example"});
    const auto expired = ca_.issue({"DNS:expired.example"}, -7'200, -60);
    TestCa stranger;
    const auto unknown = stranger.issue({"DNS:unknown.example"});
    provide("named.example", answering(good()), &other);
    provide("expired.example", answering(good()), &expired);
    provide("unknown.example", answering(good()), &unknown);
    start();
    for (const auto* d : {"named.example", "expired.example", "unknown.example"})
        EXPECT_EQ(reason(d), noSupport(d));
    for (const auto& s : servers_) EXPECT_EQ(s->octets, 0u);
}

TEST_F(FaultsTest, OthersAreUnhurtMeanwhile) {
    options_.fetch_timeout_ms = 4'000;
    options_.chain_timeout_ms = 4'000;
    provide("good.example", answering(good()));
    auto& silent = provide("silent.example", [](FaultServer::Connection& c) { c.stayIdle(); });
    constexpr int kStuck = 60;
    for (int i = 0; i < kStuck; ++i) point("s" + std::to_string(i) + ".example", silent);
    // The certificate is not for those names, so the handshake is where most of them end; names
    // that it does fit wait for the answer.
    const auto many = ca_.issue({"DNS:s0.example", "DNS:s1.example", "DNS:s2.example"});
    auto& waiting = provide(
        "s.example", [](FaultServer::Connection& c) { c.stayIdle(); }, &many);
    for (int i = 0; i < 3; ++i) point("s" + std::to_string(i) + ".example", waiting);
    start();
    std::atomic<int> ended{0};
    std::latch all(kStuck + 1);
    ask("silent.example", [&](const ApiAnswer&) {
        ++ended;
        all.count_down();
    });
    for (int i = 0; i < kStuck; ++i)
        ask("s" + std::to_string(i) + ".example", [&, slow = i < 3](const ApiAnswer&) {
            if (slow) ++ended;
            all.count_down();
        });
    for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(reason("good.example"), "okay");
        EXPECT_EQ(reason("login.example.org"),
                  "issuer 'login.example.org' may not speak for emails from 'good.example'");
    }
    EXPECT_EQ(ended, 0) << "the slow ones still wait: nobody queued behind them";
    EXPECT_GE(judge_->waiting(), 4u);
    all.wait();
}

TEST_F(FaultsTest, SilentNameServersHoldUpNobodyElse) {
    options_.fetch_timeout_ms = options_.chain_timeout_ms = 4'000;
    provide("good.example", answering(good()));
    start();
    constexpr int kDead = 200;
    std::atomic<int> ended{0};
    std::latch all(kDead);
    for (int i = 0; i < kDead; ++i)
        ask("dead" + std::to_string(i) + ".example", [&](const ApiAnswer&) {
            ++ended;
            all.count_down();
        });
    EXPECT_EQ(reason("good.example"), "okay");
    EXPECT_EQ(ended, 0);
    endSilenceOfNameServers();
    all.wait();
}

TEST_F(FaultsTest, MoreSilentNameServersThanThereIsRoomForAreNoVerdictOnOthers) {
    options_.fetch_timeout_ms = options_.chain_timeout_ms = 4'000;
    options_.max_fetches = 400;
    provide("good.example", answering(good()));
    start();
    constexpr int kDead = net::Resolver::kThreads + 40;
    std::latch all(kDead);
    for (int i = 0; i < kDead; ++i)
        ask("dead" + std::to_string(i) + ".example", [&](const ApiAnswer&) { all.count_down(); });
    EXPECT_TRUE(observer_.await([&] { return lookups_ == net::Resolver::kThreads; }));
    // The fallback's certificate for an address of good.example: a domain that was taken for one
    // without support would be the fallback's.
    std::promise<ApiAnswer> answer;
    ask("login.example.org", [&](ApiAnswer a) { answer.set_value(std::move(a)); });
    const auto busy = answer.get_future().get();
    EXPECT_EQ(busy.status, 503u) << busy.body;
    endSilenceOfNameServers();
    EXPECT_EQ(reason("login.example.org"),
              "issuer 'login.example.org' may not speak for emails from 'good.example'");
    EXPECT_EQ(reason("good.example"), "okay");
    all.wait();
}

TEST_F(FaultsTest, BeyondTheBoundThereIs503AndWhatIsKnownStillWorks) {
    provide("good.example", answering(good()));
    provide("silent.example", [](FaultServer::Connection& c) { c.stayIdle(); });
    start(4);
    ASSERT_EQ(reason("good.example"), "okay");
    std::latch four(4);
    for (int i = 0; i < 4; ++i) ask("silent.example", [&](const ApiAnswer&) { four.count_down(); });
    EXPECT_EQ(judge_->waiting(), 4u);
    std::promise<ApiAnswer> v1, v2;
    ask("silent.example", [&](ApiAnswer a) { v1.set_value(std::move(a)); });
    ask(
        "silent.example", [&](ApiAnswer a) { v2.set_value(std::move(a)); }, "/v2");
    const auto first = v1.get_future().get(), second = v2.get_future().get();
    EXPECT_EQ(first.status, 503u);
    EXPECT_EQ(first.body, "server is too busy");
    EXPECT_EQ(second.status, 503u);
    EXPECT_EQ(second.body, R"({"status":"failure","reason":"too busy"})");
    EXPECT_EQ(reason("good.example"), "okay");
    EXPECT_EQ(reason("login.example.org"),
              "issuer 'login.example.org' may not speak for emails from 'good.example'");
    four.wait();
    EXPECT_EQ(judge_->waiting(), 0u);
}

}  // namespace
}  // namespace persona::verifier
