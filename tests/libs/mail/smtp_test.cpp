#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "libs/mail/smtp_session.h"
#include "tests/libs/mail/smtp_fixture.h"

/// Against Debian's aiosmtpd, faults and all.
namespace persona::mail {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::size_t filesIn(const std::string& directory) {
    std::size_t out = 0;
    for ([[maybe_unused]] const auto& item : std::filesystem::directory_iterator(directory)) ++out;
    return out;
}

class Smtp : public ::testing::Test {
  protected:
    void start(const std::vector<std::string>& flags = {}) {
        server_ = std::make_unique<SmtpServer>(dir_ / "taken", flags);
        options_ = smtpOptions(dir_ / "queue", server_->port());
    }
    Sender& sender() {
        if (!sender_) {
            auto made = makeSender(options_, log_.environment());
            EXPECT_TRUE(made) << made.error();
            sender_ = std::move(*made);
        }
        return *sender_;
    }
    void send(const std::string& local_part) {
        const auto id = sender().send(messageTo(local_part));
        EXPECT_TRUE(id) << id.error();
    }
    [[nodiscard]] bool delivered(std::uint64_t count) {
        return eventually([&] { return sender().counts().delivered == count; }) &&
               sender().counts().queued == 0;
    }
    /// Key and certificate for 127.0.0.1 or another name, in one PEM file.
    std::string certificate(const std::string& name) {
        auto file = dir_ / (name + ".pem");
        const auto made = Child::run(
            {{"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
              "/CN=" + name, "-addext",
              "subjectAltName=" + std::string(name == "127.0.0.1" ? "IP:" : "DNS:") + name,
              "-keyout", file, "-out", file + ".crt"},
             dir_ / "openssl.log",
             {}},
            kLimit);
        EXPECT_EQ(made.code, 0) << readText(dir_ / "openssl.log");
        std::ofstream(file, std::ios::app) << readText(file + ".crt");
        return file;
    }

