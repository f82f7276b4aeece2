#include <gmock/gmock.h>

#include "tests/host/bridge/host_fixture.h"

/// What a filter may do with heads, and what comes of those that do it wrong.
namespace persona::host::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

struct Deed {
    const char* name;
    const char* field;  ///< that asks for it
    int with_deny, with_allow;
    const char* says;        ///< in the log; "" nothing
    const char* fault = "";  ///< the kind that is counted; "" none
    // What it may not do, and was refused with a code.
    const char* misuse = "";   ///< the kind that is counted; "" none
    int times = 0;             ///< in one request
    const char* refused = "";  ///< what is said then
};
class FilterDeed : public ::testing::TestWithParam<Deed> {};

TEST_P(FilterDeed, IsAnsweredAsOnErrorSaysAndTheHostStaysUp) {
    for (const std::string on_error : {"deny", "allow"}) {
        HostUnderTest t;
        t.write(sample("", on_error));
        ASSERT_EQ(t.start(), "");
        const auto field = std::string(GetParam().field) + "\r\n";
        const int expected = on_error == "deny" ? GetParam().with_deny : GetParam().with_allow;
        EXPECT_EQ(t.ask(field).status, expected) << on_error;
        EXPECT_EQ(t.ask(field, "a body").status, expected) << on_error << " with a body";
        if (*GetParam().says != '\0') {
            EXPECT_TRUE(t.logHas(GetParam().says)) << t.log();
        }
        for (const std::string kind :
             {"resumed_twice", "resumed_late", "replied_twice", "too_much"}) {
            const auto expected_times = kind == GetParam().misuse ? 2 * GetParam().times : 0;
            const auto name = "browserid_echo_sample_misuse_" + kind + "_total";
            EXPECT_TRUE(await([&] { return t.metric(name) == expected_times; }))
                << name << " " << t.metric(name);
        }
        if (GetParam().times != 0) {
            EXPECT_TRUE(t.logHas(GetParam().refused)) << t.log();
        }
        EXPECT_EQ(t.ask().status, 200) << "the next request is served";
        for (const char* kind : {"failed", "bad_result", "deadline"})
            EXPECT_EQ(t.metric("browserid_echo_sample_fault_" + std::string(kind) + "_total"),
                      kind == std::string(GetParam().fault) ? 2 : 0)
                << kind;
        // Every stream that was opened was completed, once.
        EXPECT_TRUE(await([&] { return t.metric("browserid_echo_sample_completed_total") == 3; }))
            << t.metric("browserid_echo_sample_completed_total");
        EXPECT_TRUE(await([&] { return t.generations().front().in_flight == 0; }));
        t.stop();
        EXPECT_THAT(t.log(), Not(HasSubstr("WRONG"))) << t.log();
    }
}

