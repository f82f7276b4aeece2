#include "plugins/antiabuse/replay/replay.h"

#include <gmock/gmock.h>

#include <sstream>

#include "plugins/antiabuse/replay/access_log.h"

namespace persona::antiabuse {
namespace {

using ::testing::HasSubstr;

constexpr const char* kRate = PERSONA_PLUGIN_DIR "/antiabuse/rate.so";
constexpr const char* kLimits =
    "unknown.per_second: 0.1\nunknown.burst: 10\nslots: 4096\ncost_slots: 4096\n";

/// As the router writes it, `second` seconds after the hour.
std::string line(const std::string& address, unsigned second, const std::string& target) {
    const auto two = [](unsigned n) { return (n < 10 ? "0" : "") + std::to_string(n); };
    return address + " - - [30/Nov/2026:16:" + two(second / 60) + ":" + two(second % 60) +
           " +0000] \"GET " + target + " HTTP/1.1\" 400 812us 33 - \"curl/8\" 4f1e\n";
}

TEST(AccessLogLine, IsReadAsWeWriteItAndAsOthersDo) {
    const auto ours = parseLine(line("192.0.2.7", 3, "/wsapi/nothing"));
    ASSERT_TRUE(ours);
    EXPECT_EQ(ours->seconds, 1'796'054'403);
    EXPECT_EQ(ours->address + " " + ours->method + " " + ours->path + " " + ours->agent,
              "192.0.2.7 GET /wsapi/nothing curl/8");
    EXPECT_EQ(ours->status, 400U);
    const auto combined = parseLine(
        "2001:db8::1 - ann [30/Nov/2026:17:00:03 +0100] \"POST /verify?x=1 HTTP/1.1\" 200 5 "
        "\"https://site.example/\" \"Mozilla/5.0 (X11)\"");
    ASSERT_TRUE(combined);
    EXPECT_EQ(combined->seconds, 1'796'054'403) << "an hour east of it";
    EXPECT_EQ(combined->path + " " + combined->query + " " + combined->agent,
              "/verify x=1 Mozilla/5.0 (X11)");
    for (const char* none : {"", "-", "192.0.2.7 - - [now] \"GET / HTTP/1.1\" 200 1",
                             "192.0.2.7 - - [30/Nov/2026:16:00:03 +0000] \"GET /\" 200 1",
                             "192.0.2.7 - - [30/Nov/2026:16:00:03 +0000] \"GET / HTTP/1.1\" - 1"})
        EXPECT_FALSE(parseLine(none)) << none;
}

TEST(Replay, SaysWhomALimitWouldHaveHinderedInTheLogsOwnTime) {
    std::string log = "a line that is none\n";
    for (int i = 0; i < 15; ++i) log += line("192.0.2.7", 0, "/wsapi/nothing");
    // One every ten seconds is what the limit sustains.
    for (unsigned i = 1; i <= 20; ++i) log += line("192.0.2.7", 10 * i, "/wsapi/nothing");
    log += line("198.51.100.1", 200, "/wsapi/nothing");
    std::istringstream in(log);
    std::ostringstream each;
    const auto r = replay(kRate, kLimits, in, each, {false, true});
    EXPECT_EQ(r.lines, 37U);
    EXPECT_EQ(r.skipped, 1U);
    EXPECT_EQ(r.judged, 36U);
    EXPECT_EQ(r.hindered, 5U) << "the burst is ten, and what is refused costs nothing";
    ASSERT_EQ(r.rules.count("throttle unknown"), 1U);
    EXPECT_EQ(r.rules.at("throttle unknown").addresses.size(), 1U);
    EXPECT_EQ(r.rules.at("throttle unknown").routes.at("unknown"), 5U);
    EXPECT_THAT(each.str(), HasSubstr("192.0.2.7 GET /wsapi/nothing throttle unknown\n"));
    std::ostringstream text;
    show(r, text);
    EXPECT_THAT(text.str(), HasSubstr("36 requests judged, 5 hindered; 1 of 37 lines"));
    EXPECT_THAT(text.str(), HasSubstr("throttle unknown            5 requests of 1 addresses: "
                                      "unknown 5\n"));
}

TEST(Replay, OtherLimitsSayOtherThings) {
    std::string log;
    for (int i = 0; i < 15; ++i) log += line("192.0.2.7", 0, "/wsapi/nothing");
    std::istringstream in(log);
    std::ostringstream none;
    const std::string more =
        std::string(kLimits).replace(std::string(kLimits).find("10\n"), 2, "15");
    EXPECT_EQ(replay(kRate, more, in, none, {}).hindered, 0U);
    EXPECT_EQ(none.str(), "");
}

TEST(Replay, WhatIsNoHeuristicIsRefused) {
    std::istringstream in;
    std::ostringstream out;
    EXPECT_THROW((void)replay(PERSONA_PLUGIN_DIR "/antiabuse.so", "", in, out, {}),
                 std::runtime_error);
    EXPECT_THROW((void)replay("/nowhere.so", "", in, out, {}), std::runtime_error);
    EXPECT_THROW((void)replay(kRate, "burst: 3\n", in, out, {}), std::runtime_error);
}

}  // namespace
}  // namespace persona::antiabuse
