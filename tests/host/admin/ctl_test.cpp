#include "host/admin/ctl.h"

#include "host/admin/control_client.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/host/bridge/host_fixture.h"

/// `persona-host ctl` against a running host: what it prints, and its exit codes.
namespace persona::host::testing {
namespace {

using ::testing::HasSubstr;

struct Said {
    int code = -1;
    std::string out, err;
};
Said ctl(const std::vector<std::string>& arguments) {
    Said s;
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    s.code = admin::ctlMain(arguments);
    s.out = ::testing::internal::GetCapturedStdout();
    s.err = ::testing::internal::GetCapturedStderr();
    return s;
}

class Ctl : public ::testing::Test {
  protected:
    Ctl() {
        t.write(sample());
        EXPECT_EQ(t.start(), "");
    }
    Said run(std::vector<std::string> words) {
        words.insert(words.begin(), {"--socket", t.dir + "/ctl.sock"});
        return ctl(words);
    }
    HostUnderTest t;
};

TEST_F(Ctl, ShowsGenerationsModulesCountersAndTheLogLevel) {
    t.ask();
    const auto generations = run({"generations"});
    EXPECT_EQ(generations.code, 0) << generations.err;
    EXPECT_THAT(generations.out, HasSubstr("active"));
    EXPECT_THAT(generations.out, HasSubstr("filter 'sample' of service 'echo': sample 1 "));
    const auto modules = run({"modules"});
    EXPECT_THAT(modules.out, HasSubstr("echo.so"));
    EXPECT_THAT(modules.out, HasSubstr("2 of at most 128 images are mapped"));
    const auto counters = run({"counters"});
    EXPECT_THAT(counters.out, HasSubstr("1 of 1024 slots"));
    EXPECT_THAT(counters.out, HasSubstr("browserid.echo.sample.created"));
    EXPECT_EQ(run({"loglevel"}).out, "debug\n");
    EXPECT_EQ(run({"loglevel", "error"}).out, "error\n");
    EXPECT_EQ(run({"loglevel"}).out, "error\n");
    const auto wrong = run({"loglevel", "loud"});
    EXPECT_EQ(wrong.code, 1);
    EXPECT_THAT(wrong.err, HasSubstr("expected trace, debug, info, warn or error"));
    const auto json = run({"--json", "generations"});
    EXPECT_THAT(json.out, HasSubstr("\"generations\":["));
    EXPECT_THAT(json.out, HasSubstr("\"state\":\"active\""));
}

TEST_F(Ctl, ReloadsAndReverts) {
    t.write(sample("", "deny", "sample_v2.so"));
    const auto dry = run({"reload", "--dry-run"});
    EXPECT_EQ(dry.code, 0) << dry.err;
    EXPECT_THAT(dry.out, HasSubstr("it would be published; generation 1 stays"));
    EXPECT_EQ(t.ask().field("X-Sample"), "1");
    const auto real = run({"reload"});
    EXPECT_EQ(real.code, 0) << real.err;
    // The one that was only tried had a number too.
    EXPECT_THAT(real.out, HasSubstr("generation 3 serves, published in "));
    EXPECT_EQ(t.ask().field("X-Sample"), "2");
    EXPECT_EQ(run({"revert"}).code, 0);
    EXPECT_EQ(t.ask().field("X-Sample"), "1");
    t.write(sample("fail_at: create"));
    const auto refused = run({"reload"});
    EXPECT_EQ(refused.code, 1);
    EXPECT_THAT(refused.err, HasSubstr("refused at step 'create'"));
    EXPECT_THAT(refused.err, HasSubstr("told to fail in create"));
    EXPECT_THAT(run({"generations"}).out, HasSubstr("last error: create: "));
}

TEST_F(Ctl, SaysWhatIsWrong) {
    EXPECT_EQ(run({"dance"}).code, 64);
    EXPECT_EQ(run({}).code, 64);
    EXPECT_EQ(run({"revert", "now"}).code, 64);
    EXPECT_EQ(run({"generations", "--dry-run"}).code, 64);
    EXPECT_EQ(run({"--jsno", "generations"}).code, 64);
    EXPECT_EQ(run({"--help"}).code, 0);
    const auto nobody = ctl({"--socket", t.dir + "/none.sock", "generations"});
    EXPECT_EQ(nobody.code, 69);
    EXPECT_THAT(nobody.err, HasSubstr("does the process run"));
    std::ofstream(t.dir + "/plain.yaml") << "process: x\n";
    EXPECT_EQ(ctl({"--config", t.dir + "/plain.yaml", "generations"}).code, 78);
    EXPECT_EQ(ctl({"--config", t.dir + "/host.yaml", "generations"}).code, 0);
}

TEST_F(Ctl, AQueryThatCannotBeReadIsRefused) {
    for (const std::string query : {"to=%zz&words=a", "to=%", "to=sample&words=%4"}) {
        const auto said = admin::askSocket(t.dir + "/ctl.sock", "POST", "/filter?" + query);
        EXPECT_EQ(said.status, 400U) << query << " " << said.detail;
        EXPECT_THAT(said.body, HasSubstr("error"));
    }
    EXPECT_EQ(t.ask().status, 200) << "the host is up";
}

TEST_F(Ctl, RolesAnswerCommandsOfTheirOwn) {
    const auto help = run({"help"});
    EXPECT_EQ(help.code, 0) << help.err;
    EXPECT_THAT(help.out, HasSubstr("greet guest NAME [TITLE]\n      says hello to a guest"));
    EXPECT_EQ(run({"greet"}).out, "hello uid " + std::to_string(::getuid()) + "\n");
    EXPECT_EQ(run({"greet", "guest", "Ann"}).out, "hello Ann\n");
    EXPECT_EQ(run({"greet", "guest", "Ann", "Dr "}).out, "hello Dr Ann\n");
    EXPECT_EQ(run({"--json", "greet", "guest", "Ann"}).out, "[\"Ann\"]\n");
    EXPECT_EQ(run({"greet", "guest", "--odd"}).out, "hello --odd\n") << "options are the role's";
    const auto expectRefusal = [&](std::vector<std::string> words, int code, const char* why) {
        const auto said = run(std::move(words));
        EXPECT_EQ(said.code, code);
        EXPECT_THAT(said.err, HasSubstr(why));
        EXPECT_EQ(said.out, "");
    };
    expectRefusal({"greet", "guest"}, 64, "expected: greet guest NAME [TITLE]");
    expectRefusal({"greet", "stranger"}, 64, "expected: greet");
    expectRefusal({"dance"}, 64, "no command 'dance'");
    expectRefusal({"greet", "guest", "nobody"}, 64, "nobody is no guest");
    expectRefusal({"greet", "guest", "absent"}, 69, "is out");
    expectRefusal({"greet", "guest", "rude"}, 1, "will not be greeted");
    EXPECT_TRUE(t.logHas("operator (uid " + std::to_string(::getuid()) +
                         ") ran 'greet guest' of echo: refused"));
    EXPECT_EQ(t.log().find("rude"), std::string::npos) << "arguments may be private";
}

TEST_F(Ctl, OnlyTheSocketTakesCommands) {
    const auto overTcp = [&](const std::string& request, const std::string& body) {
        net::testing::RawClient client(t.host->port("admin"));
        client.send(request + " HTTP/1.1\r\nHost: t\r\nContent-Length: " +
                    std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body);
        return HostUnderTest::parse(client.readAll()).status;
    };
    EXPECT_EQ(overTcp("GET /commands", ""), 404);
    EXPECT_EQ(overTcp("POST /commands", R"({"words":["greet"]})"), 403);
    const auto raw = [&](const std::string& body) {
        return admin::askSocket(t.dir + "/ctl.sock", "POST", "/commands", body).status;
    };
    EXPECT_EQ(raw(R"({"words":["greet"]})"), 200U);
    for (const auto* broken : {"x", "{}", R"({"words":[]})", R"({"words":"greet"})", R"([])"})
        EXPECT_EQ(raw(broken), 400U) << broken;
    EXPECT_EQ(raw(R"({"words":["greet",")" + std::string(70'000, 'x') + "\"]}"), 413U);
}

TEST_F(Ctl, TheSocketIsForItsOwnerAndTheTcpListenerOnlyShows) {
    struct stat st {};
    ASSERT_EQ(::stat((t.dir + "/ctl.sock").c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777U, 0600U);
    const auto overTcp = [&](const std::string& request) {
        net::testing::RawClient client(t.host->port("admin"));
        client.send(request + " HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
        return HostUnderTest::parse(client.readAll()).status;
    };
    EXPECT_EQ(overTcp("GET /generations"), 200);
    EXPECT_EQ(overTcp("GET /metrics"), 200);
    EXPECT_EQ(overTcp("GET /__heartbeat__"), 200);
    EXPECT_EQ(overTcp("GET /counters"), 404);
    EXPECT_EQ(overTcp("POST /reload"), 403);
    EXPECT_EQ(overTcp("POST /revert"), 403);
    EXPECT_EQ(overTcp("DELETE /reload"), 405);
    EXPECT_EQ(t.generations().front().id, 1U);
}

}  // namespace
}  // namespace persona::host::testing
