#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "tests/plugins/api/api_fixture.h"
#include "tests/support/child.h"
#include "tests/support/temp_dir.h"

/// Support documents as providers, and those who are none, send them (wsapi.md 4.6, W20), and what
/// is said of assertions that prove nothing (4.2).
namespace persona::api {
namespace {

using testing::Child;

std::string typeOf(Browser& b, const std::string& email) {
    const auto json = b.get("/wsapi/address_info?email=" + email).json();
    const auto* type = json ? json->findText("type") : nullptr;
    return type == nullptr ? "no type" : *type;
}

bool isListening(unsigned short port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a.sin_port = htons(port);
    const bool is = ::connect(fd, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0;
    ::close(fd);
    return is;
}

TEST_P(Api, SupportDocumentsAreBounded) {  // W20
    auto b = browser();
    EXPECT_EQ(typeOf(b, "a@live.example"), "primary");
    for (const auto* domain : {"huge", "plain", "moved", "endless"})
        EXPECT_EQ(typeOf(b, std::string("a@") + domain + ".example"), "secondary") << domain;
    // Addresses that are no names are nobody's domain, whatever listens there.
    for (const auto* email : {"a@127.0.0.1", "a@%5B127.0.0.1%5D", "a@localhost", "a@2130706433"})
        EXPECT_EQ(b.get("/wsapi/address_info?email=" + std::string(email)).text(),
                  R"(400 {"success":false,"reason":"email: ValidatorError: Invalid email"})")
            << email;
}

TEST_P(Api, ProvidersShowACertificate) {  // W20
    const testing::TempDir dir;
    const auto& folder = dir.path();
    const auto pem = dir / "key.pem";
    ASSERT_EQ(Child::run({{"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                           "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                           "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                           pem, "-out", dir / "crt.pem"},
                          dir / "openssl.log",
                          {}},
                         std::chrono::seconds(30))
                  .code,
              0);
    // `openssl s_server -HTTP` sends the file that the path and query name, as it is.
    std::ofstream(dir / "doc?domain=tls.example") << ProviderServer::shared().document();
    const auto port = testing::freePort();
    const Child server(
        {{"sh", "-c",
          "cd " + folder + " && exec openssl s_server -quiet -HTTP -accept 127.0.0.1:" +
              std::to_string(port) + " -cert crt.pem -key key.pem"},
         dir / "s_server.log",
         {}});
    for (int i = 0; i < 400 && !isListening(port); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(25));
    for (const bool trusted : {false, true}) {
        ServiceOptions options;
        options.common = {"disable_primary_support: false", "http_proxy: \"http://127.0.0.1:1\"",
                          "discovery_overrides: {tls.example: \"https://127.0.0.1:" +
                              std::to_string(port) + "/doc\"}"};
        if (trusted) options.top = {"outbound: {ca_file: " + (dir / "crt.pem") + "}"};
        startWith(std::move(options));
        auto b = browser();
        EXPECT_EQ(typeOf(b, "a@tls.example"), trusted ? "primary" : "secondary")
            << "trusted: " << trusted;
    }
}

TEST_P(Api, AssertionsThatProveNothingSayWhy) {
    auto& providers = ProviderServer::shared();
    auto b = browser();
    signUp(b, fresh());
    // To whom wants to sign in, and to whom wants one more address.
    const auto why = [&](const std::string& bundle) {
        const auto argument = R"("assertion":")" + bundle + "\"";
        const auto added = b.post("add_email_with_assertion", "{" + argument + "}");
        const auto signed_in =
            b.post("auth_with_assertion", R"({"ephemeral":false,)" + argument + "}");
        EXPECT_EQ(added.text(), signed_in.text());
        return reasonOf(signed_in);
    };
    const auto good = providers.assertion("a@live.example", service().url());
    const auto tilde = good.find('~');
    EXPECT_EQ(why(std::string(60, 'x')), "no certificates provided");
    EXPECT_EQ(why(good.substr(0, tilde) + "~" + good), "certificate chaining is not yet allowed");
    EXPECT_EQ(why("x" + std::string(60, 'y') + "~" + good.substr(tilde + 1)),
              "malformed signature");
    auto tampered = good;
    tampered[tilde - 3] = tampered[tilde - 3] == 'A' ? 'B' : 'A';
    EXPECT_EQ(why(tampered), "bad signature in chain");
    EXPECT_EQ(why(providers.assertion("a b@live.example", service().url())), "invalid email");
    EXPECT_EQ(why(providers.assertion("a@live.example", "https://other.example")),
              "can't log in with an assertion for 'https://other.example'");
    EXPECT_EQ(why(providers.assertion("x@nowhere.example", service().url())),
              "issuer 'live.example' may not speak for emails from 'nowhere.example'");
    const auto elsewhere =
        why(providers.assertion("a@nowhere.example", service().url(), "nowhere.example"));
    EXPECT_EQ(elsewhere.find("can't get public key for nowhere.example"), 0U) << elsewhere;
    start(std::vector<std::string>{});  // without support for primaries
    b = browser();
    signUp(b, fresh());
    EXPECT_EQ(why(providers.assertion("a@live.example", service().url())),
              "primary support disabled");
}

}  // namespace
}  // namespace persona::api
