#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <set>
#include <thread>

#include "tests/plugins/api/api_fixture.h"

/// Mails as their readers have them: links, notices, a full queue; and the security log by syslog.
namespace persona::api {
namespace {

/// Quoted-printable undone; what is none (the boundaries of parts) stays.
std::string decoded(const std::string& mail) {
    const auto digit = [&](std::size_t at) {
        return at < mail.size() &&
               std::string_view("0123456789ABCDEF").find(mail[at]) != std::string_view::npos;
    };
    std::string out;
    for (std::size_t i = 0; i < mail.size(); ++i) {
        if (mail.compare(i, 3, "=\r\n") == 0) {
            i += 2;
        } else if (mail[i] == '=' && digit(i + 1) && digit(i + 2)) {
            out.push_back(static_cast<char>(std::stoi(mail.substr(i + 1, 2), nullptr, 16)));
            i += 2;
        } else {
            out.push_back(mail[i]);
        }
    }
    return out;
}

/// Paths and queries of the links to the service itself.
std::set<std::string> linksOf(const std::string& mail, const std::string& url) {
    const auto head = mail.find("\r\n\r\n");
    const auto text = decoded(mail.substr(head == std::string::npos ? 0 : head));
    std::set<std::string> out;
    for (auto at = text.find(url + "/"); at != std::string::npos; at = text.find(url + "/", at)) {
        at += url.size();
        out.insert(text.substr(at, text.find_first_of(" \r\n\"<>", at) - at));
    }
    return out;
}

/// The newest mail with that subject to that address; waits for it.
std::string awaitMail(const Service& s, const std::string& to, const std::string& subject) {
    for (int i = 0; i < 400; ++i) {
        const auto all = s.mails(to);
        for (auto mail = all.rbegin(); mail != all.rend(); ++mail)
            if (mail->find("Subject: Persona: " + subject) != std::string::npos) return *mail;
        std::this_thread::sleep_for(std::chrono::milliseconds(25));
    }
    ADD_FAILURE() << "no mail '" << subject << "' to " << to;
    return "";
}

std::string notMeOf(const std::string& mail, const std::string& url) {
    for (const auto& link : linksOf(mail, url))
        if (link.starts_with("/not_me?token=")) return link.substr(14);
    return "";
}

TEST_P(Api, EveryLinkOfEveryMailLeadsToAPage) {
    auto owner = browser(), b = browser();
    const auto email = fresh(), second = fresh("second");
    const auto site = R"(","site":"https://site.example")";
    signUp(owner, email);
    EXPECT_EQ(owner.post("stage_email", R"({"email":")" + second + site + "}").text(), kOk);
    EXPECT_EQ(b.post("stage_reset", R"({"email":")" + email + site + "}").text(), kOk);
    EXPECT_FALSE(token(email, 2).empty());
    EXPECT_EQ(b.post("stage_transition", R"({"email":")" + email + site + R"(,"pass":"password3"})")
                  .text(),
              kOk);
    EXPECT_FALSE(token(email, 3).empty());
    EXPECT_EQ(b.post("stage_unblock", R"({"email":")" + email + "\"}").text(), kOk);
    EXPECT_FALSE(token(email, 4).empty());
    EXPECT_EQ(
        owner.post("update_password", R"({"oldpass":"password1","newpass":"password2"})").text(),
        kOk);
    (void)awaitMail(service(), email, "Your password was changed");
    std::set<std::string> pages;
    for (const auto& address : {email, second})
        for (const auto& mail : service().mails(address))
            for (const auto& link : linksOf(mail, service().url())) {
                pages.insert(link.substr(0, link.find('?')));
                for (const auto* language : {"en", "de", "es", "fr", "pt", "ja", "ar"}) {
                    const auto page = b.send("GET", link, "", {{"Accept-Language", language}});
                    EXPECT_EQ(page.status, 200u) << link;
                    EXPECT_TRUE(page.header("content-type").starts_with("text/html")) << link;
                }
            }
    EXPECT_EQ(pages,
              (std::set<std::string>{"/about", "/complete_transition", "/confirm", "/not_me",
                                     "/reset_password", "/unblock", "/verify_email_address"}));
    // Pages were looked at, nothing was consumed.
    EXPECT_EQ(tokenCall(b, "complete_unblock", token(email, 4)).text(), kOk);
}

