#include "host/net/forwarded.h"

#include "tests/host/net/net_fixture.h"

/// Whose word is taken for where a request comes from.
namespace persona::host::net::testing {
namespace {

using Header = ForwardedHeader;

ClientFinding find(const std::vector<std::pair<std::string, std::string>>& fields, Header header,
                   const std::vector<std::string>& trusted = {"10.0.0.0/8", "fd00::/8"}) {
    Fields f;
    for (const auto& [n, v] : fields) f.add(n, v);
    std::vector<Cidr> nets;
    for (const auto& t : trusted) {
        nets.emplace_back();
        EXPECT_TRUE(Cidr::parse(t, nets.back()));
    }
    return findClient(f, header, nets);
}

TEST(Forwarded, TheRightmostHopThatIsNotOurs) {
    struct Case {
        std::vector<std::pair<std::string, std::string>> fields;
        Header header;
        const char* address;
    };
    const std::vector<Case> cases{
        {{}, Header::XForwardedFor, ""},
        {{{"X-Forwarded-For", "1.2.3.4"}}, Header::XForwardedFor, "1.2.3.4"},
        {{{"X-Forwarded-For", "6.6.6.6, 1.2.3.4"}}, Header::XForwardedFor, "1.2.3.4"},
        {{{"X-Forwarded-For", "6.6.6.6, 1.2.3.4, 10.1.1.1"}}, Header::XForwardedFor, "1.2.3.4"},
        {{{"X-Forwarded-For", "6.6.6.6"}, {"X-Forwarded-For", "1.2.3.4,10.1.1.1"}},
         Header::XForwardedFor,
         "1.2.3.4"},
        {{{"X-Forwarded-For", "1.2.3.4"}, {"X-Forwarded-For", "10.1.1.1"}},
         Header::XForwardedFor,
         "1.2.3.4"},
        {{{"X-Forwarded-For", "10.2.2.2, 10.1.1.1"}}, Header::XForwardedFor, "10.2.2.2"},
        {{{"X-Forwarded-For", "6.6.6.6, nonsense"}}, Header::XForwardedFor, ""},
        {{{"X-Forwarded-For", "6.6.6.6, nonsense, 10.1.1.1"}}, Header::XForwardedFor, "10.1.1.1"},
        {{{"X-Forwarded-For", ""}}, Header::XForwardedFor, ""},
        {{{"X-Forwarded-For", "6.6.6.6,,"}}, Header::XForwardedFor, ""},
        {{{"X-Forwarded-For", "1.2.3.4:5678"}}, Header::XForwardedFor, "1.2.3.4"},
        {{{"X-Forwarded-For", "[2001:db8::7]:5678"}}, Header::XForwardedFor, "2001:db8::7"},
        {{{"X-Forwarded-For", "2001:db8::7"}}, Header::XForwardedFor, "2001:db8::7"},
        {{{"X-Forwarded-For", "2001:db8::7, fd00::1"}}, Header::XForwardedFor, "2001:db8::7"},
        {{{"X-Forwarded-For", "[2001:db8::7"}}, Header::XForwardedFor, ""},
        {{{"X-Forwarded-For", "::ffff:10.1.1.1"}}, Header::XForwardedFor, "::ffff:10.1.1.1"},
        // The other field is the client's own: nobody in front of us writes it.
        {{{"Forwarded", "for=6.6.6.6"}, {"X-Forwarded-For", "1.2.3.4"}},
         Header::XForwardedFor,
         "1.2.3.4"},
        {{{"Forwarded", "for=6.6.6.6"}}, Header::XForwardedFor, ""},
        {{{"Forwarded", "for=1.2.3.4"}, {"X-Forwarded-For", "6.6.6.6"}},
         Header::Forwarded,
         "1.2.3.4"},
        {{{"Forwarded", "for=6.6.6.6, for=1.2.3.4;proto=https;by=10.1.1.1"}},
         Header::Forwarded,
         "1.2.3.4"},
        {{{"Forwarded", "FOR = \"[2001:db8::7]:80\""}}, Header::Forwarded, "2001:db8::7"},
        {{{"Forwarded", "for=\"6.6.6.6, for=1.2.3.4"}}, Header::Forwarded, "1.2.3.4"},
        {{{"Forwarded", "for=unknown"}}, Header::Forwarded, ""},
        {{{"Forwarded", "for=_hidden, for=10.1.1.1"}}, Header::Forwarded, "10.1.1.1"},
        {{{"Forwarded", "proto=https"}}, Header::Forwarded, ""},
    };
    for (const auto& c : cases) {
        std::string text;
        for (const auto& [n, v] : c.fields) text += n + ": " + v + "\n";
        EXPECT_EQ(find(c.fields, c.header).address, c.address) << text;
    }
}

TEST(Forwarded, TheSchemeIsTheNearestProxys) {
    EXPECT_EQ(find({{"X-Forwarded-Proto", "https"}}, Header::XForwardedFor).scheme, "https");
    EXPECT_EQ(find({{"X-Forwarded-Proto", "http, HTTPS"}}, Header::XForwardedFor).scheme, "https");
    EXPECT_EQ(
        find({{"X-Forwarded-Proto", "http"}, {"X-Forwarded-Proto", "https"}}, Header::XForwardedFor)
            .scheme,
        "https");
    EXPECT_EQ(find({{"X-Forwarded-Proto", "gopher"}}, Header::XForwardedFor).scheme, "");
    EXPECT_EQ(find({{"X-Forwarded-Proto", "https"}}, Header::Forwarded).scheme, "");
    EXPECT_EQ(
        find({{"Forwarded", "for=6.6.6.6;proto=http, for=1.2.3.4;proto=https"}}, Header::Forwarded)
            .scheme,
        "https");
}

/// Says what the engine found.
std::shared_ptr<TestService> reporter() {
    return std::make_shared<TestService>([](const ExchangePtr& e) {
        e->respond(okHead(), e->client_address + " " + e->peer_address + " " + e->scheme);
    });
}

TEST(Forwarded, OnlyConfiguredPeersAreBelieved) {
    const auto request = get("/", "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n");
    const auto ask = [&](std::vector<std::string> trusted) {
        EngineUnderTest e(reporter(),
                          [&](EngineSettings& s) { s.listeners[0].trusted_proxies = trusted; });
        RawClient client(e.port());
        client.send(request);
        return bodyOf(client.readAll());
    };
    EXPECT_EQ(ask({}), "127.0.0.1 127.0.0.1 http");
    EXPECT_EQ(ask({"10.0.0.0/8"}), "127.0.0.1 127.0.0.1 http");
    EXPECT_EQ(ask({"unix"}), "127.0.0.1 127.0.0.1 http");
    EXPECT_EQ(ask({"127.0.0.0/8"}), "1.2.3.4 127.0.0.1 https");
}

}  // namespace
}  // namespace persona::host::net::testing
