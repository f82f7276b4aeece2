#include <gmock/gmock.h>

#include <atomic>

#include "tests/host/bridge/host_fixture.h"
#include "tests/host/net/test_ca.h"
#include "tests/host/net/tls_client.h"

/// Generations: built aside, refused without a trace, published, drained, reverted.
namespace persona::host::testing {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

long created(const HostUnderTest& t) {
    return t.metric("browserid_echo_sample_created_total");
}
long destroyed(const HostUnderTest& t) {
    return t.metric("browserid_echo_sample_destroyed_total");
}

TEST(Reload, TwoVersionsOfOneSourceAndCountersThatSurvive) {
    HostUnderTest t;
    t.write(sample());
    ASSERT_EQ(t.start(), "");
    EXPECT_EQ(t.ask().field("X-Sample"), "1");
    EXPECT_EQ(t.ask().field("X-Count"), "2");
    t.write(sample("", "deny", "sample_v2.so"));
    const auto o = t.reload();
    ASSERT_TRUE(o.ok) << o.error;
    EXPECT_EQ(o.generation, 2U);
    EXPECT_LT(o.publish_us, 2'000'000);
    const auto a = t.ask();
    EXPECT_EQ(a.field("X-Sample"), "2");
    EXPECT_EQ(a.field("X-Count"), "3") << "the table outlives the generation";
    const auto all = t.generations();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].state, "active");
    EXPECT_EQ(all[1].state, "standby");
}

TEST(Reload, HeuristicsThatJudgeNobodyRest) {
    HostUnderTest t;
    const auto write = [&](const std::string& module) {
        t.write("", "heuristics: [{id: sample, module: " + module +
                        ", on_error: allow, config: {beat: 2}}]\n");
    };
    const auto ran = [&](const char* version) {
        return t.metric("browserid_heuristic_sample_ran_" + std::string(version));
    };
    const auto further = [&](const char* version, long by) {
        return await([&, until = ran(version) + by] { return ran(version) >= until; });
    };
    write("sample_heuristic.so");
    ASSERT_EQ(t.start(), "");
    ASSERT_TRUE(further("1", 5));
    write("sample_heuristic_v2.so");
    ASSERT_TRUE(t.reload().ok);
    const auto rests = ran("1");
    ASSERT_TRUE(further("2", 20));
    EXPECT_EQ(ran("1"), rests) << "a detector without requests learns that nobody comes";
    ASSERT_TRUE(t.revert().ok);
    const auto reverted = ran("2");
    EXPECT_TRUE(further("1", 20)) << "it acts again";
    EXPECT_EQ(ran("2"), reverted);
}

TEST(Reload, OnlyWhatIsPublishedChangesTheCertificate) {
    net::testing::TestCa ca;
    const auto leaf = ca.issue({"IP:127.0.0.1"}), fresh = ca.issue({"IP:127.0.0.1"});
    HostUnderTest t;
    const auto write = [&](const std::string& options) {
        t.write(sample(options));
        t.change("listeners: [",
                 "listeners: [{name: tls, address: \"127.0.0.1:0\", service: echo, tls: "
                 "{certificate_file: " +
                     leaf.certificate + ", key_file: " + leaf.key + "}}, ");
    };
    write("");
    ASSERT_EQ(t.start(), "");
    const auto serial = [&] { return net::testing::TlsClient(t.host->port("tls")).serial(); };
    const auto before = serial();
    ASSERT_GT(before, 0);
    fs::rename(fresh.certificate, leaf.certificate);
    fs::rename(fresh.key, leaf.key);
    ASSERT_TRUE(t.reload(true).ok);
    EXPECT_EQ(serial(), before) << "a dry run changes nothing";
    write("fail_at: create");
    EXPECT_EQ(t.reload().step, "create");
    EXPECT_EQ(serial(), before) << "a reload that was refused changes nothing";
    write("");
    ASSERT_TRUE(t.reload().ok);
    const auto after = serial();
    EXPECT_GT(after, before);
    std::ofstream(leaf.certificate) << "not a certificate";
    const auto broken = t.reload();
    EXPECT_EQ(broken.step, "read");
    EXPECT_THAT(broken.error, HasSubstr(leaf.certificate));
    EXPECT_EQ(serial(), after);
}