    TempDir dir_;
    LogLines log_;
    std::unique_ptr<SmtpServer> server_;
    Options options_;
    std::unique_ptr<Sender> sender_;
};

TEST_F(Smtp, WhatArrivesIsWhatWasComposed) {
    start();
    const auto id = sender().send(messageTo("alice"));
    ASSERT_TRUE(id);
    ASSERT_TRUE(delivered(1));
    const auto mails = server_->taken();
    ASSERT_EQ(mails.size(), 1U);
    EXPECT_EQ(*mails[0].findText("from"), "no-reply@persona.org");
    EXPECT_EQ(*mails[0].findText("to"), "alice@mail.example");
    EXPECT_EQ(*mails[0].findText("id"), *id);
    EXPECT_THAT(*mails[0].findText("octets"), HasSubstr("\r\nAuto-Submitted: auto-generated\r\n"));
    EXPECT_TRUE(mails[0].findText("octets")->ends_with("--\r\n"));
    EXPECT_EQ(filesIn(options_.directory + "/queue"), 0U);
}

TEST_F(Smtp, ConnectionsAreKept) {
    start();
    options_.smtp.connections = 1;
    options_.smtp.messages_per_connection = 10;
    for (int i = 0; i < 30; ++i) send("a" + std::to_string(i));
    ASSERT_TRUE(delivered(30));
    std::map<double, int> peers;
    for (const auto& mail : server_->taken()) ++peers[mail.find("peer")->number()];
    EXPECT_EQ(peers.size(), 3U);
    for (const auto& [peer, count] : peers) EXPECT_EQ(count, 10);
}

TEST_F(Smtp, AnIdleConnectionIsGivenUp) {
    start();
    options_.smtp.connections = 1;
    options_.smtp.idle_timeout = 1ms;
    send("a");
    ASSERT_TRUE(delivered(1));
    // The one thread waits once, says QUIT, and connects anew for the next message.
    std::set<double> peers;
    ASSERT_TRUE(eventually([&] {
        send("b");
        for (const auto& mail : server_->taken()) peers.insert(mail.find("peer")->number());
        return peers.size() >= 2;
    }));
}

TEST_F(Smtp, TemporaryRefusalsAreTriedAgainWithTheSameMessageId) {
    start();
    send("rcpt450.x2");
    send("data451.x3");
    ASSERT_TRUE(delivered(2));
    EXPECT_EQ(server_->taken().size(), 2U);
    EXPECT_EQ(sender().counts().retried, 5U);
    EXPECT_THAT(log_.text(), HasSubstr("450 4.7.1 at RCPT"));
    EXPECT_THAT(log_.text(), HasSubstr("451 4.6.0 at the end of DATA"));
    EXPECT_THAT(log_.text(), Not(HasSubstr("mail.example")))
        << "the server's text names the address";
}

TEST_F(Smtp, FinalRefusalsAreDeadLettersAndDoNotDisturbOthers) {
    start();
    options_.smtp.connections = 1;
    for (const char* to : {"rcpt550", "a", "data554", "b"}) send(to);
    ASSERT_TRUE(eventually([&] { return sender().counts().queued == 0; }));
    EXPECT_EQ(sender().counts().dead, 2U);
    EXPECT_EQ(sender().counts().delivered, 2U);
    EXPECT_EQ(filesIn(options_.directory + "/dead"), 2U);
    EXPECT_THAT(log_.text(), HasSubstr("(confirm) after 1 attempts: 550 5.7.1 at RCPT"));
    EXPECT_THAT(log_.text(), HasSubstr("554 5.6.0 at the end of DATA"));
    EXPECT_THAT(log_.text(), Not(HasSubstr("@")));
    EXPECT_THAT(log_.text(), Not(HasSubstr("ttttt")));
}

TEST_F(Smtp, OnlyABreakAfterDataGivesASecondDelivery) {
    start();
    send("drop.x2");
    send("break.x1");
    send("plain");
    ASSERT_TRUE(delivered(3));
    EXPECT_EQ(server_->taken("drop.x2@mail.example"), 1U);
    EXPECT_EQ(server_->taken("plain@mail.example"), 1U);
    EXPECT_EQ(server_->taken("break.x1@mail.example"), 2U);
    std::set<std::string> ids;
    for (const auto& mail : server_->taken())
        if (*mail.findText("to") == "break.x1@mail.example") ids.insert(*mail.findText("id"));
    EXPECT_EQ(ids.size(), 1U);
    EXPECT_THAT(log_.text(), HasSubstr("after DATA"));
}

TEST_F(Smtp, TheReplyAfterDataMayTakeLongerThanOthers) {
    start();
    options_.smtp.reply_timeout = 500ms;
    send("slow");  // 2 s
    ASSERT_TRUE(delivered(1));
    EXPECT_EQ(server_->taken("slow@mail.example"), 1U);
    EXPECT_EQ(sender().counts().retried, 0U);
}

TEST_F(Smtp, AReplyThatNeverEndsIsCutOff) {
    start();
    options_.smtp.connections = 1;
    options_.smtp.reply_timeout = 100ms;
    send("drip");
    // On a busy machine an attempt may end before that already; there will be another.
    EXPECT_TRUE(eventually([&] {
        return log_.text().find("no reply in time, after DATA") != std::string::npos;
    })) << log_.text();
}

TEST_F(Smtp, AnOutageCostsNoMessageAnAttempt) {
    start();
    const int port = server_->port();
    server_->kill();
    for (int i = 0; i < 20; ++i) send("a" + std::to_string(i));
    ASSERT_TRUE(eventually([&] { return log_.text().find("next try in") != std::string::npos; }));
    EXPECT_EQ(sender().counts().queued, 20U);
    server_ = std::make_unique<SmtpServer>(dir_ / "taken", std::vector<std::string>{}, port);
    ASSERT_TRUE(delivered(20));
    EXPECT_EQ(server_->taken().size(), 20U);
    EXPECT_EQ(sender().counts().retried, 0U);
    EXPECT_THAT(log_.text(), HasSubstr("the server answers again"));
}

TEST_F(Smtp, AServerThatHangsHoldsUpNothingButDelivery) {
    start();
    options_.smtp.reply_timeout = 100ms;
    server_->signal(SIGSTOP);
    for (int i = 0; i < 5; ++i) send("a" + std::to_string(i));
    ASSERT_TRUE(
        eventually([&] { return log_.text().find("at the greeting") != std::string::npos; }));
    server_->signal(SIGCONT);
    ASSERT_TRUE(delivered(5));
    EXPECT_EQ(server_->taken().size(), 5U);
}

TEST_F(Smtp, StopLeavesTheRestToTheNextProcess) {
    start();
    const int port = server_->port();
    server_->kill();
    for (int i = 0; i < 10; ++i) send("a" + std::to_string(i));
    sender().stop(100ms);
    EXPECT_FALSE(sender().send(messageTo("late")));
    sender_.reset();
    EXPECT_EQ(filesIn(options_.directory + "/queue"), 10U);
    server_ = std::make_unique<SmtpServer>(dir_ / "taken", std::vector<std::string>{}, port);
    ASSERT_TRUE(delivered(10));
}

TEST_F(Smtp, TheSecondOfTwoSendersTakesOverWhenTheFirstEnds) {
    start();
    const int port = server_->port();
    server_->kill();
    send("first");
    auto second = makeSender(options_, log_.environment());
    ASSERT_TRUE(second);
    ASSERT_TRUE((*second)->send(messageTo("second")));
    EXPECT_EQ((*second)->counts().queued, 1U);
    sender_.reset();
    server_ = std::make_unique<SmtpServer>(dir_ / "taken", std::vector<std::string>{}, port);
    ASSERT_TRUE(eventually([&] { return (*second)->counts().delivered == 2; }));
    EXPECT_EQ(server_->taken("first@mail.example"), 1U);
    EXPECT_EQ(server_->taken("second@mail.example"), 1U);
}

TEST_F(Smtp, TheQueueIsBounded) {
    start();
    server_->kill();
    options_.max_queued = 3;
    for (int i = 0; i < 3; ++i) send("a" + std::to_string(i));
    const auto refused = sender().send(messageTo("b"));
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error(), HasSubstr("the queue is full (3 messages)"));
}

