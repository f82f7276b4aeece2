#include <gmock/gmock.h>

#include "host/admin/ctl.h"
#include "tests/host/bridge/host_fixture.h"

/// Heuristics that are tried on live traffic beside those that act: `ctl aa load, diff, commit,
/// abort`, against a whole host.
namespace persona::host::testing {
namespace {

using ::testing::Contains;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

struct Said {
    int code;
    std::string out, err;
};

struct Trials : ::testing::Test, HostUnderTest {
    static std::string sampleBlock(const std::string& options) {
        return "{id: sample, module: sample_heuristic.so, on_error: allow, budget: 1s, config: {" +
               options + "}}";
    }
    /// Ten requests at once from a prefix, then 429.
    static std::string rateBlock() {
        return "{id: rate, module: " PERSONA_PLUGIN_DIR
               "/antiabuse/rate.so, on_error: allow, budget: 1s, config: {unknown: {per_second: "
               "0.001, burst: 10}, slots: 4096, cost_slots: 4096}}";
    }
    void configure(const std::string& heuristics) const {
        write("{id: antiabuse, module: " PERSONA_PLUGIN_DIR
              "/antiabuse.so, on_error: deny, budget: 1s, config: {prefixes: 4096, strikes: "
              "{box_after: 10000, drop_after: 10000}, secrets: {antiabuse: " +
                  dir + "/s/antiabuse, class: " + dir + "/s/class}}}",
              "heuristics: [" + heuristics + "]\n");
    }
    Said aa(std::vector<std::string> words) const {
        words.insert(words.begin(), {"--socket", dir + "/ctl.sock", "aa"});
        ::testing::internal::CaptureStdout();
        ::testing::internal::CaptureStderr();
        Said s;
        s.code = admin::ctlMain(words);
        s.out = ::testing::internal::GetCapturedStdout();
        s.err = ::testing::internal::GetCapturedStderr();
        return s;
    }
    [[nodiscard]] std::string options(const std::string& text) const {
        std::ofstream(dir + "/new.yaml") << text;
        return dir + "/new.yaml";
    }
    /// The number in that row of what diff says.
    [[nodiscard]] long count(const std::string& row) const {
        const auto said = aa({"diff", "sample"});
        const auto at = said.out.find("  " + row + " ");
        return at == std::string::npos ? -1 : std::atol(said.out.c_str() + at + 2 + row.size());
    }
};

TEST_F(Trials, AnEqualOneNeverDiffersThoughTheOtherOneCharges) {
    configure(rateBlock());
    ASSERT_EQ(start(), "");
    const auto loaded = aa({"load", "rate"});
    ASSERT_EQ(loaded.code, 0) << loaded.err;
    EXPECT_THAT(loaded.out, HasSubstr("is tried, 0 s"));
    int refused = 0;
    for (int i = 0; i < 30; ++i) refused += ask("", "", "/wsapi/nothing").status == 429;
    EXPECT_EQ(refused, 20) << "what is tried charges nobody";
    const auto diff = aa({"diff", "rate"});
    EXPECT_THAT(diff.out, ContainsRegex("requests that both judged +30\n"));
    EXPECT_THAT(diff.out, ContainsRegex("the same verdict +30\n"));
    EXPECT_THAT(diff.out, ContainsRegex("calls that failed +0\n"));
}

TEST_F(Trials, OtherLimitsAreComparedThenCommitted) {
    configure(rateBlock());
    ASSERT_EQ(start(), "");
    const auto file = options(
        "{unknown: {per_second: 0.001, burst: 5}, slots: 4096, "
        "cost_slots: 4096}\n");
    ASSERT_EQ(aa({"load", "rate", "--options", file, "--shadow", "10m"}).code, 0);
    for (int i = 0; i < 10; ++i) EXPECT_EQ(ask("", "", "/wsapi/nothing").status, 200) << i;
    const auto diff = aa({"diff", "rate"});
    EXPECT_THAT(diff.out, ContainsRegex("it would have been stricter +5\n"));
    EXPECT_THAT(diff.out, ContainsRegex("abstain > throttle +5\n"));
    const auto commit = aa({"commit", "rate"});
    ASSERT_EQ(commit.code, 0) << commit.err;
    EXPECT_THAT(commit.out, ContainsRegex("generation [0-9]+ serves"));
    EXPECT_THAT(commit.out, HasSubstr("a restart goes back to the configuration"));
    EXPECT_EQ(ask("", "", "/wsapi/nothing").status, 429) << "counted on, with the new limit";
    EXPECT_EQ(aa({"diff", "rate"}).code, 1) << "nothing is tried any more";
}

TEST_F(Trials, TimersOfWhatIsTriedWriteNothing) {
    configure(sampleBlock("beat: 2"));
    ASSERT_EQ(start(), "");
    ASSERT_EQ(aa({"load", "sample", "sample_heuristic_v2.so"}).code, 0);
    const std::string tried = "browserid_heuristic_sample_candidate_";
    ASSERT_TRUE(await([&] { return metric(tried + "ran_2") > 10; })) << "it learns";
    EXPECT_EQ(metric(tried + "written_2"), 0);
    EXPECT_GT(metric("browserid_heuristic_sample_written_1"), 0);
    ASSERT_EQ(aa({"abort", "sample"}).code, 0);
    const auto before = metric(tried + "ran_2"),
               acting = metric("browserid_heuristic_sample_ran_1");
    ASSERT_TRUE(await([&] { return metric("browserid_heuristic_sample_ran_1") > acting + 20; }));
    EXPECT_LE(metric(tried + "ran_2"), before + 1) << "what is given up rests";
}

TEST_F(Trials, WhatIsCommittedStaysUntilTheConfigurationChanges) {
    configure(sampleBlock("weight: 0"));
    ASSERT_EQ(start(), "");
    ASSERT_EQ(aa({"load", "sample", "sample_heuristic_v2.so"}).code, 0);
    ask();
    EXPECT_EQ(count("the same verdict"), 1);
    ASSERT_EQ(aa({"commit", "sample"}).code, 0);
    EXPECT_THAT(aa({"list"}).out, ContainsRegex("sample +enforce +2 "));
    const auto again = reload();
    EXPECT_TRUE(again.ok);
    EXPECT_THAT(again.notes, Contains(HasSubstr("put it there")));
    EXPECT_THAT(aa({"list"}).out, ContainsRegex("sample +enforce +2 "));
    configure(sampleBlock("weight: 1"));
    EXPECT_THAT(reload().notes, Not(Contains(HasSubstr("put it there"))));
    EXPECT_THAT(aa({"list"}).out, ContainsRegex("sample +enforce +1 "));
}

TEST_F(Trials, ARevertTakesBackWhatWasCommitted) {
    configure(sampleBlock("weight: 0"));
    ASSERT_EQ(start(), "");
    ASSERT_EQ(aa({"load", "sample", "sample_heuristic_v2.so"}).code, 0);
    ASSERT_EQ(aa({"commit", "sample"}).code, 0);
    ASSERT_TRUE(revert().ok);
    EXPECT_TRUE(reload().ok);
    EXPECT_THAT(aa({"list"}).out, ContainsRegex("sample +enforce +1 "));
}

TEST_F(Trials, OneThatFailsIsNotCommittedAndHurtsNobody) {
    configure(sampleBlock("weight: 0"));
    ASSERT_EQ(start(), "");
    ASSERT_EQ(aa({"load", "sample", "sample_heuristic_v2.so"}).code, 0);
    EXPECT_EQ(ask("X-Judge: throw\r\n").status, 200);
    EXPECT_EQ(count("calls that failed"), 1);
    const auto commit = aa({"commit", "sample"});
    EXPECT_EQ(commit.code, 1);
    EXPECT_THAT(commit.err, HasSubstr("it failed 1 times while it was tried"));
    EXPECT_THAT(aa({"list"}).out, ContainsRegex("sample +enforce +1 "));
}

TEST_F(Trials, WhatIsAbortedIsNotAskedAnyMore) {
    configure(sampleBlock("weight: 0"));
    ASSERT_EQ(start(), "");
    ASSERT_EQ(aa({"load", "sample", "--options", options("weight: 5\n")}).code, 0);
    ask();
    ASSERT_EQ(aa({"abort", "sample"}).code, 0);
    ask();
    EXPECT_EQ(count("it would have been stricter"), 1);
    EXPECT_EQ(aa({"commit", "sample"}).code, 1);
    EXPECT_EQ(aa({"abort", "sample"}).code, 1);
    ASSERT_EQ(aa({"load", "sample", "--options", options("weight: 7\n")}).code, 0);
    EXPECT_EQ(count("requests that both judged"), 0) << "another one begins anew";
}

TEST_F(Trials, WhatCannotBeTriedIsRefusedWithTheReason) {
    configure(sampleBlock("weight: 0"));
    ASSERT_EQ(start(), "");
    const auto expect = [&](const std::vector<std::string>& words, int code, const char* why) {
        const auto said = aa(words);
        EXPECT_EQ(said.code, code) << why;
        EXPECT_THAT(said.err, HasSubstr(why));
    };
    expect({"load", "none"}, 1, "no heuristic has the id 'none'");
    expect({"load", "sample", "/tmp/x.so"}, 1, "expected a file below plugin_dir");
    expect({"load", "sample", "../modules/sample_heuristic.so"}, 1, "below plugin_dir");
    expect({"load", "sample", "missing.so"}, 1, "missing.so");
    expect({"load", "sample", "bad_throws.so"}, 1, "bad_throws.so");
    expect({"load", "sample", "--options", options("wait: 5\n")}, 1, "wait");
    expect({"load", "sample", "--options", "/nowhere"}, 64, "/nowhere cannot be read");
    expect({"load", "sample", "--shadow", "long"}, 64, "expected a time such as 60s");
    expect({"diff", "sample"}, 1, "nothing is tried beside 'sample'");
    expect({"commit"}, 64, "aa diff|commit|abort RULE");
    EXPECT_EQ(ask().status, 200);
}

TEST_F(Trials, AfterItsTimeItIsNotAsked) {
    configure(sampleBlock("weight: 0"));
    ASSERT_EQ(start(), "");
    ASSERT_EQ(aa({"load", "sample", "--shadow", "1ms"}).code, 0);
    ASSERT_TRUE(await([&] {
        return aa({"diff", "sample"}).out.find("not asked any more") != std::string::npos;
    }));
    ask();
    EXPECT_EQ(count("requests that both judged"), 0);
    EXPECT_EQ(aa({"commit", "sample"}).code, 0) << "what was seen until then still counts";
}

}  // namespace
}  // namespace persona::host::testing
