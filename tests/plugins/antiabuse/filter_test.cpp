#include <gmock/gmock.h>
#include <sys/socket.h>

#include "host/admin/ctl.h"
#include "host/net/reactor.h"
#include "host/tables/tables.h"
#include "libs/wsapi/session_class.h"
#include "tests/host/bridge/host_fixture.h"

/// The filter that acts on the heuristics' verdicts, in a chain of a whole host.
namespace persona::host::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

constexpr const char* kSample =
    "{id: sample, module: sample_heuristic.so, on_error: allow, config: {weight: 0}}";

struct Abuse : HostUnderTest {
    void configure(const std::string& options, const std::string& heuristics = kSample) const {
        write("{id: antiabuse, module: " PERSONA_PLUGIN_DIR
              "/antiabuse.so, on_error: deny, config: {secrets: {antiabuse: " +
                  dir + "/s/antiabuse, class: " + dir + "/s/class}, explain: {file: " + dir +
                  "/explain.jsonl}" + (options.empty() ? "" : ", " + options) + "}}",
              "heuristics: [" + heuristics + "]\n");
    }
    [[nodiscard]] std::string explained() const { return read(dir + "/explain.jsonl"); }
    [[nodiscard]] long count(const std::string& name) const {
        return metric("browserid_echo_antiabuse_" + name + "_total");
    }
};

TEST(AntiAbuse, ARefusalSaysHowLongAndNotWhy) {
    Abuse t;
    t.configure("");
    ASSERT_EQ(t.start(), "");
    EXPECT_EQ(t.ask().status, 200);
    const auto no = t.ask("X-Judge: throttle\r\n", "", "/wsapi/session_context");
    EXPECT_EQ(no.status, 429);
    const auto wait = std::atoi(no.field("Retry-After").c_str());
    EXPECT_GE(wait, 8);
    EXPECT_LE(wait, 10) << "8 s and up to a quarter more";
    EXPECT_THAT(no.field("BID-AA-Id"), MatchesRegex("[0-9a-f]{16}"));
    EXPECT_EQ(no.field("RateLimit-Policy"), "\"told-to\";q=7;w=60");
    EXPECT_THAT(no.field("RateLimit"), HasSubstr("\"told-to\";r=0;t="));
    EXPECT_EQ(no.body, "{\"success\":false,\"reason\":\"too many requests\",\"retry_after\":" +
                           std::to_string(wait) + "}");
    EXPECT_THAT(t.ask("X-Judge: throttle\r\n").body,
                MatchesRegex("too many requests; try again in [0-9]+ s\n"))
        << "a page is told in words";
    EXPECT_EQ(t.ask("X-Judge: deny\r\n").status, 403);
    EXPECT_EQ(t.ask("X-Judge: shed\r\n").status, 503);
    EXPECT_EQ(t.ask("X-Judge: drop\r\n").status, 0);
    EXPECT_EQ(t.count("sample_deny"), 1);
    EXPECT_EQ(t.count("sample_drop"), 1);
    ASSERT_TRUE(
        await([&] { return t.explained().find(no.field("BID-AA-Id")) != std::string::npos; }));
    EXPECT_THAT(t.explained(), HasSubstr("\"rule\":\"sample.told-to\",\"verdict\":\"throttle\","
                                         "\"mode\":\"enforce\""));
    EXPECT_THAT(t.explained(), Not(HasSubstr("127.0.0.1")));
}

TEST(AntiAbuse, WhatIsOnlyListenedToIsCountedAndExplained) {
    Abuse t;
    t.configure("modes: {sample: monitor}");
    ASSERT_EQ(t.start(), "");
    for (int i = 0; i < 60; ++i) EXPECT_EQ(t.ask("X-Judge: deny\r\n").status, 200);
    EXPECT_EQ(t.count("sample_deny_monitor"), 60);
    EXPECT_EQ(t.count("sample_deny"), 0);
    EXPECT_EQ(t.count("refused"), 0);
    EXPECT_TRUE(
        await([&] { return t.explained().find("\"mode\":\"monitor\"") != std::string::npos; }));
}