INSTANTIATE_TEST_SUITE_P(
    All, FilterDeed,
    ::testing::Values(
        Deed{"Throws", "X-Do: throw", 503, 200, "told to throw", "failed"},
        Deed{"ThrowsAnInt", "X-Do: throw-int", 503, 200, "no std::exception", "failed"},
        Deed{"Fails", "X-Do: fail", 503, 200, "the filter failed", "failed"},
        Deed{"UnknownResult", "X-Do: unknown", 503, 200, "unknown result", "bad_result"},
        Deed{"Stalls", "X-Do: stall", 503, 200, "pause_deadline passed", "deadline"},
        Deed{"Replies", "X-Do: reply", 418, 418, ""},
        Deed{"RepliesTwice", "X-Do: reply-twice", 418, 418, "", "", "replied_twice", 1,
             "answered a request that has its answer"},
        Deed{"RepliesAndContinues", "X-Do: reply-and-continue", 503, 200, "without saying REPLY",
             "bad_result"},
        Deed{"SaysReplyWithoutOne", "X-Do: reply-without", 503, 200, "REPLY without respond()",
             "bad_result"},
        Deed{"PausesWithoutToken", "X-Do: pause-without", 503, 200, "paused without a token",
             "bad_result"},
        Deed{"TakesATokenInVain", "X-Do: token-unused", 200, 200, ""},
        Deed{"Aborts", "X-Do: abort", 0, 0, ""}, Deed{"Pauses", "X-Do: pause", 200, 200, ""},
        Deed{"ResumesInsideTheCall", "X-Do: pause-at-once", 200, 200, ""},
        Deed{"ResumesTwice", "X-Do: resume-twice", 200, 200, "", "", "resumed_twice", 1,
             "resumed a request that it had resumed already"},
        Deed{"ResumesLate", "X-Do: resume-late", 503, 200, "pause_deadline passed", "deadline",
             "resumed_late", 1, "resumed a request whose pause was over"},
        Deed{"ResumesWithoutAPause", "X-Do: resume-unpaused", 200, 200, "", "", "resumed_late", 1,
             "resumed a request whose pause was over"},
        Deed{"PausesThenReplies", "X-Do: pause-reply", 418, 418, ""},
        Deed{"PausesThenRepliesBadlyAndWell", "X-Do: pause-bad-replies", 418, 418, ""},
        Deed{"PausesThenFails", "X-Do: pause-fail", 503, 200, "resumed with FAIL", "failed"},
        Deed{"Meddles", "X-Do: meddle", 200, 200, ""},
        Deed{"AsksForTooLargeAValue", "X-Do: large-value", 200, 200, "", "", "too_much", 1,
             "refused: a value of over 4 KiB"},
        Deed{"AsksForTooManyValues", "X-Do: many-values", 200, 200, "", "", "too_much", 1,
             "refused: over 64 values in a request"},
        Deed{"AsksForTooManyFields", "X-Do: many-fields", 200, 200, "", "", "too_much", 1,
             "refused: a request of over 256 fields"},
        Deed{"AsksForTooManyFieldsInTheResponse", "X-Do-Response: many-response-fields", 200, 200,
             "", "", "too_much", 1, "refused: an answer of over 256 fields"},
        Deed{"AsksForTooLongAField", "X-Do: long-field", 200, 200, "", "", "too_much", 1,
             "refused: a field of over 16 KiB"},
        Deed{"AsksForTooLargeAnAnswer", "X-Do: large-answer", 200, 200, "", "", "too_much", 1,
             "refused: max_body of over 64 MiB"},
        Deed{"AsksForWhatIsNotItsOwn", "X-Do: not-its-own", 200, 200, ""},
        Deed{"CallsOthersBadly", "X-Do: bad-calls", 200, 200, "", "", "too_much", 1,
             "refused: a call with over 256 fields"},
        Deed{"IsSlow", "X-Do: slow", 200, 200, "its budget is 1000 us"},
        Deed{"ReleasesTooMuch", "X-Do: release-too-much", 200, 200, "release() without hold()"},
        Deed{"ThrowsAtTheResponse", "X-Do-Response: throw", 503, 200, "told to throw", "failed"},
        Deed{"RepliesAtTheResponse", "X-Do-Response: reply", 418, 418, ""},
        Deed{"PausesTheResponse", "X-Do-Response: pause", 200, 200, ""},
        Deed{"PausesTheResponseThenReplies", "X-Do-Response: pause-reply", 418, 418, ""},
        Deed{"StallsAtTheResponse", "X-Do-Response: stall", 503, 200, "pause_deadline passed",
             "deadline"},
        Deed{"AbortsAtTheResponse", "X-Do-Response: abort", 0, 0, ""}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(FilterChain, NoSpanOfTimeIsTooLong) {
    net::testing::RawUpstream live([](net::testing::RawClient& peer, int) {
        if (!peer.readUntil("\r\n\r\n").empty())
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    });
    HostUnderTest t;
    t.write("{id: sample, module: sample_v1.so, on_error: deny, pause_deadline: 60s}");
    t.change("upstreams: [", "upstreams: [{name: live, address: \"http://127.0.0.1:" +
                                 std::to_string(live.port()) + "\"}, ");
    ASSERT_EQ(t.start(), "");
    EXPECT_EQ(t.ask("X-Do: for-ever\r\n").status, 200);
    EXPECT_EQ(t.ask("", "", "/patient").status, 200) << "forward() with a deadline of never";
    t.stop();
    EXPECT_THAT(t.log(), Not(HasSubstr("WRONG"))) << t.log();
}

TEST(FilterChain, OrderIsThatOfTheFileAndBackwardsForResponses) {
    HostUnderTest t;
    t.write(sample("mark: outer", "deny", "sample_v1.so", "outer") + "," +
            sample("mark: inner", "deny", "sample_v1.so", "inner"));
    ASSERT_EQ(t.start(), "");
    const auto a = t.ask();
    EXPECT_EQ(a.status, 200);
    const auto inner = a.head.find("X-Mark: inner"), outer = a.head.find("X-Mark: outer");
    ASSERT_NE(inner, std::string::npos) << a.head;
    ASSERT_NE(outer, std::string::npos) << a.head;
    EXPECT_LT(inner, outer) << "the inner one sees the response first";
}

TEST(FilterChain, AReplyPassesTheFiltersNearerToTheClientAndNoOther) {
    HostUnderTest t;
    t.write(sample("mark: outer", "deny", "sample_v1.so", "outer") + "," +
            sample("mark: inner", "deny", "sample_v1.so", "inner"));
    ASSERT_EQ(t.start(), "");
    // Both are asked to reply; the outer one is first and hears nothing of its own answer.
    const auto a = t.ask("X-Do: reply\r\n");
    EXPECT_EQ(a.status, 418);
    EXPECT_EQ(a.field("X-Mark"), "") << a.head;
    // At the response the inner one comes first; its reply passes the outer one, which replies too.
    const auto b = t.ask("X-Do-Response: reply\r\n");
    EXPECT_EQ(b.status, 418);
    EXPECT_EQ(b.field("X-Mark"), "") << b.head;
}

TEST(FilterChain, AnExceptionOfAPluginWithoutTheSdkStopsAtTheBorder) {
    HostUnderTest t;
    t.write("{id: raw, module: raw_thrower.so, on_error: allow}", "generations: {smoke: false}\n");
    ASSERT_EQ(t.start(), "");
    EXPECT_EQ(t.ask().status, 200);
    EXPECT_TRUE(t.logHas("an exception left the filter")) << t.log();
}

TEST(FilterChain, AThousandPausedRequestsWhoseClientsGo) {
    HostUnderTest t;
    t.write("{id: sample, module: sample_v1.so, on_error: deny, pause_deadline: 60s}");
    ASSERT_EQ(t.start(), "");
    {
        std::vector<std::unique_ptr<net::testing::RawClient>> clients;
        for (int i = 0; i < 1'000; ++i) {
            clients.push_back(std::make_unique<net::testing::RawClient>(t.port()));
            // Closed with a reset: a client that merely ended its half may wait for the answer.
            const linger reset{1, 0};
            ::setsockopt(clients.back()->fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
            clients.back()->send("GET / HTTP/1.1\r\nHost: t\r\nX-Do: stall\r\n\r\n");
        }
        EXPECT_TRUE(await([&] { return t.generations().front().in_flight == 1'000; }));
    }
    EXPECT_TRUE(await([&] { return t.generations().front().in_flight == 0; }))
        << t.generations().front().in_flight;
    EXPECT_EQ(t.metric("browserid_echo_sample_completed_total"), 1'000);
    EXPECT_EQ(t.ask().status, 200);
}

TEST(FilterChain, WhoResumesARequestWhoseClientHasGoneDoesNothingWrong) {
    HostUnderTest t;
    t.write(sample("", "allow"));
    ASSERT_EQ(t.start(), "");
    {
        net::testing::RawClient client(t.port());
        const linger reset{1, 0};
        ::setsockopt(client.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        client.send("GET / HTTP/1.1\r\nHost: t\r\nX-Do: pause-long\r\n\r\n");
        EXPECT_TRUE(await([&] { return t.generations().front().in_flight == 1; }));
    }
    EXPECT_TRUE(await([&] { return t.generations().front().in_flight == 0; }));
    EXPECT_TRUE(t.logHas("resumed after all")) << t.log();
    EXPECT_EQ(t.metric("browserid_echo_sample_misuse_resumed_late_total"), 0);
    EXPECT_EQ(t.metric("browserid_echo_sample_misuse_resumed_twice_total"), 0);
    EXPECT_EQ(t.metric("browserid_echo_sample_fault_deadline_total"), 0);
}

/// Asks at its creation for more than there is; what it is refused then is said by its own text.
TEST(FilterChain, WhoAsksForTooMuchAtItsCreationIsRefusedAndCounted) {
    HostUnderTest t;
    t.write(sample());
    ASSERT_EQ(t.start(), "");
    long times = 0;
    const auto refusal = [&](const std::string& options) {
        t.write(sample(options));
        const auto o = t.reload();
        EXPECT_FALSE(o.ok) << options;
        EXPECT_EQ(o.step, "create");
        EXPECT_EQ(t.metric("browserid_echo_sample_misuse_too_much_total"), ++times) << options;
        EXPECT_EQ(t.metric("generation_refused_create_total"), times);
        EXPECT_EQ(t.ask().status, 200);
        return o.error;
    };
    EXPECT_THAT(refusal("greed: slots"), HasSubstr("64 to 16777216 slots"));
    EXPECT_THAT(refusal("greed: tables"), HasSubstr("left of the 1073741824 for all"));
    EXPECT_THAT(refusal("greed: metrics"), HasSubstr("997 metrics were taken"));
    EXPECT_THAT(refusal("greed: timers"), ContainsRegex("99[0-9]+ timers were taken"));
    EXPECT_THAT(refusal("request_mode: buffer, max: 1GiB"), HasSubstr("16777216 octets"));
    EXPECT_TRUE(t.logHas("[sample] refused: ")) << t.log();
}

TEST(FilterChain, InprocUpstreamsInACircleEnd) {
    HostUnderTest t;
    t.write(sample());
    ASSERT_EQ(t.start(), "");
    EXPECT_EQ(t.ask("", "", "/round").status, 502);
    EXPECT_TRUE(t.logHas("round in a circle"));
    EXPECT_EQ(t.ask("", "", "/relay/x").status, 200);
    EXPECT_EQ(t.ask("", "", "/twice").body, "first");
}

}  // namespace
}  // namespace persona::host::testing
