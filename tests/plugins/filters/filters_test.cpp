#include <gmock/gmock.h>

#include "tests/host/bridge/host_fixture.h"

/// The filters that ship, in a chain of a whole host.
namespace persona::host::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

std::string shipped(const std::string& name, const std::string& options) {
    return "{id: " + name + ", module: " PERSONA_PLUGIN_DIR "/filters/" + name +
           ".so, on_error: deny, config: {" + options + "}}";
}

TEST(RequestId, IsMadeSentUpstreamToldAndLogged) {
    HostUnderTest t;
    t.write("{id: log, builtin: access-log}," + shipped("request-id", ""));
    ASSERT_EQ(t.start(), "");
    const auto a = t.ask("X-Request-Id: from-the-client\r\n"), b = t.ask();
    const auto id = a.field("X-Request-Id");
    EXPECT_THAT(id, MatchesRegex("[0-9a-f]{24}")) << "a stranger's id is not taken over";
    EXPECT_NE(id, b.field("X-Request-Id"));
    EXPECT_EQ(a.field("X-Request"), id) << "the service knows it";
    EXPECT_TRUE(await([&] { return t.accessLog().find("\" " + id + "\n") != std::string::npos; }))
        << t.accessLog();
}

TEST(RequestId, IsTakenFromWhomTheConfigurationSays) {
    HostUnderTest t;
    t.write(shipped("request-id", "accept: always, header: X-Trace, respond: false"));
    ASSERT_EQ(t.start(), "");
    const auto a = t.ask("X-Trace: abc-123_X\r\n");
    EXPECT_EQ(a.field("X-Request"), "abc-123_X");
    EXPECT_EQ(a.field("X-Trace"), "");
    for (const auto& bad : std::vector<std::string>{"a b", "a;b", "\"x\"", std::string(65, 'a')})
        EXPECT_THAT(t.ask("X-Trace: " + bad + "\r\n").field("X-Request"),
                    MatchesRegex("[0-9a-f]{24}"))
            << bad;
    EXPECT_THAT(
        [&] {
            HostUnderTest u;
            u.write(shipped("request-id", "header: \"a b\""));
            return u.start();
        }(),
        HasSubstr("expected the name of a field"));
}

TEST(Headers, AreThoseOfTheRouteAndNeverReplaceTheRolesOwn) {
    HostUnderTest t;
    t.write(shipped("headers",
                    "public_url: \"https://login.example\", frames: {\"/*\": DENY, /open: none, "
                    "\"/open/*\": SAMEORIGIN}, cors: {/include.js: \"*\", /one: "
                    "\"https://site.example\"}"));
    ASSERT_EQ(t.start(), "");
    const auto root = t.ask("", "", "/");
    EXPECT_EQ(root.field("Strict-Transport-Security"), "max-age=31536000; includeSubDomains");
    EXPECT_EQ(root.field("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(root.field("Referrer-Policy"), "strict-origin-when-cross-origin");
    EXPECT_EQ(root.field("X-Frame-Options"), "DENY");
    EXPECT_EQ(root.field("Access-Control-Allow-Origin"), "");
    EXPECT_EQ(t.ask("", "", "/open?x").field("X-Frame-Options"), "");
    EXPECT_EQ(t.ask("", "", "/open/a").field("X-Frame-Options"), "SAMEORIGIN");
    EXPECT_EQ(t.ask("", "", "/include.js").field("Access-Control-Allow-Origin"), "*");
    const auto one = t.ask("", "", "/one");
    EXPECT_EQ(one.field("Access-Control-Allow-Origin"), "https://site.example");
    EXPECT_EQ(one.field("Vary"), "Origin");
}

TEST(Headers, TransportSecurityIsForHttpsAlone) {
    HostUnderTest t;
    t.write(shipped("headers", "public_url: \"http://127.0.0.1:10002\", nosniff: false"));
    ASSERT_EQ(t.start(), "");
    const auto a = t.ask();
    EXPECT_EQ(a.field("Strict-Transport-Security"), "");
    EXPECT_EQ(a.field("X-Content-Type-Options"), "");
}

TEST(Headers, MistakesAreRefused) {
    const auto startWith = [](const std::string& options) {
        HostUnderTest t;
        t.write(shipped("headers", "public_url: \"http://a\", " + options));
        return t.start();
    };
    EXPECT_THAT(startWith("frames: {/a: MAYBE}"), HasSubstr("unusable value \"MAYBE\""));
    EXPECT_THAT(startWith("frames: {a: DENY}"), HasSubstr("expected a path"));
    EXPECT_THAT(startWith("cors: {/a: site.example}"), HasSubstr("unusable value"));
}

}  // namespace
}  // namespace persona::host::testing