TEST(AntiAbuse, ThePageTellsDecisionsAndModesApart) {
    Abuse t;
    t.configure("modes: {sample: off}");
    ASSERT_EQ(t.start(), "");
    const auto page = [&] {
        net::testing::RawClient client(t.host->port("admin"));
        client.send("GET /metrics HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
        return client.readAll();
    };
    EXPECT_THAT(page(), HasSubstr("\nbid_aa_mode{detector=\"sample\"} 0\n"));
    EXPECT_THAT(page(), HasSubstr("\nbid_aa_state_entries{table=\"antiabuse.prefixes\"} "));
    const auto decided = [](const char* route, const char* mode, int n) {
        return HasSubstr("\nbid_aa_decisions_total{heuristic=\"sample\",route=\"" +
                         std::string(route) + "\",verdict=\"deny\",mode=\"" + mode + "\"} " +
                         std::to_string(n) + "\n");
    };
    t.configure("modes: {sample: monitor}");
    ASSERT_TRUE(t.reload().ok);
    EXPECT_THAT(page(), HasSubstr("\nbid_aa_mode{detector=\"sample\"} 1\n"));
    EXPECT_EQ(t.ask("X-Judge: deny\r\n", "", "/wsapi/session_context").status, 200);
    t.configure("");
    ASSERT_TRUE(t.reload().ok);
    for (int i = 0; i < 2; ++i)
        EXPECT_EQ(t.ask("X-Judge: deny\r\n", "", "/wsapi/session_context").status, 403);
    EXPECT_EQ(t.ask("X-Judge: deny\r\n", "", "/wsapi/nothing").status, 403);
    EXPECT_THAT(page(), AllOf(decided("context", "monitor", 1), decided("context", "enforce", 2),
                              decided("unknown", "enforce", 1)));
    EXPECT_THAT(page(), HasSubstr("\nbid_aa_mode{detector=\"sample\"} 3\n"));
    EXPECT_THAT(page(), Not(HasSubstr("persona_bid_aa")));
}

TEST(AntiAbuse, WhatIsOffIsNotAsked) {
    Abuse t;
    t.configure("modes: {sample: off}");
    ASSERT_EQ(t.start(), "");
    EXPECT_EQ(t.ask("X-Judge: throw\r\n").status, 200);
    EXPECT_EQ(t.metric("browserid_heuristic_sample_fault_failed_total"), 0);
}

TEST(AntiAbuse, AReasonMayHaveAModeOfItsOwn) {
    Abuse t;
    t.configure("modes: {sample.told-to: monitor}");
    ASSERT_EQ(t.start(), "");
    EXPECT_EQ(t.ask("X-Judge: deny\r\n").status, 200);
}

TEST(AntiAbuse, OneThatFailsGetsItsOnErrorAndIsNoLongerActedOn) {
    Abuse t;
    t.configure("");
    ASSERT_EQ(t.start(), "");
    EXPECT_EQ(t.ask("X-Judge: throw\r\n").status, 200) << "on_error: allow";
    EXPECT_EQ(t.count("heuristic_faults"), 1);
}

TEST(AntiAbuse, ManyRefusalsLeadIntoTheBox) {
    Abuse t;
    t.configure("strikes: {box_after: 5, drop_after: 8}, box: {first: 60s}");
    ASSERT_EQ(t.start(), "");
    int refused = 0, cut = 0, other = 0;
    for (int i = 0; i < 5; ++i) EXPECT_EQ(t.ask("X-Judge: deny\r\n").status, 403) << i;
    for (int i = 0; i < 12; ++i) {
        const auto a = t.ask();
        if (a.status == 429) {
            ++refused;
            EXPECT_GT(std::atoi(a.field("Retry-After").c_str()), 30);
        } else if (a.status == 0) {
            ++cut;
        } else {
            ++other;
        }
    }
    EXPECT_EQ(other, 0);
    EXPECT_GE(refused, 2);
    EXPECT_GE(cut, 6) << "who does not stop is not answered any more";
    EXPECT_GE(t.count("penalty_throttle"), 2);
}

TEST(AntiAbuse, AKnownBrowserIsNotInTheBoxOfItsNeighbours) {
    Abuse t;
    t.configure("strikes: {box_after: 3, drop_after: 4}");
    ASSERT_EQ(t.start(), "");
    for (int i = 0; i < 6; ++i) t.ask("X-Judge: deny\r\n");
    EXPECT_NE(t.ask().status, 200);
    const wsapi::ClassCookies cookies(*wsapi::loadOrCreateKeyRing(t.dir + "/s/class"), true);
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    const auto set = *cookies.signedIn("", "a@b.org", now + 86'400'000, now);
    const auto cookie = "Cookie: " + set.substr(0, set.find(';')) + "\r\n";
    EXPECT_EQ(t.ask(cookie).status, 200);
    auto forged = cookie;
    forged[forged.size() - 3] = forged[forged.size() - 3] == 'A' ? 'B' : 'A';
    EXPECT_NE(t.ask(forged).status, 200);
    const auto out = *cookies.signedOut(set.substr(0, set.find(';')), now);
    const auto device = "Cookie: " + out.substr(0, out.find(';')) +
                        "\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    EXPECT_EQ(t.ask(device, "email=A%40b.org&pass=x", "/wsapi/authenticate_user").status, 200);
    EXPECT_NE(t.ask(device, "email=c%40b.org&pass=x", "/wsapi/authenticate_user").status, 200)
        << "known to one account is not known to all";
}

/// The Cookie field of a browser in which somebody has just signed in.
std::string signedIn(const Abuse& t, const std::string& address = "a@b.org") {
    const wsapi::ClassCookies cookies(*wsapi::loadOrCreateKeyRing(t.dir + "/s/class"), true);
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    const auto set = *cookies.signedIn("", address, now + 86'400'000, now);
    return "Cookie: " + set.substr(0, set.find(';')) + "\r\n";
}

TEST(AntiAbuse, WhoSignedInIsServedFirstAsOftenAsAPersonAsks) {
    Abuse t;
    t.configure("");
    ASSERT_EQ(t.start(), "");
    const auto cookie = signedIn(t);
    const auto asks = cookie + "X-Judge: strangers\r\n";
    const auto ask = [&] { return t.ask(asks, "", "/wsapi/session_context").status; };
    EXPECT_EQ(t.ask("X-Judge: strangers\r\n", "", "/wsapi/session_context").status, 403);
    int passed = 0;
    while (passed < 2'000 && ask() == 200) ++passed;
    EXPECT_GE(passed, 60);
    EXPECT_LT(passed, 2'000) << "who asks more is one of many";
    EXPECT_EQ(t.ask(asks + "Content-Type: application/x-www-form-urlencoded\r\n",
                    "email=a%40b.org&pass=x", "/wsapi/authenticate_user")
                  .status,
              403)
        << "whatever account he names";
    EXPECT_EQ(t.ask(asks, "", "/").status, 200) << "files are counted apart";
    EXPECT_EQ(t.ask(signedIn(t) + "X-Judge: strangers\r\n", "", "/wsapi/session_context").status,
              200)
        << "and other browsers are";
}

TEST(AntiAbuse, ACookieOfAnotherKeyIsHeldAgainstItsSenderOnce) {
    Abuse t;
    t.configure("", "{id: reputation, module: " PERSONA_PLUGIN_DIR
                    "/antiabuse/reputation.so, on_error: allow, config: {block: 60}}");
    ASSERT_EQ(t.start(), "");
    const auto forged = [](int nth) {
        return "Cookie: bid_class=500000.500000.abcdefghijklmno" + std::to_string(nth) +
               "..abcdefghijklmnopqrstuv\r\n";
    };
    const auto score = [&] { return t.ask("", "", "/wsapi/session_context").status; };
    for (int load = 0; load < 3; ++load) {
        for (int file = 0; file < 13; ++file) t.ask(forged(0), "", "/" + std::to_string(file));
        t.ask(forged(0), "", "/wsapi/session_context");
    }
    EXPECT_EQ(score(), 200) << "60 or more";
    for (int nth = 1; nth < 6; ++nth) t.ask(forged(nth), "", "/wsapi/session_context");
    EXPECT_EQ(score(), 429) << "who tries many";
}

TEST(AntiAbuse, TheTrustedAreNeverRefusedAndNeverStruck) {
    Abuse t;
    t.configure("trusted: [127.0.0.0/8], strikes: {box_after: 3}");
    ASSERT_EQ(t.start(), "");
    for (int i = 0; i < 20; ++i) EXPECT_EQ(t.ask("X-Judge: deny\r\n").status, 200);
    EXPECT_EQ(t.count("penalty_throttle"), 0);
}

TEST(AntiAbuse, BodiesAreReadAsTheRolesReadThem) {
    Abuse t;
    t.configure("");
    ASSERT_EQ(t.start(), "");
    const std::string form = "Content-Type: application/x-www-form-urlencoded\r\n",
                      json = "Content-Type: Application/JSON; charset=utf-8\r\n";
    const auto login = [&](const std::string& type, const std::string& body) {
        return t.ask(type, body, "/wsapi/authenticate_user").status;
    };
    EXPECT_EQ(login(form, "email=a%40b.org&pass=x"), 200);
    EXPECT_EQ(login(json, R"({"email":"a@b.org","pass":"x"})"), 200);
    EXPECT_EQ(login(form, "email=a%40b.org&email=c%40b.org"), 400) << "which of them is it?";
    EXPECT_EQ(login(json, R"({"email":"a@b.org","email":"c@b.org"})"), 400);
    EXPECT_EQ(login(json, R"({"email":)"), 400);
    EXPECT_EQ(login(json + "Content-Encoding: gzip\r\n", R"({"email":"a@b.org"})"), 400);
    // A type for us and another one for the role would hide the address.
    EXPECT_EQ(login(json + "Content-Type: text/plain\r\n", R"({"email":"a@b.org"})"), 400);
    EXPECT_EQ(login("Content-Type: text/plain\r\n" + json, R"({"email":"a@b.org"})"), 400);
    EXPECT_EQ(login(json + form, R"({"siteLogo":"https://x/?&email=mine@x&","email":"a@b.org"})"),
              400);
    EXPECT_EQ(login(form, std::string(20'000, 'a')), 413);
    EXPECT_EQ(t.ask("Content-Type: application/json\r\n", "]", "/other").status, 200)
        << "other routes are not looked into";
    EXPECT_EQ(t.count("parser_deny"), 4);
}

TEST(AntiAbuse, AnEmptyChunkedBodyDoesNotPassUnseen) {
    Abuse t;
    t.configure("");
    ASSERT_EQ(t.start(), "");
    net::testing::RawClient client(t.port());
    client.send(
        "POST /wsapi/authenticate_user HTTP/1.1\r\nHost: t\r\nX-Judge: deny\r\n"
        "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n");
    EXPECT_EQ(HostUnderTest::parse(client.readAll()).status, 403);
}

TEST(AntiAbuse, WhoHangsUpBeforeTheAnswerHasTried) {
    Abuse t;
    t.configure("",
                "{id: login, module: " PERSONA_PLUGIN_DIR "/antiabuse/login.so, on_error: allow}");
    ASSERT_EQ(t.start(), "");
    const std::string form = "Content-Type: application/x-www-form-urlencoded\r\n",
                      guess = "email=a%40b.org&pass=x";
    for (int i = 1; i <= 5; ++i) {
        net::testing::RawClient client(t.port());
        client.send("POST /wsapi/authenticate_user HTTP/1.1\r\nHost: t\r\nX-Silence: 1\r\n" + form +
                    "Content-Length: " + std::to_string(guess.size()) + "\r\n\r\n" + guess);
        ASSERT_TRUE(await([&] { return t.count("passed") == i; }));
        const linger reset{1, 0};
        ::setsockopt(client.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
    ASSERT_TRUE(await([&] { return t.metric("engine_client_gone_total") == 5; }));
    EXPECT_EQ(t.ask("", "", "/wake").status, 200);
    EXPECT_EQ(t.ask(form, guess, "/wsapi/authenticate_user").status, 429);
}

TEST(AntiAbuse, ConfigurationMistakesAreNamed) {
    const auto start = [](const std::string& options) {
        Abuse t;
        t.configure(options);
        return t.start();
    };
    EXPECT_THAT(start("modes: {nobody: off}"), HasSubstr("no heuristic has the id 'nobody'"));
    EXPECT_THAT(start("modes: {sample: loud}"), HasSubstr("expected off, monitor"));
    EXPECT_THAT(start("trusted: [here]"), HasSubstr("expected a network such as"));
    EXPECT_THAT(start("default_mode: on"), HasSubstr("default_mode"));
}

TEST(AntiAbuse, TheShippedRateLimitHoldsOverSwaps) {
    Abuse t;
    t.configure("", "{id: rate, module: " PERSONA_PLUGIN_DIR
                    "/antiabuse/rate.so, on_error: allow, config: {unknown: {per_second: 0.1, "
                    "burst: 5}}}");
    ASSERT_EQ(t.start(), "");
    const auto ask = [&] { return t.ask("", "", "/wsapi/nothing").status; };
    for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(), 200);
    ASSERT_TRUE(t.reload().ok);
    for (int i = 0; i < 2; ++i) EXPECT_EQ(ask(), 200);
    EXPECT_EQ(ask(), 429) << "what was spent before the swap is spent";
}

struct Said {
    int code = -1;
    std::string out, err;
};
Said ctl(const Abuse& t, std::vector<std::string> words) {
    words.insert(words.begin(), {"--socket", t.dir + "/ctl.sock", "aa"});
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    Said s;
    s.code = admin::ctlMain(words);
    s.out = ::testing::internal::GetCapturedStdout();
    s.err = ::testing::internal::GetCapturedStderr();
    return s;
}

TEST(AntiAbuse, WhoLooksForNothingThatIsThereIsNotAsked) {
    Abuse t;
    const auto one = [](const std::string& id) {
        return "{id: " + id + ", module: " PERSONA_PLUGIN_DIR "/antiabuse/" + id +
               ".so, on_error: allow}";
    };
    t.configure("", one("acl") + ", " + one("cache"));
    ASSERT_EQ(t.start(), "");
    for (const auto* target : {"/", "/?a=b", "/wsapi/session_context?a=b"})
        EXPECT_EQ(t.ask("", "", target).status, 200);
    EXPECT_THAT(ctl(t, {"show", "acl"}).out, HasSubstr("\"calls\":0,")) << "it has no list";
    EXPECT_THAT(ctl(t, {"show", "cache"}).out, HasSubstr("\"calls\":1,"))
        << "it looks at queries of files and pages";
}

/// A machine that had been up for long, and was started anew 20 s later: its clock began at
/// nothing.
struct AfterReboot : Abuse {
    static constexpr std::int64_t kSecond = 1'000'000'000;
    AfterReboot() {
        configure(
            "", "{id: stuffing, module: " PERSONA_PLUGIN_DIR
                "/antiabuse/stuffing.so, on_error: allow}, {id: surge, module: " PERSONA_PLUGIN_DIR
                "/antiabuse/surge.so, on_error: allow}");
        std::filesystem::create_directories(dir + "/state");
        std::string error;
        before = std::make_unique<tables::Tables>(
            tables::loadSecret(dir + "/state/test.tables.secret", error));
    }
    void flag(const std::string& table, const std::string& key, std::int64_t value) const {
        bool replaced = false;
        std::string error;
        auto* t =
            before->openCounters(table, {sizeof(psn_counter_spec), 64, 0, 0}, replaced, error);
        ASSERT_NE(t, nullptr) << error;
        t->setFlag(key, static_cast<std::uint32_t>(value), then);
    }
    void comeBack() {
        const auto wall =
            std::chrono::system_clock::now().time_since_epoch() / std::chrono::milliseconds(1);
        ASSERT_EQ(before->save(dir + "/state/test.tables", wall - 20'000, then), "");
        ASSERT_EQ(start(), "");
    }
    [[nodiscard]] std::string shown() const {
        return ctl(*this, {"show", "stuffing"}).out + ctl(*this, {"show", "surge"}).out;
    }
    const std::int64_t then = net::monotonicNs() + 1'000'000 * kSecond;
    std::unique_ptr<tables::Tables> before;
};

TEST(AntiAbuse, NoAlarmOutlivesARebootByTheOldClock) {
    AfterReboot t;
    for (const auto* key : {"i", "p"}) t.flag("stuffing.state", key, t.then / t.kSecond + 60);
    for (const auto* key : {"0e", "1e", "2e"}) t.flag("surge.state", key, t.then / t.kSecond + 60);
    t.comeBack();
    EXPECT_THAT(t.shown(), AllOf(HasSubstr("\"sign_in\":false,\"sign_up\":false"),
                                 HasSubstr("\"calls\":false,\"mails\":false,\"rest\":false")));
}

TEST(AntiAbuse, AnAlarmGoesOnForWhatWasLeftOfIt) {
    AfterReboot t;
    t.flag("stuffing.state", "I", 200);
    t.flag("stuffing.state", "P", 20);
    t.flag("surge.state", "0l", 59);
    t.flag("surge.state", "1l", 19);
    t.flag("surge.state", "2l", 1'000'000);
    t.comeBack();
    EXPECT_THAT(t.shown(), AllOf(HasSubstr("\"sign_in\":true,\"sign_up\":false"),
                                 HasSubstr("\"calls\":true,\"mails\":false")));
}

TEST(AntiAbuse, TheOperatorSeesAndChangesModes) {
    Abuse t;
    t.configure("");
    ASSERT_EQ(t.start(), "");
    const auto list = ctl(t, {"list"});
    EXPECT_EQ(list.code, 0) << list.err;
    EXPECT_THAT(list.out, HasSubstr("sample        enforce"));
    EXPECT_THAT(list.out, HasSubstr("penalty       enforce"));
    EXPECT_EQ(t.ask("X-Judge: deny\r\n").status, 403);
    EXPECT_EQ(ctl(t, {"mode", "sample", "monitor"}).code, 0);
    EXPECT_EQ(t.ask("X-Judge: deny\r\n").status, 200) << "at once, without a reload";
    ASSERT_TRUE(t.reload().ok);
    EXPECT_EQ(t.ask("X-Judge: deny\r\n").status, 200) << "and it outlives a swap";
    EXPECT_EQ(ctl(t, {"mode", "sample", "default"}).code, 0);
    EXPECT_EQ(t.ask("X-Judge: deny\r\n").status, 403);
    EXPECT_THAT(ctl(t, {"show", "sample"}).out, HasSubstr("\"mode\":\"enforce\""));
    const auto wrong = ctl(t, {"mode", "sample", "loud"});
    EXPECT_EQ(wrong.code, 1);
    EXPECT_THAT(wrong.err, HasSubstr("expected off, monitor"));
    EXPECT_EQ(ctl(t, {"mode", "nobody", "off"}).code, 1);
    EXPECT_EQ(ctl(t, {"dance"}).code, 1);
    EXPECT_EQ(ctl(t, {}).code, 64);
}

TEST(AntiAbuse, TheOperatorGetsARefusalExplained) {
    Abuse t;
    t.configure("");
    ASSERT_EQ(t.start(), "");
    const auto id = t.ask("X-Judge: throttle\r\n").field("BID-AA-Id");
    const auto why = ctl(t, {"explain", id});
    EXPECT_EQ(why.code, 0) << why.err;
    EXPECT_THAT(why.out, HasSubstr("\"rule\":\"sample.told-to\""));
    EXPECT_THAT(why.out, HasSubstr("\"budget\":7,\"observed\":8,\"window_ms\":60000"));
    EXPECT_THAT(ctl(t, {"explain", "0123456789abcdef"}).err, HasSubstr("not among the last"));
    EXPECT_THAT(ctl(t, {"explain", "xyz"}).err, HasSubstr("expected 16 hex digits"));
}

TEST(AntiAbuse, TheOperatorBlocksAndUnblocks) {
    Abuse t;
    t.configure("");
    ASSERT_EQ(t.start(), "");
    const auto blocked = ctl(t, {"block", "127.0.0.1", "120"});
    EXPECT_EQ(blocked.code, 0) << blocked.err;
    const auto no = t.ask();
    EXPECT_EQ(no.status, 429);
    EXPECT_GE(std::atoi(no.field("Retry-After").c_str()), 100);
    EXPECT_EQ(ctl(t, {"unblock", "127.0.0.1"}).code, 0);
    EXPECT_EQ(t.ask().status, 200);
    EXPECT_EQ(ctl(t, {"block", "localhost"}).code, 1);
    EXPECT_EQ(ctl(t, {"block", "192.0.2.1", "soon"}).code, 1);
}

TEST(AntiAbuse, AccountsThatSignInGiveTheirPrefixCredit) {
    Abuse t;
    t.configure("strikes: {box_after: 5}, box: {longest_with_credit: 20s}");
    ASSERT_EQ(t.start(), "");
    const std::string form =
        "Content-Type: application/x-www-form-urlencoded\r\nX-Outcome: auth_ok, wk_miss\r\n";
    const auto credit = [&] { return ctl(t, {"unblock", "127.0.0.1"}).out; };
    for (int round = 0; round < 2; ++round)
        for (int i = 0; i < 7; ++i)
            t.ask(form, "pass=x&email=u" + std::to_string(i) + "%40b.org",
                  "/wsapi/authenticate_user");
    EXPECT_THAT(credit(), HasSubstr("\"credit\":7}")) << "each account once";
    t.ask("Content-Type: application/x-www-form-urlencoded\r\nX-Outcome: auth_fail\r\n",
          "pass=x&email=z%40b.org", "/wsapi/authenticate_user");
    t.ask(form, "pass=x", "/wsapi/authenticate_user");
    EXPECT_THAT(credit(), HasSubstr("\"credit\":7}"));
    // Where people sign in, the box is short, and only for what can wait.
    for (int i = 0; i < 6; ++i) t.ask("X-Judge: deny\r\n");
    EXPECT_EQ(t.ask().status, 200) << "a page";
    const auto stranger = t.ask("", "", "/wsapi/session_context");
    EXPECT_EQ(stranger.status, 429);
    EXPECT_LE(std::atoi(stranger.field("Retry-After").c_str()), 26);
    EXPECT_EQ(t.ask("", "", "/verify").status, 429) << "as a boxed prefix nobody vouches for";
}

TEST(AntiAbuse, WhatAMailBeganGoesOn) {
    Abuse t;
    t.configure("strikes: {box_after: 3, drop_after: 100}");
    ASSERT_EQ(t.start(), "");
    t.ask("Content-Type: application/x-www-form-urlencoded\r\nX-Outcome: mail_sent\r\n",
          "email=a%40b.org&pass=x&site=https%3A%2F%2Frp.example", "/wsapi/stage_user");
    for (int i = 0; i < 5; ++i) t.ask("X-Judge: deny\r\n");
    EXPECT_EQ(t.ask().status, 429);
    EXPECT_EQ(t.ask("", "", "/wsapi/user_creation_status?email=A%40b.org").status, 200);
    EXPECT_EQ(t.ask("", "", "/wsapi/user_creation_status?email=c%40b.org").status, 429);
    EXPECT_EQ(t.ask("Content-Type: application/json\r\n", "{\"token\":\"x\"}",
                    "/wsapi/complete_user_creation")
                  .status,
              200);
}

}  // namespace
}  // namespace persona::host::testing
