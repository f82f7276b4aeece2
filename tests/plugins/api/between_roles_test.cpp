#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "libs/wsapi/credentials.h"
#include "libs/wsapi/endpoints.h"
#include "tests/plugins/api/api_fixture.h"

/// Calls between roles (wsapi.md 4.4 and Decisions, W28, W34): who may, what they answer, and what
/// the router tells a role of who asks.
namespace persona::api {
namespace {

/// Answers one connection with 200 and keeps the head that came.
class OneAnswer {
  public:
    explicit OneAnswer(unsigned short port)
        : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in a{};
        a.sin_family = AF_INET;
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        a.sin_port = htons(port);
        const int one = 1;
        ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&a), sizeof a), 0);
        EXPECT_EQ(::listen(fd_, 4), 0);
        const timeval limit{20, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        thread_ = std::thread([this] {
            const int c = ::accept(fd_, nullptr, nullptr);
            char piece[4'096];
            for (ssize_t n = 1; n > 0 && head.find("\r\n\r\n") == std::string::npos;) {
                n = ::recv(c, piece, sizeof piece, 0);
                head.append(piece, static_cast<std::size_t>(n < 0 ? 0 : n));
            }
            const std::string out = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            (void)!::send(c, out.data(), out.size(), MSG_NOSIGNAL);
            ::close(c);
        });
    }
    ~OneAnswer() {
        wait();
        ::close(fd_);
    }
    OneAnswer(const OneAnswer&) = delete;
    OneAnswer& operator=(const OneAnswer&) = delete;
    void wait() {
        if (thread_.joinable()) thread_.join();
    }
    std::string head;

  private:
    int fd_;
    std::thread thread_;
};

TEST_P(Api, WhoAsksIsWhatTheRouterFound) {  // W28
    start(std::vector<std::string>{});
    const auto secret = wsapi::loadOrCreateKeyRing(service().dir() + "/s/roles");
    ASSERT_TRUE(secret);
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    const std::string body = R"({"domain":"idp.example"})";
    std::vector<std::pair<std::string, std::string>> fields{{"Content-Type", "application/json"}};
    for (auto& f : wsapi::CredentialSigner(*secret, "browserid")
                       .sign({"dbwriter", "POST", "/wsapi/saw_idp", body}, now))
        fields.push_back(f);
    EXPECT_EQ(browser().send("POST", "/wsapi/saw_idp", body, fields).text(), "404 Not Found")
        << "credentials from outside are none";
    if (std::get<0>(GetParam()) != Shape::Split) return;
    service().kill("browserid");
    OneAnswer role(service().port("browserid"));
    fields.insert(fields.end(), {{"X-Forwarded-For", "203.0.113.9"},
                                 {"X-Real-IP", "203.0.113.9"},
                                 {"X-Request-Id", "chosen-by-the-client"},
                                 {"BID-AA-Ask", "untrusted"},
                                 {"BID-AA-Outcome", "auth_ok"}});
    for (int i = 0; i < 400 && browser().send("GET", "/wsapi/ping", "", fields).status != 200; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(25));
    role.wait();
    std::string head = role.head;
    for (auto& c : head) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    EXPECT_NE(head.find("\r\nx-forwarded-for: 127.0.0.1\r\n"), std::string::npos) << head;
    EXPECT_NE(head.find("\r\nx-request-id: "), std::string::npos) << head;
    for (const auto* ours : {"203.0.113.9", "chosen-by-the-client", "x-persona-", "bid-aa-outcome",
                             "bid-aa-ask: untrusted"})
        EXPECT_EQ(head.find(ours), std::string::npos) << ours << " in " << head;
}

TEST_P(Api, RolesTakeEveryInternalCallOfRolesAlone) {
    Browser direct(service().port("dbwriter"));
    int internal = 0;
    for (const auto& e : wsapi::endpoints()) {
        if (!e.internal()) continue;
        ++internal;
        EXPECT_EQ(direct
                      .send("POST", "/wsapi/" + std::string(e.name), "{}",
                            {{"Content-Type", "application/json"}})
                      .text(),
                  "403 Forbidden: only roles of this service may call this")
            << e.name;
    }
    EXPECT_EQ(internal, 6);
}

TEST_P(Api, RolesAreAnsweredAboutAccounts) {
    auto owner = browser();
    const auto email = fresh();
    signUp(owner, email);
    const auto id =
        std::to_string(static_cast<std::int64_t>(owner.context().find("userid")->number()));
    const auto ask = [&](const std::string& call, const std::string& json) {
        return service().callRole("dbwriter", call, json).text();
    };
    const auto used = [&](const std::string& as) {
        return ask("user_used_email_as", R"({"userid":)" + id + R"(,"email":")" + email +
                                             R"(","used_as":")" + as + "\"}");
    };
    EXPECT_EQ(used("primary"), kOk);
    EXPECT_EQ(addressInfo(owner, email), "transition_to_secondary");
    EXPECT_EQ(used("secondary"), kOk);
    EXPECT_EQ(addressInfo(owner, email), "known");
    const auto primary = fresh("pam", "live.example");
    const auto made = ask(
        "create_account_with_assertion",
        R"({"assertion":")" + ProviderServer::shared().assertion(primary, service().url()) + "\"}");
    EXPECT_EQ(made.find(R"(200 {"success":true,"userid":)"), 0U) << made;
    // Thirty tries a day (login.daily_tries); a hash that is not the account's gives none back.
    const auto reserve = [&] {
        return ask("increment_failed_auth_tries", R"({"userid":)" + id + "}");
    };
    for (int i = 0; i < 30; ++i) EXPECT_EQ(reserve(), kOk) << i;
    EXPECT_EQ(reserve(), R"(200 {"success":false,"reason":"locked"})");
    EXPECT_EQ(ask("reset_failed_auth_tries", R"({"userid":)" + id + R"(,"hash":"another"})"),
              R"(200 {"success":false})");
    const auto hash = sql("SELECT password_hash FROM account WHERE id = " + id);
    const auto reset = ask("reset_failed_auth_tries", R"({"userid":)" + id + R"(,"hash":")" +
                                                          hash.substr(0, hash.find('\n')) + "\"}");
    EXPECT_EQ(reset.find(R"(200 {"success":true,"epoch":)"), 0U) << reset;
    EXPECT_EQ(reserve(), kOk);
}

TEST_P(Api, ProvidersAreNotedOnceAnHour) {  // W34
    start(ProviderServer::shared().configuration());
    const auto noted = [&] { return service().counters("dbwriter")["wsapi.saw_idp"]; };
    const auto seen = [&] { return sql("SELECT last_seen_ms FROM idp ORDER BY domain"); };
    auto b = browser();
    EXPECT_EQ(addressInfo(b, "a@live.example"), "unknown");
    for (int i = 0; i < 400 && seen().empty(); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(25));
    const auto first = seen();
    EXPECT_FALSE(first.empty());
    for (int i = 0; i < 20; ++i) EXPECT_EQ(addressInfo(b, fresh("x", "live.example")), "unknown");
    EXPECT_EQ(noted(), 1);
    // Whoever asks: a role that says so again within the hour changes nothing.
    EXPECT_EQ(service().callRole("dbwriter", "saw_idp", R"({"domain":"live.example"})").text(),
              kOk);
    EXPECT_EQ(seen(), first);
}

}  // namespace
}  // namespace persona::api
