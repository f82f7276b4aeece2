#include <gmock/gmock.h>

#include "tests/host/bridge/host_fixture.h"

/// The front door as it ships, between a client's socket and the roles' (wsapi.md section 2): what
/// goes where, what is refused here, which fields pass in which direction, what is counted and
/// written.
namespace persona::host::testing {
namespace {

using net::testing::RawClient;
using net::testing::RawUpstream;
using ::testing::HasSubstr;
using ::testing::Not;

/// A role that answers every request with its own name, and remembers the heads.
class Role {
  public:
    explicit Role(std::string name)
        : name_(std::move(name)), server_([this](RawClient& peer, int) { serve(peer); }) {}
    [[nodiscard]] std::string url() const { return server_.url(); }
    std::string lastHead() {
        const std::lock_guard lock(mutex_);
        return last_;
    }
    int asked() {
        const std::lock_guard lock(mutex_);
        return asked_;
    }

  private:
    void serve(RawClient& peer) {
        const auto head = peer.readUntil("\r\n\r\n");
        if (!head.ends_with("\r\n\r\n")) return;
        const auto length = HostUnderTest::parse("HTTP/1.1 000 " + head.substr(head.find("\r\n")))
                                .field("Content-Length");
        const auto body =
            peer.readCount(length.empty() ? 0 : std::strtoul(length.c_str(), nullptr, 10));
        {
            const std::lock_guard lock(mutex_);
            last_ = head + body;
            ++asked_;
        }
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(name_.size()) +
                  "\r\nContent-Type: text/plain\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
                  "Retry-After: 7\r\nBID-AA-Outcome: ok\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n"
                  "\r\n" +
                  name_);
    }
    const std::string name_;
    std::mutex mutex_;
    std::string last_;
    int asked_ = 0;
    RawUpstream server_;
};

class RouterTest : public ::testing::Test {
  protected:
    RouterTest() {
        const auto up = [](const char* name, const Role& r) {
            return "{name: " + std::string(name) + ", address: \"" + r.url() +
                   "\", health_interval: 0ms}";
        };
        std::ofstream(t_.dir + "/host.yaml")
            << "process: test\nstate_dir: " << t_.dir << "/state\nplugin_dir: " PERSONA_PLUGIN_DIR
            << "\nloops: 1\nlog: {level: debug, file: " << t_.dir
            << "/log}\naccess_log: {file: " << t_.dir
            << "/access.log}\nadmin: {address: \"127.0.0.1:0\"}\n"
            << "common: {public_url: \"https://login.example\", public_verifier_url: "
               "\"https://verifier.example\"}\n"
            << "listeners: [{name: main, address: \"127.0.0.1:0\", service: router}]\nupstreams: ["
            << up("browserid", read_) << ", " << up("dbwriter", write_) << ", "
            << up("verifier", verify_) << ", " << up("static", static_)
            << ", {name: gone, address: \"http://127.0.0.1:1\", health_interval: 0ms}]\n"
            << "services: [{id: router, module: router.so, config: {code_version: abcdef0}, "
               "filters: [{id: log, builtin: access-log}, {id: statsd, builtin: statsd}]}]\n";
    }
    Answer send(const std::string& head, const std::string& body = "") const {
        RawClient client(t_.port());
        client.send(head + "Connection: close\r\n\r\n" + body);
        return HostUnderTest::parse(client.readAll());
    }
    Answer ask(const std::string& method, const std::string& target, const std::string& more = "",
               const std::string& body = "") const {
        return send(
            method + " " + target + " HTTP/1.1\r\nHost: login.example\r\n" + more +
                (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n"),
            body);
    }
    Role read_{"browserid"}, write_{"dbwriter"}, verify_{"verifier"}, static_{"static"};
    HostUnderTest t_;
};

TEST_F(RouterTest, TheRoutingTable) {
    ASSERT_EQ(t_.start(), "");
    EXPECT_EQ(ask("GET", "/__heartbeat__").body, "ok");
    EXPECT_EQ(ask("POST", "/verify", "", "x").body, "verifier");
    EXPECT_EQ(ask("GET", "/verify").body, "verifier");
    EXPECT_EQ(ask("GET", "/wsapi/session_context").body, "browserid");
    EXPECT_EQ(ask("POST", "/wsapi/stage_user", "", "{}").body, "dbwriter");
    for (const auto* page : {"/", "/sign_in", "/sign_in?AUTH_RETURN", "/wsapi", "/wsapi/",
                             "/wsapiary", "/%77sapi/session_context", "/include.js?x=1"})
        EXPECT_EQ(ask("GET", page).body, "static") << page;
    // Path and query go on as they came.
    EXPECT_EQ(ask("GET", "/wsapi/address_info?email=a%40b.example&x").body, "browserid");
    EXPECT_THAT(read_.lastHead(),
                HasSubstr("GET /wsapi/address_info?email=a%40b.example&x HTTP/1.1\r\n"));
}

TEST_F(RouterTest, WhatIsRefusedHereReachesNoRole) {
    ASSERT_EQ(t_.start(), "");
    for (const auto* target : {"/wsapi/nope", "/wsapi.session_context", "/wsapi/session_context/",
                               "/wsapi/stage_user", "/wsapi/create_account_with_assertion"}) {
        const auto a = ask("GET", target);
        EXPECT_EQ(a.status, 400) << target;
        EXPECT_EQ(a.body, "Bad Request: no such api") << target;
        EXPECT_EQ(a.field("Content-Type"), "text/plain; charset=utf-8");
        EXPECT_EQ(a.field("Strict-Transport-Security"), "max-age=31536000; includeSubDomains");
        EXPECT_EQ(a.field("X-Content-Type-Options"), "nosniff");
    }
    EXPECT_EQ(ask("HEAD", "/wsapi/session_context").status, 400);
    EXPECT_EQ(ask("OPTIONS", "/wsapi/session_context").status, 400);
    const auto internal = ask("POST", "/wsapi/saw_idp", "", "{}");
    EXPECT_EQ(internal.status, 404);
    EXPECT_EQ(internal.body, "Not Found");
    EXPECT_EQ(ask("OPTIONS", "*").status, 404);
    EXPECT_EQ(read_.asked() + write_.asked() + verify_.asked() + static_.asked(), 0);
}

TEST_F(RouterTest, TheVerifierHasAHostNameOfItsOwn) {
    ASSERT_EQ(t_.start(), "");
    for (const auto* host : {"verifier.example", "VERIFIER.example:80"}) {
        EXPECT_EQ(
            send("POST / HTTP/1.1\r\nHost: " + std::string(host) + "\r\nContent-Length: 1\r\n", "x")
                .body,
            "verifier")
            << host;
        EXPECT_EQ(
            send("GET /wsapi/session_context HTTP/1.1\r\nHost: " + std::string(host) + "\r\n").body,
            "verifier")
            << "on that name there is nothing else";
    }
    EXPECT_EQ(send("GET / HTTP/1.1\r\nHost: verifier.example:8443\r\n").body, "static");
    EXPECT_EQ(send("GET / HTTP/1.1\r\nHost: verifier.example.evil\r\n").body, "static");
}

TEST_F(RouterTest, FieldsInEachDirection) {
    ASSERT_EQ(t_.start(), "");
    const auto a =
        ask("POST", "/wsapi/stage_user",
            "Cookie: s=1\r\nAuthorization: Basic eA==\r\nUser-Agent: test\r\n"
            "BrowserID-git-sha: abcdef0\r\nConnection: X-Client-Hop\r\nX-Client-Hop: 1\r\n"
            "X-Persona-Caller: router\r\nX-Forwarded-For: 6.6.6.6\r\nForwarded: for=6\r\n"
            "X-Real-IP: 6.6.6.6\r\nBID-AA-Class: known\r\nX-Request-Id: mine\r\n",
            "{}");
    EXPECT_EQ(a.status, 200);
    const auto seen = write_.lastHead();
    for (const auto* kept :
         {"Host: login.example\r\n", "Cookie: s=1\r\n", "Authorization: Basic eA==\r\n",
          "User-Agent: test\r\n", "BrowserID-git-sha: abcdef0\r\n", "Content-Length: 2\r\n",
          "\r\n\r\n{}"})
        EXPECT_THAT(seen, HasSubstr(kept));
    for (const auto* gone : {"X-Client-Hop", "X-Persona-Caller", "6.6.6.6", "for=6", "BID-AA-Class",
                             "X-Request-Id: mine"})
        EXPECT_THAT(seen, Not(HasSubstr(gone)));
    EXPECT_THAT(seen, HasSubstr("X-Request-Id: ")) << "an id of the router's own";
    EXPECT_THAT(a.head, HasSubstr("Set-Cookie: a=1\r\n"));
    EXPECT_THAT(a.head, HasSubstr("Set-Cookie: b=2\r\n"));
    EXPECT_THAT(a.head, HasSubstr("Retry-After: 7\r\n"));
    EXPECT_THAT(a.head, HasSubstr("\r\nDate: "));
    EXPECT_THAT(a.head, Not(HasSubstr("BID-AA-Outcome")));
    EXPECT_THAT(a.head, Not(HasSubstr("X-Hop")));
}

/// Whatever the size of a head: adding the id to it must not move what is still to be taken away.
TEST_F(RouterTest, FieldsOfOursNeverPassInHeadsOfAnySize) {
    ASSERT_EQ(t_.start(), "");
    for (std::size_t pad = 0; pad < 1'100; ++pad) {
        send(
            "POST /wsapi/stage_user HTTP/1.1\r\nBID-AA-Ask: step-up\r\nHost: login.example\r\n"
            "BID-AA-Class: known\r\nContent-Length: 2\r\nX-Pad: " +
                std::string(pad, 'p') + "\r\n",
            "{}");
        const auto seen = write_.lastHead();
        ASSERT_THAT(seen, Not(HasSubstr("BID-AA"))) << pad;
        ASSERT_THAT(seen, HasSubstr("X-Pad: " + std::string(pad, 'p') + "\r\n")) << pad;
    }
}

TEST_F(RouterTest, BodiesHaveABound) {
    ASSERT_EQ(t_.start(), "");
    EXPECT_EQ(ask("POST", "/wsapi/stage_user", "", std::string(10'240, 'a')).status, 200);
    for (const auto* target : {"/wsapi/stage_user", "/verify", "/about"}) {
        const auto a = ask("POST", target, "", std::string(10'241, 'a'));
        EXPECT_EQ(a.status, 413) << target;
        EXPECT_EQ(a.field("Content-Type"), "") << target;
    }
}

TEST_F(RouterTest, NamesOfMetricsAndLines) {
    ASSERT_EQ(t_.start(), "");
    ask("GET", "/wsapi/session_context",
        "User-Agent: a \"quoted\" one\r\nBrowserID-git-sha: old\r\n");
    ask("GET", "/wsapi/nope");
    ask("GET", "/sign_in?AUTH_RETURN", "Referer: https://idp.example/x?email=ann@mail.example\r\n");
    ask("GET", "/wsapi/address_info?email=ann@mail.example");
    EXPECT_TRUE(await([&] { return t_.metric("browserid_router_response_200_total") == 3; }));
    EXPECT_EQ(t_.metric("browserid_router_response_400_total"), 1);
    EXPECT_EQ(t_.metric("browserid_router_response_time_milliseconds_count"), 4);
    EXPECT_EQ(t_.metric("browserid_router_wsapi_session_context_total"), 1);
    EXPECT_EQ(t_.metric("browserid_router_wsapi_code_mismatch_session_context_total"), 1);
    EXPECT_EQ(t_.metric("browserid_router_idp_auth_return_total"), 1);
    const auto series = [&](const std::string& route, const std::string& status) {
        return t_.metric("browserid_response_time_milliseconds_count{role=\"router\",route=\"" +
                         route + "\",class=\"" + status + "\"}");
    };
    EXPECT_EQ(series("wsapi", "2xx"), 2);
    EXPECT_EQ(series("wsapi", "4xx"), 1);
    EXPECT_EQ(series("static", "2xx"), 1);
    EXPECT_EQ(series("verify", "2xx"), -1) << "never asked, not shown";
    EXPECT_EQ(t_.metric("access_log_dropped_total"), 0);
    EXPECT_TRUE(
        t_.logHas("Code version mis-match: /wsapi/session_context expected: abcdef0 "
                  "received: old"));
    EXPECT_TRUE(t_.logHas("idp.auth_return idp=https://idp.example"));
    EXPECT_TRUE(await([&] {
        return t_.accessLog().find("127.0.0.1 - - [") != std::string::npos &&
               t_.accessLog().find(" +0000] \"GET /wsapi/session_context HTTP/1.1\" 200 ") !=
                   std::string::npos &&
               t_.accessLog().find("\"GET /wsapi/nope HTTP/1.1\" 400 ") != std::string::npos &&
               t_.accessLog().find("\"GET /wsapi/address_info HTTP/1.1\" 200 ") !=
                   std::string::npos;
    })) << t_.accessLog();
    EXPECT_THAT(t_.accessLog(), HasSubstr("\"a _quoted_ one\""));
    // Neither addresses nor their tokens: not in lines, not in names of metrics.
    EXPECT_THAT(t_.accessLog() + t_.log(), Not(HasSubstr("ann@mail.example")));
}

TEST_F(RouterTest, ARoleThatIsDownIs502WithACounterAndALine) {
    {
        std::ifstream in(t_.dir + "/host.yaml");
        std::stringstream text;
        text << in.rdbuf();
        auto yaml = text.str();
        yaml.replace(yaml.find("code_version"), 0, "upstreams: {static: gone}, ");
        std::ofstream(t_.dir + "/host.yaml") << yaml;
    }
    ASSERT_EQ(t_.start(), "");
    EXPECT_EQ(ask("GET", "/").status, 502);
    EXPECT_TRUE(await([&] { return t_.metric("browserid_router_response_502_total") == 1; }));
    EXPECT_TRUE(t_.logHas("engine.upstream.")) << t_.log();
    EXPECT_EQ(ask("GET", "/wsapi/session_context").body, "browserid") << "the others go on";
}

}  // namespace
}  // namespace persona::host::testing