TEST_F(Smtp, AMessageWhoseLinkHasExpiredIsNotSent) {
    start();
    auto message = messageTo("late");
    message.valid_for_ms = 0;
    ASSERT_TRUE(sender().send(message));
    ASSERT_TRUE(eventually([&] { return sender().counts().dead == 1; }));
    EXPECT_THAT(log_.text(), HasSubstr("its link has expired"));
}

TEST_F(Smtp, ARetryThatWouldComeTooLateIsNotWaitedFor) {
    start();
    options_.smtp.retry_first = options_.smtp.retry_most = 10min;
    auto message = messageTo("rcpt450");
    message.valid_for_ms = 60'000;
    ASSERT_TRUE(sender().send(message));
    ASSERT_TRUE(eventually([&] { return sender().counts().dead == 1; }));
    EXPECT_THAT(log_.text(), HasSubstr("450 4.7.1 at RCPT, until its link expired"));
}

TEST_F(Smtp, StartTlsWithAPassword) {
    const auto pem = certificate("127.0.0.1");
    start({"--certificate", pem, "--starttls", "--user", "u", "--password", "p\xc3\xa4ss"});
    options_.smtp.tls = SmtpOptions::Tls::StartTls;
    options_.smtp.ca_file = pem;
    options_.smtp.user = "u";
    options_.smtp.password = "p\xc3\xa4ss";
    send("a");
    ASSERT_TRUE(delivered(1)) << log_.text();
    EXPECT_TRUE(server_->taken()[0].find("tls")->boolean());
    EXPECT_TRUE(server_->taken()[0].find("login")->boolean());
}

TEST_F(Smtp, ImplicitTlsWithAuthLogin) {
    const auto pem = certificate("127.0.0.1");
    start({"--certificate", pem, "--implicit-tls", "--user", "u", "--password", "p", "--only",
           "LOGIN"});
    options_.smtp.tls = SmtpOptions::Tls::Implicit;
    options_.smtp.ca_file = pem;
    options_.smtp.user = "u";
    options_.smtp.password = "p";
    send("a");
    ASSERT_TRUE(delivered(1)) << log_.text();
    EXPECT_TRUE(server_->taken()[0].find("tls")->boolean());
    EXPECT_TRUE(server_->taken()[0].find("login")->boolean());
}

TEST_F(Smtp, CertificatesAndNamesAreChecked) {
    const auto pem = certificate("mail.other.example");
    start({"--certificate", pem, "--starttls"});
    options_.smtp.tls = SmtpOptions::Tls::StartTls;
    options_.smtp.ca_file = pem;
    send("a");
    EXPECT_TRUE(eventually([&] {
        return log_.text().find("no TLS with 127.0.0.1") != std::string::npos;
    })) << log_.text();
    EXPECT_EQ(server_->taken().size(), 0U) << "a certificate for another name";

    sender_.reset();
    options_.smtp.ca_file.clear();
    options_.directory = dir_ / "queue2";
    const auto before = log_.text().size();
    send("b");
    EXPECT_TRUE(eventually(
        [&] { return log_.text().find("no TLS with 127.0.0.1", before) != std::string::npos; }));
    EXPECT_EQ(server_->taken().size(), 0U) << "an unknown authority";
}

TEST_F(Smtp, StartTlsIsNotDoneWithout) {
    start();
    options_.smtp.tls = SmtpOptions::Tls::StartTls;
    send("a");
    EXPECT_TRUE(eventually(
        [&] { return log_.text().find("does not offer STARTTLS") != std::string::npos; }));
    EXPECT_EQ(server_->taken().size(), 0U);
    EXPECT_EQ(sender().counts().queued, 1U);
}

