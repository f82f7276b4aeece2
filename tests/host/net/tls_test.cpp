#include <openssl/ssl.h>

#include <csignal>

#include "tests/host/net/net_fixture.h"
#include "tests/host/net/test_ca.h"
#include "tests/host/net/tls_client.h"

/// TLS on both sides: who is let in, who is believed, and what an end of stream means.
namespace persona::host::net::testing {
namespace {

class Tls : public ::testing::Test {
  protected:
    static void SetUpTestSuite() { ::signal(SIGPIPE, SIG_IGN); }
    void SetUp() override { leaf_ = ca_.issue({"IP:127.0.0.1"}); }
    std::function<void(EngineSettings&)> server(bool mutual = false) {
        return [this, mutual](EngineSettings& s) {
            s.listeners[0].tls =
                TlsServerSettings{leaf_.certificate, leaf_.key, mutual ? ca_.ca_file : ""};
        };
    }
    std::function<void(EngineSettings&)> client(const std::string& name = "",
                                                bool with_certificate = false) {
        return [this, name, with_certificate](EngineSettings& s) {
            TlsClientSettings t;
            t.ca_file = ca_.ca_file;
            t.server_name = name;
            if (with_certificate) {
                t.certificate_file = client_.certificate;
                t.key_file = client_.key;
            }
            s.upstreams[0].tls = t;
        };
    }
    static std::string url(const EngineUnderTest& e) {
        return "https://127.0.0.1:" + std::to_string(e.port());
    }
    /// What a relay to `back` answers.
    std::string relayed(const EngineUnderTest& back,
                        const std::function<void(EngineSettings&)>& change, std::string& why) {
        RelayUnderTest relay({url(back)}, change);
        auto answer = relay.ask(get("/x"));
        for (const auto* reason : {"certificate", "alert", "hostname", "IP address", "expired"})
            if (relay.front.observer.logged(reason)) why += std::string(reason) + " ";
        return answer;
    }
    TestCa ca_;
    TestCa::Files leaf_, client_;
};

TEST_F(Tls, ServesTheVersionsThatAreStillSound) {
    EngineUnderTest e(plainEcho(), server());
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        TlsClient c(e.port(), {version, "", ""});
        ASSERT_TRUE(c.connected()) << version;
        EXPECT_EQ(c.version(), version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
        EXPECT_EQ(statusOf(c.ask(get("/"))), 200u);
        EXPECT_TRUE(c.endedCleanly());
    }
    for (const int version : {TLS1_VERSION, TLS1_1_VERSION})
        EXPECT_FALSE(TlsClient(e.port(), {version, "", ""}).connected()) << version;
    EXPECT_TRUE(e.observer.awaitCount("engine.tls.handshake_failed", 2));
    EXPECT_TRUE(e.observer.logged("TLS handshake"));
}

TEST_F(Tls, LargeBodiesBothWays) {
    EngineUnderTest back(plainEcho(), server());
    RelayUnderTest relay({url(back)}, [this](EngineSettings& s) {
        client()(s);
        server()(s);
        limitsOf(s).body_bytes = 8 << 20;
    });
    std::string body(3 << 20, '\0');
    for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + i * 7 % 26);
    TlsClient c(relay.front.port());
    ASSERT_TRUE(c.connected());
    const auto answer =
        c.ask(post("Content-Length: " + std::to_string(body.size()) + "\r\n", body));
    EXPECT_TRUE(bodyOf(answer) == body) << answer.size();
}

TEST_F(Tls, NoRenegotiation) {
    EngineUnderTest e(plainEcho(), server());
    TlsClient c(e.port(), {TLS1_2_VERSION, "", ""});
    ASSERT_TRUE(c.connected());
    EXPECT_FALSE(c.renegotiate());
}

TEST_F(Tls, PlainTextOnATlsPortIsRefused) {
    EngineUnderTest e(plainEcho(), server());
    RawClient c(e.port());
    c.send(get("/"));
    EXPECT_EQ(c.readAll().find("HTTP/1.1 200"), std::string::npos);
    EXPECT_TRUE(e.observer.awaitCount("engine.tls.handshake_failed", 1));
}

TEST_F(Tls, AHandshakeThatStallsMeetsTheHeaderDeadline) {
    EngineUnderTest e(plainEcho(), [this](EngineSettings& s) {
        server()(s);
        limitsOf(s).header_deadline = milliseconds(150);
    });
    RawClient c(e.port());
    c.send("\x16\x03\x01");
    EXPECT_TRUE(c.closedByPeer());
    EXPECT_EQ(e.observer.counted("engine.limit.header_deadline"), 1u);
}

TEST_F(Tls, CertificatesAreReadAgainWithoutARestart) {
    EngineUnderTest e(plainEcho(), server());
    TlsClient before(e.port());
    const auto fresh = ca_.issue({"IP:127.0.0.1"});
    std::filesystem::rename(fresh.certificate, leaf_.certificate);
    std::filesystem::rename(fresh.key, leaf_.key);
    EXPECT_EQ(TlsClient(e.port()).serial(), before.serial());
    EXPECT_EQ(e.engine->reloadTls(), "");
    TlsClient after(e.port());
    EXPECT_GT(after.serial(), before.serial());
    EXPECT_EQ(statusOf(after.ask(get("/"))), 200u);
    EXPECT_EQ(statusOf(before.ask(get("/"))), 200u);  // who is connected stays so
    // A broken file changes nothing, and is named.
    std::FILE* f = std::fopen(leaf_.certificate.c_str(), "w");
    std::fputs("not a certificate", f);
    std::fclose(f);
    const auto error = e.engine->reloadTls();
    EXPECT_NE(error.find(leaf_.certificate), std::string::npos) << error;
    EXPECT_EQ(TlsClient(e.port()).serial(), after.serial());
}

TEST_F(Tls, AKeyOfAnotherCertificateIsRefusedAtStart) {
    client_ = ca_.issue({"DNS:client"});
    Observer observer;
    EngineSettings s;
    s.loops = 1;
    ListenerSettings l;
    l.name = "main";
    l.address = "127.0.0.1:0";
    l.service = "test";
    l.tls = TlsServerSettings{leaf_.certificate, client_.key, ""};
    s.listeners.push_back(l);
    Engine engine(s, observer);
    const auto error = engine.start({{"test", plainEcho()}});
    EXPECT_NE(error.find(client_.key), std::string::npos) << error;
}

TEST_F(Tls, TheUpstreamMustBeWhoItIsSaidToBe) {
    std::string why;
    {
        EngineUnderTest back(plainEcho(), server());
        EXPECT_EQ(statusOf(relayed(back, client(), why)), 200u);
        EXPECT_EQ(why, "");
        EXPECT_EQ(statusOf(relayed(back, client("other.example"), why)), 502u);
        EXPECT_NE(why.find("hostname"), std::string::npos) << why;
        // Without our authority, the system's store does not know the certificate.
        const auto unknown = relayed(
            back, [](EngineSettings& s) { s.upstreams[0].tls = TlsClientSettings{}; }, why = "");
        EXPECT_EQ(statusOf(unknown), 502u);
        EXPECT_NE(why.find("certificate"), std::string::npos) << why;
    }
    leaf_ = ca_.issue({"DNS:role.example"});
    {
        EngineUnderTest back(plainEcho(), server());
        EXPECT_EQ(statusOf(relayed(back, client("role.example"), why = "")), 200u);
        EXPECT_EQ(statusOf(relayed(back, client(), why)), 502u);
        EXPECT_NE(why.find("IP address"), std::string::npos) << why;
    }
    leaf_ = ca_.issue({"IP:127.0.0.1"}, -7200, -3600);
    {
        EngineUnderTest back(plainEcho(), server());
        EXPECT_EQ(statusOf(relayed(back, client(), why = "")), 502u);
        EXPECT_NE(why.find("expired"), std::string::npos) << why;
    }
}

TEST_F(Tls, RolesCanShowEachOtherCertificates) {
    client_ = ca_.issue({"DNS:router"});
    EngineUnderTest back(plainEcho(), server(true));
    std::string why;
    EXPECT_EQ(statusOf(relayed(back, client("", true), why)), 200u);
    EXPECT_EQ(statusOf(relayed(back, client(), why)), 502u);
    TestCa stranger;
    const auto theirs = stranger.issue({"DNS:router"});
    EXPECT_EQ(statusOf(relayed(
                  back,
                  [&](EngineSettings& s) {
                      client()(s);
                      s.upstreams[0].tls->certificate_file = theirs.certificate;
                      s.upstreams[0].tls->key_file = theirs.key;
                  },
                  why)),
              502u);
    EXPECT_TRUE(back.observer.awaitCount("engine.tls.handshake_failed", 2));
}

/// Speaks TLS as an upstream, sends an answer that the end of the stream ends, and ends with or
/// without close_notify.
void answerUntilClose(SSL_CTX* context, RawClient& peer, bool clean) {
    SSL* ssl = ::SSL_new(context);
    ::SSL_set_fd(ssl, peer.fd());
    if (::SSL_accept(ssl) == 1) {
        char buffer[4096];
        ::SSL_read(ssl, buffer, sizeof buffer);
        static constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\n\r\npart";
        ::SSL_write(ssl, kAnswer.data(), static_cast<int>(kAnswer.size()));
        if (clean) ::SSL_shutdown(ssl);
    }
    peer.shutdownWrite();
    ::SSL_free(ssl);
}

TEST_F(Tls, AnAnswerThatTheNetworkCutsIsNotTakenForWhole) {
    SSL_CTX* context = ::SSL_CTX_new(::TLS_server_method());
    ::SSL_CTX_use_certificate_chain_file(context, leaf_.certificate.c_str());
    ::SSL_CTX_use_PrivateKey_file(context, leaf_.key.c_str(), SSL_FILETYPE_PEM);
    for (const bool clean : {true, false}) {
        RawUpstream back([&](RawClient& peer, int) { answerUntilClose(context, peer, clean); });
        RelayUnderTest relay({"https://127.0.0.1:" + std::to_string(back.port())}, client());
        const auto answer = relay.ask(get("/"));
        EXPECT_EQ(answer.ends_with("0\r\n\r\n"), clean) << answer;
        EXPECT_EQ(relay.front.observer.counted("engine.upstream.closed"), clean ? 0u : 1u);
    }
    ::SSL_CTX_free(context);
}

}  // namespace
}  // namespace persona::host::net::testing