TEST(Reload, AReplacementUnderTheSamePathWithTheSameTime) {
    HostUnderTest t;
    t.plugin_dir = t.dir + "/plugins";
    fs::create_directory(t.plugin_dir);
    fs::copy_file(MODULES_DIR "/echo.so", t.plugin_dir + "/echo.so");
    fs::copy_file(MODULES_DIR "/sample_v1.so", t.plugin_dir + "/sample.so");
    t.write(sample("", "deny", "sample.so"));
    ASSERT_EQ(t.start(), "");
    EXPECT_EQ(t.ask().field("X-Sample"), "1");
    const auto when = fs::last_write_time(t.plugin_dir + "/sample.so");
    fs::copy_file(MODULES_DIR "/sample_v2.so", t.plugin_dir + "/new");
    fs::rename(t.plugin_dir + "/new", t.plugin_dir + "/sample.so");
    fs::last_write_time(t.plugin_dir + "/sample.so", when);
    ASSERT_TRUE(t.reload().ok);
    EXPECT_EQ(t.ask().field("X-Sample"), "2");
    // The same file once more: a new generation of the same image.
    const auto again = t.reload();
    ASSERT_TRUE(again.ok) << again.error;
    EXPECT_EQ(again.generation, 3U);
    EXPECT_EQ(t.metric("generation_published_total"), 2);
    EXPECT_TRUE(t.logHas("generation 3 published")) << t.log();
    EXPECT_EQ(t.ask().field("X-Sample"), "2");
}

TEST(Reload, AFailureAtAnyStepAndPlaceLeavesNoTrace) {
    HostUnderTest t;
    t.write(sample());
    ASSERT_EQ(t.start(), "");
    ASSERT_EQ(created(t), 1);
    for (const std::string step : {"create", "activate", "self-check", "requests"})
        for (int place = 0; place < 3; ++place) {
            std::string filters;
            for (int i = 0; i < 3; ++i)
                filters += (i == 0 ? "" : ",") +
                           sample(i == place ? "fail_at: " + step : "", "deny", "sample_v2.so",
                                  i == 0 ? "sample" : "s" + std::to_string(i));
            t.write(filters);
            const auto o = t.reload();
            EXPECT_FALSE(o.ok) << step << place;
            EXPECT_EQ(o.step, step == "requests"     ? "smoke"
                              : step == "self-check" ? "activate"
                                                     : step)
                << o.error;
            EXPECT_EQ(o.generation, 1U);
            EXPECT_EQ(created(t), destroyed(t) + 1) << step << place;
            EXPECT_EQ(t.ask().field("X-Sample"), "1");
            EXPECT_EQ(t.generations().size(), 1U);
        }
    EXPECT_EQ(t.ask().field("X-Count"), "13") << "rehearsals charge nobody";
}

TEST(Reload, BrokenFilesAreRefusedWithTheRemedy) {
    HostUnderTest t;
    t.write(sample());
    ASSERT_EQ(t.start(), "");
    std::ofstream(t.dir + "/text.so") << "not a shared object, but long enough to be read as one";
    const auto refusal = [&](const std::string& filters, const std::string& more = "") {
        t.write(filters, more);
        const auto o = t.reload();
        EXPECT_FALSE(o.ok);
        EXPECT_EQ(t.ask().field("X-Sample"), "1");
        return o.error;
    };
    EXPECT_THAT(refusal(sample("", "deny", t.dir + "/text.so")), HasSubstr("not a shared object"));
    EXPECT_THAT(refusal(sample("", "deny", "none.so")), HasSubstr("check the path"));
    EXPECT_THAT(refusal(sample("", "deny", "bad_constructor.so")), HasSubstr("a crash"));
    EXPECT_THAT(refusal(sample("", "deny", "bad_no_entry.so")), HasSubstr("PSN_EXPORT"));
    EXPECT_THAT(refusal(sample("", "deny", "bad_magic.so")), HasSubstr("PSN_ABI_MAGIC"));
    EXPECT_THAT(refusal(sample("", "deny", "bad_newer_minor.so")), HasSubstr("update the host"));
    EXPECT_THAT(refusal(sample("", "deny", "good.so")), HasSubstr("no usable factory"));
    EXPECT_THAT(refusal(sample("requst_mode: none")), HasSubstr("did you mean 'request_mode'?"));
    EXPECT_THAT(refusal("{id: x, module: sample_v1.so}"), HasSubstr("must be written"));
    EXPECT_THAT(refusal(sample(), "lissteners: []\n"), HasSubstr("did you mean"));
    EXPECT_THAT(refusal(sample() + "," + sample("", "deny", "sample_v2.so", "other")),
                HasSubstr("an id that no other plugin has"));
    t.write(sample());
    EXPECT_EQ(t.metric("generation_refused_create_total"), 9);
    EXPECT_EQ(t.metric("generation_refused_read_total"), 2);
    EXPECT_TRUE(t.logHas("refused at step 'create', generation 1 stays")) << t.log();
    EXPECT_TRUE(t.reload().ok) << "and a sound file is taken afterwards";
}

