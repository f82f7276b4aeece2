#include "libs/wsapi/cef.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

/// The security log over syslog (wsapi.md 8.2).
namespace persona::wsapi {
namespace {

class Cef : public ::testing::Test {
  protected:
    Cef() {
        ::setenv("TZ", "UTC", 1);
        ::tzset();
        options.own_host = "login.example";
        request.op = "authenticate_user";
        request.method = "POST";
        request.user_agent = "Agent/1";
    }
    [[nodiscard]] std::string line(Severity severity = Severity::Warn) const {
        return cefLine(options, severity, "AUTH_FAILURE", "User authentication failed", &request,
                       1'384'326'549, 42);
    }
    CefOptions options;
    Request request;
};

TEST_F(Cef, TheLineIsThatOfTheOriginal) {
    EXPECT_EQ(line(),
              "<12> Nov 13 07:09:09 browserid[42] CEF:0|Mozilla|browserid|0.1|AUTH_FAILURE|User "
              "authentication failed|6|request=/wsapi/authenticate_user requestMethod=POST "
              "requestContext=Agent/1 dhost=login.example");
    EXPECT_TRUE(line(Severity::Info).starts_with("<14> "));
    EXPECT_TRUE(line(Severity::Alert).starts_with("<9> "));
    EXPECT_NE(cefLine(options, Severity::Alert, "S", "N", nullptr, 0, 1)
                  .find(" Jan  1 00:00:00 browserid[1] CEF:0|Mozilla|browserid|0.1|S|N|9|dhost="),
              std::string::npos);
}

TEST_F(Cef, WhatMeansSomethingIsEscaped) {
    options.vendor = "a|b\\c";
    request.user_agent = "x=y\\z\r\nforged: line\x7f|";
    const auto text = line();
    EXPECT_NE(text.find("CEF:0|a\\|b\\\\c|browserid"), std::string::npos) << text;
    EXPECT_NE(text.find("requestContext=x\\=y\\\\z  forged: line |"), std::string::npos) << text;
}

TEST_F(Cef, QueriesAndCookiesStayOut) {
    request.query = "email=ann%40mail.example";
    request.cookie = "browserid_state=secret";
    request.body = "{\"pass\":\"secret\"}";
    request.client_address = "192.0.2.9";
    for (const auto* part : {"ann", "secret", "192.0.2.9"})
        EXPECT_EQ(line().find(part), std::string::npos) << part;
}

TEST_F(Cef, ItIsCut) {
    request.user_agent = std::string(5'000, 'x');
    EXPECT_EQ(line().size(), 1'023U);
}

TEST_F(Cef, EventsArriveByUdp) {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof a;
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&a), sizeof a), 0);
    ASSERT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&a), &size), 0);
    options.host = "127.0.0.1";
    options.port = ntohs(a.sin_port);
    const auto cef = CefSyslog::open(options);
    ASSERT_TRUE(cef) << cef.error();
    (*cef)->send(Severity::Alert, "DB_FAILURE", "emailKnown failed", &request);
    const timeval limit{20, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    std::string got(2'000, '\0');
    const auto n = ::recv(fd, got.data(), got.size(), 0);
    ASSERT_GT(n, 0);
    got.resize(static_cast<std::size_t>(n));
    EXPECT_NE(got.find("|DB_FAILURE|emailKnown failed|9|"), std::string::npos) << got;
    ::close(fd);
    // Nobody listens any more: that is nobody's trouble.
    for (int i = 0; i < 3; ++i) (*cef)->send(Severity::Alert, "X", "Y", nullptr);
}

TEST_F(Cef, AHostThatIsNoneIsSaid) {
    options.host = "no.such.host.invalid";
    const auto cef = CefSyslog::open(options);
    ASSERT_FALSE(cef);
    EXPECT_NE(cef.error().find("cef.syslog_host no.such.host.invalid"), std::string::npos);
}

}  // namespace
}  // namespace persona::wsapi