TEST_F(Smtp, AWrongPasswordIsSaidAndCostsNoMessage) {
    start({"--user", "u", "--password", "right"});
    options_.smtp.user = "u";
    options_.smtp.password = "wrong";
    send("a");
    EXPECT_TRUE(eventually([&] {
        return log_.text().find("535 5.7.8 at AUTH") != std::string::npos;
    })) << log_.text();
    EXPECT_EQ(sender().counts().queued, 1U);
    EXPECT_THAT(log_.text(), Not(HasSubstr("wrong")));
}

/// A server that talks nonsense: one fixed answer, then it closes.
class Nonsense {
  public:
    explicit Nonsense(std::string answer) : answer_(std::move(answer)) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
        EXPECT_EQ(::listen(listener_, 16), 0);
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] {
            for (int fd; (fd = ::accept(listener_, nullptr, nullptr)) >= 0; ::close(fd)) {
                for (std::size_t at = 0; at < answer_.size();) {
                    const auto n =
                        ::send(fd, answer_.data() + at, answer_.size() - at, MSG_NOSIGNAL);
                    if (n <= 0) break;
                    at += static_cast<std::size_t>(n);
                }
                ::shutdown(fd, SHUT_WR);
                // Closing with something unread would take the answer back.
                char unread[512];
                while (::recv(fd, unread, sizeof unread, 0) > 0) {
                }
            }
        });
    }
    ~Nonsense() {
        ::shutdown(listener_, SHUT_RDWR);
        thread_.join();
        ::close(listener_);
    }
    [[nodiscard]] int port() const { return port_; }

  private:
    std::string answer_;
    int listener_ = -1, port_ = 0;
    std::thread thread_;
};

TEST(SmtpSession, NonsenseEndsTheSessionAndNothingElse) {
    const struct {
        std::string answer, error;
    } cases[] = {
        {"", "closed the connection"},
        {"HTTP/1.1 400 Bad\r\n\r\n", "not an SMTP reply"},
        {"220", "closed the connection"},
        {"220\r\n", "closed the connection, at EHLO"},
        {"099 a\r\n", "not an SMTP reply"},
        {"620 a\r\n", "not an SMTP reply"},
        {"220-a\r\n250 b\r\n", "not an SMTP reply"},
        {"2x0 a\r\n", "not an SMTP reply"},
        {"220xa\r\n", "not an SMTP reply"},
        {std::string(1'000'000, '2'), "too long"},
        {"554 5.7.1 go away\r\n", "554 5.7.1 at the greeting"},
        {"220 a\r\n250-a\r\n250 STARTTLS\r\n220 go\r\n250 injected\r\n",
         "plain text after it had agreed"},
        {"220 a\r\n250 a\r\n", "does not offer STARTTLS"},
    };
    std::string many = "220-a\r\n";
    for (int i = 0; i < 200; ++i) many += "220-a\r\n";
    for (const auto& c : cases) {
        const Nonsense server(c.answer);
        SmtpOptions options;
        options.host = "127.0.0.1";
        options.port = static_cast<std::uint16_t>(server.port());
        options.helo = "test";
        options.tls = SmtpOptions::Tls::StartTls;
        options.reply_timeout = 5s;
        const StopSignal never;
        const auto session = SmtpSession::open(options, {}, never);
        ASSERT_FALSE(session) << c.answer;
        EXPECT_THAT(session.error(), HasSubstr(c.error));
    }
    const Nonsense server(many);
    SmtpOptions options;
    options.host = "127.0.0.1";
    options.port = static_cast<std::uint16_t>(server.port());
    const StopSignal never;
    const auto session = SmtpSession::open(options, {}, never);
    ASSERT_FALSE(session);
    EXPECT_THAT(session.error(), HasSubstr("too long"));
}

TEST(SmtpSession, DotsAreStuffed) {
    EXPECT_EQ(stuffDots("a\r\n.\r\n..b\r\n.c"), "a\r\n..\r\n...b\r\n..c\r\n.\r\n");
    EXPECT_EQ(stuffDots(""), ".\r\n");
    EXPECT_EQ(stuffDots("."), "..\r\n.\r\n");
}

TEST(SmtpReply, StatusKeepsNothingOfTheText) {
    EXPECT_EQ((Reply{550, {"5.1.1 <a@b.example>: unknown"}}.status()), "550 5.1.1");
    EXPECT_EQ((Reply{550, {"a@b.example unknown"}}.status()), "550");
    EXPECT_EQ((Reply{550, {"5.1.1.1 x"}}.status()), "550");
    EXPECT_EQ((Reply{550, {}}.status()), "550");
}

}  // namespace
}  // namespace persona::mail