TEST(Reload, ADryRunChangesNothing) {
    HostUnderTest t;
    t.write(sample());
    ASSERT_EQ(t.start(), "");
    t.write(sample("", "deny", "sample_v2.so"));
    const auto o = t.reload(true);
    EXPECT_TRUE(o.ok) << o.error;
    EXPECT_TRUE(o.dry_run);
    EXPECT_EQ(o.generation, 1U);
    EXPECT_EQ(t.ask().field("X-Sample"), "1");
    EXPECT_EQ(t.generations().size(), 1U);
    EXPECT_EQ(created(t), destroyed(t) + 1);
    t.write(sample("fail_at: create"));
    EXPECT_FALSE(t.reload(true).ok);
}

TEST(Reload, ChangesThatNeedARestartAreSaid) {
    HostUnderTest t;
    t.write(sample());
    ASSERT_EQ(t.start(), "");
    t.write(sample(), "tables: {snapshot_interval: 60s}\n");
    const auto o = t.reload();
    EXPECT_TRUE(o.ok);
    EXPECT_THAT(o.notes, ::testing::Contains(HasSubstr("'tables' has changed")));
}

TEST(Reload, ManyAtOnceAreEachAnsweredByARunThatSawTheirChange) {
    HostUnderTest t;
    t.write(sample());
    ASSERT_EQ(t.start(), "");
    std::atomic<int> answered{0}, good{0};
    std::atomic<std::uint64_t> highest{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 16; ++i)
        threads.emplace_back([&] {
            const auto o = t.reload();
            ++answered;
            good += o.ok ? 1 : 0;
            auto seen = highest.load();
            while (seen < o.generation && !highest.compare_exchange_weak(seen, o.generation)) {
            }
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(answered, 16);
    EXPECT_EQ(good, 16);
    EXPECT_LT(highest, 17U) << "some shared a run";
    EXPECT_GE(t.metric("generation_coalesced_total"), 1);
    EXPECT_TRUE(t.logHas(" more")) << "who shared a run is said: " << t.log();
    t.write(sample("", "deny", "sample_v2.so"));
    ASSERT_TRUE(t.reload().ok);
    EXPECT_EQ(t.ask().field("X-Sample"), "2") << "the last one saw the last change";
}

TEST(Reload, AThousandPausedRequestsKeepTheirGeneration) {
    HostUnderTest t;
    const auto slow = [](const std::string& module) {
        return "{id: sample, module: " + module +
               ", on_error: allow, pause_deadline: 3s, config: {}}";
    };
    t.write(slow("sample_v1.so"));
    ASSERT_EQ(t.start(), "");
    std::vector<std::unique_ptr<net::testing::RawClient>> clients;
    for (int i = 0; i < 1'000; ++i) {
        clients.push_back(std::make_unique<net::testing::RawClient>(t.port()));
        clients.back()->send(
            "GET / HTTP/1.1\r\nHost: t\r\nX-Do: stall\r\nConnection: close\r\n\r\n");
    }
    ASSERT_TRUE(await([&] { return t.generations().front().in_flight == 1'000; }));
    t.write(slow("sample_v2.so"));
    ASSERT_TRUE(t.reload().ok);
    EXPECT_EQ(t.ask().field("X-Sample"), "2") << "new requests have the new one";
    // Once more while the first drains: three of them are there at once.
    ASSERT_TRUE(t.reload().ok);
    EXPECT_EQ(t.generations().size(), 3U);
    EXPECT_EQ(t.generations().back().state, "draining");
    int old = 0;
    for (auto& c : clients)
        old += HostUnderTest::parse(c->readAll()).field("X-Sample") == "1" ? 1 : 0;
    EXPECT_EQ(old, 1'000) << "each ends in the generation it began with";
    EXPECT_TRUE(await([&] { return t.generations().size() == 2; }));
    EXPECT_TRUE(t.logHas("generation 1 reaped"));
    EXPECT_EQ(created(t), destroyed(t) + 2);
}

TEST(Reload, WhatHoldsADrainingGenerationIsSaid) {
    HostUnderTest t;
    t.write(sample(), "generations: {drain_timeout: 200ms}\n");
    ASSERT_EQ(t.start(), "");
    EXPECT_EQ(t.ask("X-Do: leak\r\n").status, 200);
    ASSERT_TRUE(t.reload().ok);
    ASSERT_TRUE(t.reload().ok);
    EXPECT_TRUE(t.logHas("generation 1 is still held after 200 ms: service echo: 1 requests"))
        << t.log();
    EXPECT_EQ(t.metric("generation_drain_timeout_total"), 1);
    const auto all = t.generations();
    ASSERT_EQ(all.size(), 3U);
    EXPECT_THAT(all.back().holds, ::testing::Contains(HasSubstr("service echo: 1")));
    EXPECT_EQ(t.ask().status, 200) << "it is never forced";
}

TEST(Reload, WorkOnExecutorsKeepsItsGeneration) {
    HostUnderTest t;
    t.write(sample("", "allow"));
    ASSERT_EQ(t.start(), "");
    // Resumed late: the work outlives its request, and two swaps.
    EXPECT_EQ(t.ask("X-Do: resume-late\r\n").status, 200);
    ASSERT_TRUE(t.reload().ok);
    ASSERT_TRUE(t.reload().ok);
    EXPECT_TRUE(await([&] { return t.generations().size() == 2; }));
    EXPECT_EQ(t.log().find("WRONG"), std::string::npos) << t.log();
}

TEST(Revert, GoesBackAndForth) {
    HostUnderTest t;
    t.write(sample());
    ASSERT_EQ(t.start(), "");
    const auto nothing = t.revert();
    EXPECT_FALSE(nothing.ok);
    EXPECT_THAT(nothing.error, HasSubstr("no generation to go back to"));
    t.write(sample("", "deny", "sample_v2.so"));
    ASSERT_TRUE(t.reload().ok);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(t.revert().generation, 1U);
        EXPECT_EQ(t.ask().field("X-Sample"), "1");
        EXPECT_EQ(t.revert().generation, 2U);
        EXPECT_EQ(t.ask().field("X-Sample"), "2");
    }
    EXPECT_EQ(t.metric("generation_reverted_total"), 6);
}

TEST(Reload, WhileTheProcessDrainsIsRefusedAndCounted) {
    HostUnderTest t;
    t.write("{id: sample, module: sample_v1.so, on_error: allow, pause_deadline: 1s}");
    ASSERT_EQ(t.start(), "");
    net::testing::RawClient client(t.port());
    client.send("GET / HTTP/1.1\r\nHost: t\r\nX-Do: stall\r\nConnection: close\r\n\r\n");
    ASSERT_TRUE(await([&] { return t.generations().front().in_flight == 1; }));
    auto drained = std::async(std::launch::async, [&] { return t.host->drainAndStop(); });
    generation::Outcome o;
    ASSERT_TRUE(await([&] {
        o = t.reload();
        return !o.ok;
    }));
    EXPECT_THAT(o.error, HasSubstr("shutting down"));
    EXPECT_TRUE(t.logHas("refused for test: the process is shutting down")) << t.log();
    EXPECT_EQ(HostUnderTest::parse(client.readAll()).status, 200);
    EXPECT_TRUE(drained.get()) << "the request that was under way was served";
    EXPECT_FALSE(t.reload().ok) << "answered all the same";
    t.stop();
}

}  // namespace
}  // namespace persona::host::testing