TEST_P(Api, AChangedPasswordIsToldToEveryProvenAddress) {
    auto owner = browser();
    const auto email = fresh(), second = fresh("second");
    signUp(owner, email);
    EXPECT_EQ(
        owner.post("stage_email", R"({"email":")" + second + R"(","site":"https://site.example"})")
            .text(),
        kOk);
    EXPECT_EQ(tokenCall(owner, "complete_email_confirmation", token(second)).text(), kOk);
    // The same password again is no change.
    EXPECT_EQ(
        owner.post("update_password", R"({"oldpass":"password1","newpass":"password1"})").text(),
        kOk);
    auto thief = browser();
    EXPECT_EQ(signIn(thief, email).status, 200u);
    EXPECT_EQ(
        thief.post("update_password", R"({"oldpass":"password1","newpass":"password9"})").text(),
        kOk);
    (void)awaitMail(service(), email, "Your password was changed");
    const auto mail = awaitMail(service(), second, "Your password was changed");
    EXPECT_EQ(service().mails(second).size(), 2U) << "one for the change";
    EXPECT_TRUE(thief.context().find("authenticated")->boolean());
    auto b = browser();
    EXPECT_EQ(tokenCall(b, "report_not_me", notMeOf(mail, service().url())).text(), kOk);
    EXPECT_FALSE(thief.context().find("authenticated")->boolean()) << "the link ends sessions";

    // A reset un-verifies the other address; its owner hears of it all the same.
    EXPECT_EQ(
        b.post("stage_reset", R"({"email":")" + email + R"(","site":"https://s.example"})").text(),
        kOk);
    EXPECT_EQ(tokenCall(b, "complete_reset", token(email, 2), "password5").text(), kOk);
    for (int i = 0; i < 400 && service().mails(second).size() < 3; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(25));
    EXPECT_EQ(service().mails(second).size(), 3U);
}

TEST_P(Api, WhoLosesAnAddressOrAnAccountIsTold) {
    auto first = browser(), next = browser();
    const auto email = fresh(), kept = fresh("kept");
    signUp(first, email);
    signUp(next, kept);
    EXPECT_EQ(
        next.post("stage_email", R"({"email":")" + email + R"(","site":"https://site.example"})")
            .text(),
        kOk);
    EXPECT_EQ(tokenCall(next, "complete_email_confirmation", token(email, 2)).text(), kOk);
    (void)awaitMail(service(), email, "Your address moved to another account");
    EXPECT_EQ(next.post("account_cancel").text(), kOk);
    for (const auto& address : {email, kept}) {
        const auto mail = awaitMail(service(), address, "Your account was closed");
        EXPECT_EQ(notMeOf(mail, service().url()), "") << "there is nothing left to end";
    }
}

TEST_P(Api, AFullMailQueueDoesNotAnswerSuccess) {
    // A server that nobody runs: the queue drains nowhere.
    const auto port = std::to_string(testing::freePort());
    start({"mail: {transport: smtp, directory: " + std::string("/tmp/persona-queue-") + port +
               ", max_queued: 1, daily_cap: 0}",
           "smtp: {host: 127.0.0.1, port: " + port + "}"});
    auto b = browser();
    const auto taken = fresh(), refused = fresh();
    EXPECT_EQ(stage(b, taken).text(), kOk);
    const auto r = stage(b, refused);
    EXPECT_EQ(r.text(), "503 Service Unavailable: server is too busy");
    EXPECT_FALSE(r.header("retry-after").empty());
    EXPECT_EQ(status(b, "user_creation_status", refused), "mustAuth") << "nothing is pending";
    for (const auto& email : {taken, refused}) {
        EXPECT_EQ(b.post("stage_unblock", R"({"email":")" + email + "\"}").status, 503u);
        EXPECT_EQ(
            b.post("stage_reset", R"({"email":")" + email + R"(","site":"https://site.example"})")
                .status,
            503u)
            << "the same for all: nobody learns who has an account";
    }
    EXPECT_TRUE(service().logHas("cef.LOAD_HIGH: No room for mail"));
    own_.reset();
    std::filesystem::remove_all("/tmp/persona-queue-" + port);
}

TEST_P(Api, SecurityEventsGoToSyslog) {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof a;
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&a), sizeof a), 0);
    ASSERT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&a), &size), 0);
    const timeval limit{20, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    start({"cef: {syslog_host: 127.0.0.1, syslog_port: " + std::to_string(ntohs(a.sin_port)) +
           ", product: persona}"});
    const auto next = [&] {
        std::string got(2'000, '\0');
        const auto n = ::recv(fd, got.data(), got.size(), 0);
        got.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
        return got;
    };
    auto b = browser();
    b.fields = {{"User-Agent", "Agent/1"}};
    const auto email = fresh();
    signUp(b, email);
    (void)signIn(b, email, "password2");
    EXPECT_NE(next().find("CEF:0|Mozilla|persona|0.1|AUTH_FAILURE|User authentication failed|6|"
                          "request=/wsapi/authenticate_user requestMethod=POST "
                          "requestContext=Agent/1 dhost=127.0.0.1"),
              std::string::npos);
    EXPECT_EQ(b.post("account_cancel").text(), kOk);
    const auto cancelled = next();
    EXPECT_NE(cancelled.find("|ACCOUNT_CANCEL|Canceled user account|6|"), std::string::npos)
        << cancelled;
    EXPECT_EQ(cancelled.find(email), std::string::npos);
    ::close(fd);
}

}  // namespace
}  // namespace persona::api
