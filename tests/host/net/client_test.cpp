#include <future>
#include <map>

#include "tests/host/net/fault_server.h"
#include "tests/host/net/net_fixture.h"

/// Requests by URL: what is checked before and while a connection is made (protocol.md WK-2, 4.2).
namespace persona::host::net::testing {
namespace {

SocketAddress address(const std::string& ip, unsigned short port) {
    SocketAddress a;
    std::string error;
    EXPECT_TRUE(parseSocketAddress(
        (ip.find(':') == std::string::npos ? ip : "[" + ip + "]") + ":" + std::to_string(port), a,
        error))
        << ip << ": " << error;
    return a;
}

class ClientTest : public ::testing::Test {
  protected:
    void SetUp() override {
        auto service =
            std::make_shared<TestService>([](const ExchangePtr& e) { e->respond(okHead(), "ok"); });
        under_ = std::make_unique<EngineUnderTest>(service, [this](EngineSettings& s) {
            s.outbound.ca_file = ca_.ca_file;
            s.outbound.system_too = true;
            s.resolve = [this](const std::string& host, unsigned short port, std::string& error) {
                ++lookups_;
                std::vector<SocketAddress> found;
                const auto it = names_.find(host);
                if (it == names_.end()) error = "unknown name";
                if (it != names_.end())
                    for (const auto& ip : it->second) found.push_back(address(ip, port));
                return found;
            };
        });
    }
    ClientResult get(const std::string& url, bool allow_private = true,
                     const std::function<void(ClientRequest&)>& change = {}) {
        ClientRequest r;
        r.url = url;
        r.allow_private = allow_private;
        if (change) change(r);
        auto promise = std::make_shared<std::promise<ClientResult>>();
        auto answer = promise->get_future();
        under_->engine->send(std::move(r), [promise](ClientResult result) {
            promise->set_value(std::move(result));
        });
        return answer.get();
    }
    std::string url(const FaultServer& server, const std::string& host = "good.example") {
        return "https://" + host + ":" + std::to_string(server.port) + "/";
    }
    TestCa ca_;
    std::map<std::string, std::vector<std::string>> names_{{"good.example", {"127.0.0.1"}}};
    std::atomic<int> lookups_{0};
    std::unique_ptr<EngineUnderTest> under_;
};

TEST_F(ClientTest, AnAddressThatIsNotPublicIsRefusedBeforeAnyConnection) {
    FaultServer server(ca_.issue({"DNS:good.example"}), answering(http("200 OK", "", "in")));
    for (const auto* ip : {"127.0.0.1",
                           "127.8.8.8",
                           "169.254.169.254",
                           "10.1.2.3",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.168.1.1",
                           "100.64.0.1",
                           "100.127.255.255",
                           "0.0.0.0",
                           "224.0.0.1",
                           "239.1.1.1",
                           "255.255.255.255",
                           "240.0.0.1",
                           "192.0.2.1",
                           "198.18.0.1",
                           "198.51.100.7",
                           "203.0.113.9",
                           "::1",
                           "::",
                           "::ffff:127.0.0.1",
                           "::ffff:169.254.169.254",
                           "::ffff:10.0.0.1",
                           "::127.0.0.1",
                           "fe80::1",
                           "fec0::1",
                           "fc00::1",
                           "fd00:ec2::254",
                           "ff02::1",
                           "64:ff9b::7f00:1",
                           "2002:7f00:1::",
                           "2002:0a00:1::",
                           "2001:0:4136:e378::1",
                           "2001:db8::1",
                           "3fff::1"}) {
        names_["bad.example"] = {ip};
        const auto r = get(url(server, "bad.example"), false);
        EXPECT_EQ(r.error, ClientError::Denied) << ip << ": " << r.detail;
        // A name that mixes good and bad is not trusted for its good ones.
        names_["bad.example"] = {"93.184.216.34", ip};
        EXPECT_EQ(get(url(server, "bad.example"), false).error, ClientError::Denied) << ip;
    }
    for (const auto* literal : {"127.0.0.1", "[::1]", "[::ffff:127.0.0.1]"}) {
        names_[literal] = {"127.0.0.1"};
        names_["::1"] = {"::1"};
        names_["::ffff:127.0.0.1"] = {"::ffff:127.0.0.1"};
        EXPECT_EQ(get(url(server, literal), false).error, ClientError::Denied) << literal;
    }
    EXPECT_EQ(server.connections, 0);
}

TEST_F(ClientTest, PublicAddressesAreNotSpecial) {
    for (const auto* ip : {"93.184.216.34", "8.8.8.8", "100.128.0.1", "172.32.0.1", "198.20.0.1",
                           "2606:4700::1111", "2a00:1450::1", "2001:4860:4860::8888"})
        EXPECT_FALSE(address(ip, 443).isSpecial()) << ip;
}

TEST_F(ClientTest, TheNameIsLookedUpOnceAndTheCheckedAddressIsTheOneConnectedTo) {
    FaultServer server(ca_.issue({"DNS:good.example"}), answering(http("200 OK", "", "in")));
    const auto r = get(url(server));
    EXPECT_EQ(r.error, ClientError::None) << r.detail;
    EXPECT_EQ(r.body, "in");
    EXPECT_EQ(lookups_, 1);
    EXPECT_EQ(server.connections, 1);
}

TEST_F(ClientTest, ASilentAddressIsPassedOver) {
    FaultServer server(ca_.issue({"DNS:good.example"}), answering(http("200 OK", "", "in")));
    // Nothing listens there: refused at once.
    names_["good.example"] = {"127.0.0.2", "127.0.0.1"};
    EXPECT_EQ(get(url(server)).body, "in");
}

TEST_F(ClientTest, CertificatesThatAreNotTheServersOwn) {
    const auto detail = [&](const TestCa::Files& files) {
        FaultServer server(files, answering(http("200 OK", "", "in")));
        const auto r = get(url(server));
        EXPECT_EQ(r.error, ClientError::Unreachable);
        EXPECT_EQ(r.body, "");
        return r.detail;
    };
    EXPECT_NE(detail(ca_.issue({"DNS:other.example"})).find("ostname mismatch"), std::string::npos);
    EXPECT_NE(detail(ca_.issue({"DNS:*.example"})).find("certificate refused"), std::string::npos)
        << "a wildcard right under a top-level domain";
    EXPECT_NE(detail(ca_.issue({"IP:127.0.0.1"})).find("ostname mismatch"), std::string::npos);
    EXPECT_NE(detail(ca_.issue({"DNS:good.example"}, -7200, -60)).find("expired"),
              std::string::npos);
    EXPECT_NE(detail(ca_.issue({"DNS:good.example"}, 3600, 7200)).find("not yet valid"),
              std::string::npos);
    TestCa stranger;
    EXPECT_NE(detail(stranger.issue({"DNS:good.example"})).find("certificate refused"),
              std::string::npos);
}

TEST_F(ClientTest, OneRequestIsSentWithoutCookiesAndTheConnectionCloses) {
    std::promise<std::string> head;
    FaultServer server(ca_.issue({"DNS:good.example"}), [&](FaultServer::Connection& c) {
        head.set_value(c.readHead());
        c.write(http("302 Found", "Location: https://good.example:1/\r\nSet-Cookie: a=b\r\n", ""));
    });
    const auto r = get(url(server) + "p?q=1");
    EXPECT_EQ(r.status, 302u);
    const auto text = head.get_future().get();
    EXPECT_TRUE(text.starts_with("GET /p?q=1 HTTP/1.1\r\n")) << text;
    EXPECT_NE(text.find("Host: good.example:" + std::to_string(server.port) + "\r\n"),
              std::string::npos);
    EXPECT_NE(text.find("Connection: close\r\n"), std::string::npos);
    EXPECT_EQ(text.find("ookie"), std::string::npos);
    EXPECT_EQ(server.connections, 1) << "no redirect is followed";
}

TEST_F(ClientTest, AProxyIsAskedInAbsoluteForm) {
    std::promise<std::string> head;
    FaultServer server(ca_.issue({"DNS:good.example"}), [&](FaultServer::Connection& c) {
        head.set_value(c.readHead());
        c.write(http("200 OK", "", "via"));
    });
    const auto r = get(url(server), true, [](ClientRequest& q) {
        q.target = "https://idp.example/.well-known/browserid?domain=idp.example";
        q.fields.add("Host", "idp.example");
    });
    EXPECT_EQ(r.body, "via");
    const auto text = head.get_future().get();
    EXPECT_TRUE(text.starts_with(
        "GET https://idp.example/.well-known/browserid?domain=idp.example HTTP/1.1\r\n"))
        << text;
    EXPECT_NE(text.find("Host: idp.example\r\n"), std::string::npos);
}

TEST_F(ClientTest, TheDeadlineCoversTheLookup) {
    std::promise<void> release;
    auto released = release.get_future().share();
    Observer observer;
    EngineSettings s;
    s.loops = 1;
    s.resolve = [released](const std::string&, unsigned short, std::string&) {
        released.wait();
        return std::vector<SocketAddress>{};
    };
    Engine engine(s, observer);
    ASSERT_EQ(engine.start({}), "");
    std::promise<ClientResult> got;
    ClientRequest r;
    r.url = "https://slow-dns.example/";
    r.deadline = milliseconds(200);
    engine.send(std::move(r), [&](ClientResult x) { got.set_value(std::move(x)); });
    EXPECT_EQ(got.get_future().get().error, ClientError::Timeout);
    release.set_value();
}

/// An engine for which the addresses of names that begin with "dead" do not come before release().
class SilentNames {
  public:
    SilentNames() {
        EngineSettings s;
        s.loops = 1;
        s.resolve = [released = released_](const std::string& host, unsigned short,
                                           std::string& error) {
            if (host.starts_with("dead")) released.wait();
            error = "unknown";
            return std::vector<SocketAddress>{};
        };
        engine_ = std::make_unique<Engine>(s, observer_);
        EXPECT_EQ(engine_->start({}), "");
    }
    void askForDead(int count) {
        for (int i = 0; i < count; ++i) {
            ClientRequest r;
            r.url = "https://dead" + std::to_string(i) + ".example/";
            engine_->send(std::move(r), [this](const ClientResult&) { ++dead_ended_; });
        }
    }
    ClientError quick(milliseconds deadline) {
        std::promise<ClientResult> got;
        ClientRequest r;
        r.url = "https://quick.example/";
        r.deadline = deadline;
        engine_->send(std::move(r), [&](ClientResult x) { got.set_value(std::move(x)); });
        return got.get_future().get().error;
    }
    void release() { release_.set_value(); }
    [[nodiscard]] int deadEnded() const { return dead_ended_; }

