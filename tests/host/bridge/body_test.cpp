#include <gmock/gmock.h>

#include "tests/host/bridge/host_fixture.h"

/// Bodies through the chain: in pieces, held as a whole, paused, refused, replaced.
namespace persona::host::testing {
namespace {

using ::testing::HasSubstr;

const std::string kLarge(100'000, 'x');

std::string modes(const std::string& request, const std::string& response,
                  const std::string& max = "1MiB") {
    return "request_mode: " + request + ", response_mode: " + response + ", max: " + max;
}

TEST(FilterBody, ARequestIsHeldForTheFilterThatWantsAllOfIt) {
    HostUnderTest t;
    t.write(sample(modes("buffer", "none")));
    ASSERT_EQ(t.start(), "");
    const auto a = t.ask("", kLarge);
    EXPECT_EQ(a.status, 200);
    EXPECT_EQ(a.field("X-Body"), "100000 in 1");
    EXPECT_EQ(a.body, kLarge);
    // Chunked, one octet at a time.
    net::testing::RawClient client(t.port());
    client.send(
        "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\nConnection: "
        "close\r\n\r\n");
    for (int i = 0; i < 50; ++i) client.send("1\r\nz\r\n");
    client.send("0\r\n\r\n");
    const auto b = HostUnderTest::parse(client.readAll());
    EXPECT_EQ(b.field("X-Body"), "50 in 1") << b.head;
    EXPECT_EQ(b.body, std::string(50, 'z'));
}

TEST(FilterBody, ARequestInPiecesOfAtMost16KiB) {
    HostUnderTest t;
    t.write(sample(modes("stream", "none")));
    ASSERT_EQ(t.start(), "");
    const auto a = t.ask("", kLarge);
    EXPECT_EQ(a.status, 200);
    EXPECT_EQ(a.body, kLarge);
    EXPECT_THAT(a.field("X-Body"), ::testing::StartsWith("100000 in "));
    EXPECT_GE(std::atoi(a.field("X-Body").c_str() + 10), 7) << a.field("X-Body");
}

TEST(FilterBody, StreamingAndHoldingFiltersInOneChainEachGetWhatTheyAskedFor) {
    HostUnderTest t;
    t.write(sample(modes("stream", "stream"), "deny", "sample_v1.so", "streams") + "," +
            sample(modes("buffer", "buffer"), "deny", "sample_v1.so", "holds"));
    ASSERT_EQ(t.start(), "");
    const auto a = t.ask("", kLarge);
    EXPECT_EQ(a.status, 200);
    EXPECT_EQ(a.body, kLarge);
    // The outer one set its fields last.
    EXPECT_EQ(a.field("X-Body"), "100000 in 7") << a.head;
    EXPECT_EQ(a.field("X-Response"), "100000 in 7") << a.head;
}

TEST(FilterBody, TooLargeForTheFilter) {
    HostUnderTest t;
    t.write(sample(modes("buffer", "none", "1KiB")));
    ASSERT_EQ(t.start(), "");
    EXPECT_EQ(t.ask("", std::string(1'024, 'x')).status, 200);
    EXPECT_EQ(t.ask("", std::string(1'025, 'x')).status, 413);
    HostUnderTest u;
    u.write(sample(modes("none", "buffer", "1KiB")));
    ASSERT_EQ(u.start(), "");
    EXPECT_EQ(u.ask("", std::string(1'024, 'x')).status, 200);
    EXPECT_EQ(u.ask("", std::string(1'025, 'x')).status, 502);
    EXPECT_EQ(u.metric("engine_limit_response_buffer_total"), 1);
}

TEST(FilterBody, AHeldResponseMayStillBeAnsweredOtherwise) {
    HostUnderTest t;
    t.write(sample("mark: outer", "deny", "sample_v1.so", "outer") + "," +
            sample(modes("none", "buffer"), "deny", "sample_v1.so", "inner"));
    ASSERT_EQ(t.start(), "");
    const auto held = t.ask("", kLarge);
    EXPECT_EQ(held.field("X-Response"), "100000 in 1");
    EXPECT_EQ(held.body, kLarge);
    const auto a = t.ask("X-Do-Response-Body: reply\r\n", kLarge);
    EXPECT_EQ(a.status, 418);
    EXPECT_EQ(a.body, "by the filter");
    EXPECT_EQ(a.field("X-Mark"), "outer") << "the filters nearer to the client see the new answer";
    EXPECT_EQ(t.ask("X-Do-Response-Body: pause-reply\r\n", kLarge).status, 418);
    EXPECT_EQ(t.ask("X-Do-Response-Body: throw\r\n", kLarge).status, 503);
    EXPECT_EQ(t.ask("X-Do-Response-Body: stall\r\n", kLarge).status, 503);
    const auto paused = t.ask("X-Do-Response-Body: pause\r\n", kLarge);
    EXPECT_EQ(paused.status, 200);
    EXPECT_EQ(paused.body, kLarge);
}

TEST(FilterBody, AStreamedResponseThatFailsIsCutAndNeverWhole) {
    HostUnderTest t;
    t.write(sample(modes("none", "stream")));
    ASSERT_EQ(t.start(), "");
    const auto whole = t.ask("", kLarge);
    EXPECT_EQ(whole.body, kLarge);
    for (const std::string deed : {"throw", "reply", "stall", "abort", "pause-reply"}) {
        const auto a = t.ask("X-Do-Response-Body: " + deed + "\r\n", kLarge);
        EXPECT_LT(a.body.size(), kLarge.size()) << deed;
    }
    const auto paused = t.ask("X-Do-Response-Body: pause\r\n", kLarge);
    EXPECT_EQ(paused.status, 200);
    EXPECT_EQ(paused.body, kLarge);
}

TEST(FilterBody, TheLastPieceOfARequestWaitsForTheFilter) {
    for (const std::string mode : {"stream", "buffer"}) {
        HostUnderTest t;
        t.write(sample(modes(mode, "none")));
        ASSERT_EQ(t.start(), "");
        for (const std::string target : {"/echo", "/relay"}) {
            EXPECT_EQ(t.ask("X-Do-Body: pause\r\n", kLarge, target).body, kLarge) << mode << target;
            EXPECT_EQ(t.ask("X-Do-Body: pause-reply\r\n", kLarge, target).status, 418) << mode;
            EXPECT_EQ(t.ask("X-Do-Body: reply\r\n", kLarge, target).status, 418) << mode;
            EXPECT_EQ(t.ask("X-Do-Body: fail\r\n", kLarge, target).status, 503) << mode;
            EXPECT_EQ(t.ask("X-Do-Body: stall\r\n", kLarge, target).status, 503) << mode;
            EXPECT_EQ(t.ask("X-Do-Body: abort\r\n", kLarge, target).status, 0) << mode;
            EXPECT_EQ(t.ask("", kLarge, target).status, 200) << mode;
        }
    }
}

TEST(FilterBody, BadModesAreRefusedWithTheirBounds) {
    HostUnderTest t;
    t.write(sample("request_mode: buffer, max: 1GiB"));
    EXPECT_THAT(t.start(), HasSubstr("request_max: expected 1 to 16777216 octets"));
    HostUnderTest u;
    u.write(sample("response_mode: buffer, max: 0"));
    EXPECT_THAT(u.start(), HasSubstr("response_max: expected 1 to 16777216 octets, got 0"));
}

}  // namespace
}  // namespace persona::host::testing
