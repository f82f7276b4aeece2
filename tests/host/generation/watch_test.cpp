#include "tests/host/bridge/host_fixture.h"

/// What happens by itself: rollback, the directory watch, the watchdog, quarantine.
#include <gmock/gmock.h>

#include "host/bridge/watchdog.h"
#include "host/generation/directory_watch.h"
#include "host/module/crash_log.h"

namespace persona::host::testing {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

TEST(Watch, AGenerationThatFailsIsRolledBack) {
    HostUnderTest t;
    t.write(sample("", "allow"));
    ASSERT_EQ(t.start(), "");
    for (int i = 0; i < 30; ++i) EXPECT_EQ(t.ask().status, 200);
    // Sound in the rehearsal, failing after three requests.
    t.write(sample("fail_after: 3", "allow", "sample_v2.so"));
    ASSERT_TRUE(t.reload().ok);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(t.ask().status, 200);
    EXPECT_TRUE(t.logHas("generation 2 rolled back to 1")) << t.log();
    EXPECT_TRUE(await([&] { return t.generations().size() == 1; })) << "the failing one is reaped";
    EXPECT_EQ(t.ask().field("X-Sample"), "1");
    EXPECT_EQ(t.metric("generation_rolled_back_total"), 1);
    EXPECT_FALSE(t.revert().ok) << "and is not what a revert goes to";
}

TEST(Watch, RollbackCanBeSwitchedOff) {
    HostUnderTest t;
    t.write(sample("", "allow"), "generations: {auto_rollback: false}\n");
    ASSERT_EQ(t.start(), "");
    t.write(sample("fail_after: 3", "allow", "sample_v2.so"),
            "generations: {auto_rollback: false}\n");
    ASSERT_TRUE(t.reload().ok);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(t.ask().status, 200);
    EXPECT_TRUE(t.logHas("nothing is done about it: auto_rollback is off")) << t.log();
    EXPECT_EQ(t.generations().front().id, 2U);
}

TEST(Watch, ARehearsalThatHangsIsRefusedAndNobodyWaits) {
    HostUnderTest t;
    t.write(sample(), "generations: {smoke_deadline: 200ms}\n");
    ASSERT_EQ(t.start(), "");
    t.write(sample("fail_at: hang", "deny", "sample_v2.so"));
    const auto o = t.reload();
    EXPECT_FALSE(o.ok);
    EXPECT_EQ(o.step, "smoke");
    EXPECT_THAT(o.error, HasSubstr("did not return"));
    EXPECT_EQ(t.ask().field("X-Sample"), "1");
    t.write(sample("", "deny", "sample_v2.so"));
    EXPECT_TRUE(t.reload().ok);
}

TEST(Watch, AFileThatIsRenamedInIsTakenWithoutAWord) {
    HostUnderTest t;
    t.plugin_dir = t.dir + "/plugins";
    fs::create_directory(t.plugin_dir);
    fs::copy_file(MODULES_DIR "/echo.so", t.plugin_dir + "/echo.so");
    fs::copy_file(MODULES_DIR "/sample_v1.so", t.plugin_dir + "/sample.so");
    t.write(sample("", "deny", "sample.so"), "generations: {watch_plugins: true}\n");
    ASSERT_EQ(t.start(), "");
    EXPECT_EQ(t.ask().field("X-Sample"), "1");
    // Writing a file there is not enough; renaming it is.
    fs::copy_file(MODULES_DIR "/sample_v2.so", t.plugin_dir + "/sample.so.part");
    fs::rename(t.plugin_dir + "/sample.so.part", t.plugin_dir + "/sample.so");
    EXPECT_TRUE(await([&] { return t.ask().field("X-Sample") == "2"; })) << t.log();
    EXPECT_TRUE(t.logHas("reload asked for by the directory watch"));
}

TEST(Watch, ALoopThatIsStuckIsNamedWithItsStack) {
    HostUnderTest t;
    t.write(sample("", "allow"), "watchdog: {warn: 100ms, abort: 0}\nloops: 1\n");
    // The fixture sets two loops: one of them is stuck, the other one serves.
    std::string yaml = HostUnderTest::read(t.dir + "/host.yaml");
    yaml.erase(yaml.find("loops: 2\n"), 9);
    std::ofstream(t.dir + "/host.yaml") << yaml;
    ASSERT_EQ(t.start(), "");
    net::testing::RawClient stuck(t.port());
    stuck.send("GET / HTTP/1.1\r\nHost: t\r\nX-Do: doze\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(t.logHas("ms in plugin 'sample' (sha256 ")) << t.log();
    EXPECT_THAT(t.log(), HasSubstr("sample_v1-"));
    EXPECT_EQ(HostUnderTest::parse(stuck.readAll()).status, 200);
    EXPECT_TRUE(t.logHas("comes round again"));
    EXPECT_EQ(t.metric("watchdog_warned_total"), 1);
}

TEST(Quarantine, ThreeCrashesInTenMinutesAreEnough) {
    std::string pattern = (fs::temp_directory_path() / "persona-crashes-XXXXXX").string();
    const std::string dir = ::mkdtemp(pattern.data());
    const std::string hash(64, 'a'), other(64, 'b');
    module::CrashLog log(dir + "/crashes.log");
    EXPECT_TRUE(log.quarantined(1'000).empty());
    const int fd = log.openForCrash();
    module::CrashLog::record(fd, 1'000, hash.c_str(), "sample");
    module::CrashLog::record(fd, 1'100, other.c_str(), "other");
    module::CrashLog::record(fd, 1'200, hash.c_str(), "sample");
    EXPECT_TRUE(log.quarantined(1'300).empty());
    module::CrashLog::record(fd, 1'400, hash.c_str(), "sample");
    ::close(fd);
    EXPECT_EQ(log.quarantined(1'500), std::set<std::string>{hash});
    EXPECT_TRUE(log.quarantined(1'601).empty()) << "the first is ten minutes old";
    EXPECT_EQ(HostUnderTest::read(dir + "/crashes.log").find("1000 "), std::string::npos);
    std::ofstream(dir + "/crashes.log") << "nonsense\n\n9 x y\n";
    EXPECT_TRUE(log.quarantined(1'601).empty());
    fs::remove_all(dir);
}

TEST(Quarantine, AFilterInItIsLeftOutWhereOnErrorAllows) {
    HostUnderTest t;
    t.write(sample("", "allow"));
    ASSERT_EQ(t.start(), "");
    EXPECT_EQ(t.ask().field("X-Sample"), "1");
    std::string hash;
    {
        // The image's hash as the operator sees it, in full.
        const auto info = t.generations().front().members.front();
        for (const auto& f : fs::directory_iterator(t.dir + "/state/modules"))
            if (f.path().filename().string().starts_with("sample_v1-") &&
                f.path().extension() == ".so")
                hash = f.path().filename().string().substr(10, 16);
        EXPECT_THAT(info, HasSubstr(hash));
    }
    t.stop();
    const std::string sum = "sha256sum " MODULES_DIR "/sample_v1.so > " + t.dir + "/sum";
    ASSERT_EQ(std::system(sum.c_str()), 0);
    const auto full = HostUnderTest::read(t.dir + "/sum").substr(0, 64);
    ASSERT_EQ(full.substr(0, 16), hash);
    // Another state directory, for images of this process stay mapped under their staged names.
    HostUnderTest u;
    fs::create_directory(u.dir + "/state");
    const int fd = module::CrashLog(u.dir + "/state/test.crashes").openForCrash();
    for (int i = 0; i < 3; ++i)
        module::CrashLog::record(fd, ::time(nullptr) - i, full.c_str(), "sample");
    ::close(fd);
    u.write(sample("", "allow"));
    ASSERT_EQ(u.start(), "");
    const auto a = u.ask();
    EXPECT_EQ(a.status, 200);
    EXPECT_EQ(a.field("X-Sample"), "") << "it is not called";
    EXPECT_TRUE(u.logHas("is quarantined")) << u.log();
    EXPECT_THAT(u.generations().front().members.front(), HasSubstr("quarantined"));
}

}  // namespace
}  // namespace persona::host::testing