  private:
    std::promise<void> release_;
    std::shared_future<void> released_ = release_.get_future().share();
    std::atomic<int> dead_ended_{0};
    Observer observer_;
    std::unique_ptr<Engine> engine_;
};

TEST(SilentNamesTest, AsManyAsAreFetchedAtOnceDoNotHoldUpOthers) {
    SilentNames names;
    constexpr int kDead = Resolver::kThreads - 1;
    names.askForDead(kDead);
    EXPECT_EQ(names.quick(milliseconds(15'000)), ClientError::Unreachable);
    EXPECT_EQ(names.deadEnded(), 0);
    names.release();
    while (names.deadEnded() != kDead) std::this_thread::yield();
}

TEST(SilentNamesTest, ALookupWhoseTurnNeverCameIsWantOfRoomAndNoTimeout) {
    SilentNames names;
    constexpr int kDead = Resolver::kThreads + 40;
    names.askForDead(kDead);
    EXPECT_EQ(names.quick(milliseconds(200)), ClientError::QueueFull);
    EXPECT_EQ(names.deadEnded(), 0);
    names.release();
    EXPECT_EQ(names.quick(milliseconds(15'000)), ClientError::Unreachable) << "it was looked up";
    while (names.deadEnded() != kDead) std::this_thread::yield();
}

}  // namespace
}  // namespace persona::host::net::testing
