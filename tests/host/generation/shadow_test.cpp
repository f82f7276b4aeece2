#include <gmock/gmock.h>

#include "tests/host/bridge/host_fixture.h"

/// A new generation is tried on live traffic before anybody depends on it.
namespace persona::host::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

constexpr const char* kShadow = "generations: {shadow: 500ms}\n";

/// Asks until it is told to stop, one of `every` requests with those fields; how many answers were
/// as they should be.
class Traffic {
  public:
    Traffic(const HostUnderTest& t, std::string fields, int every = 1)
        : thread_([this, &t, fields = std::move(fields), every] {
              while (!stop_) {
                  const auto a = t.ask(asked_ % every == 0 ? fields : "");
                  ++asked_;
                  if (a.status == 200) ++good_;
              }
          }) {}
    ~Traffic() { end(); }
    void end() {
        stop_ = true;
        if (thread_.joinable()) thread_.join();
    }
    [[nodiscard]] int asked() const { return asked_; }
    [[nodiscard]] int good() const { return good_; }

  private:
    std::atomic<bool> stop_{false};
    std::atomic<int> asked_{0}, good_{0};
    std::thread thread_;
};

TEST(Shadow, LiveRequestsPassTheNewChainToo) {
    HostUnderTest t;
    t.write(sample(), kShadow);
    ASSERT_EQ(t.start(), "");
    Traffic traffic(t, "");
    ASSERT_TRUE(await([&] { return traffic.asked() > 0; }));
    t.write(sample("", "deny", "sample_v2.so"), kShadow);
    for (const bool dry_run : {true, false}) {
        const auto o = t.reload(dry_run);
        EXPECT_TRUE(o.ok) << o.step << o.error;
        EXPECT_THAT(o.notes, Contains(HasSubstr(" live requests (")));
        EXPECT_THAT(o.notes, ::testing::Not(Contains(HasSubstr("shadowed 0 live"))));
    }
    traffic.end();
    EXPECT_EQ(traffic.good(), traffic.asked());
    EXPECT_EQ(t.ask().field("X-Sample"), "2");
    EXPECT_EQ(t.ask().field("X-Count"), std::to_string(traffic.asked() + 2))
        << "what is shadowed is charged once, by the generation that serves";
    EXPECT_EQ(t.metric("generation_step_shadow_total"), 2);
}

TEST(Shadow, AFaultOnLiveTrafficRefusesIt) {
    HostUnderTest t;
    // Long enough for a slow machine: the first fault ends it.
    constexpr const char* kLongShadow = "generations: {shadow: 20s}\n";
    t.write(sample("", "allow"), kLongShadow);
    ASSERT_EQ(t.start(), "");
    // One in 25, for which no breaker opens.
    Traffic traffic(t, "X-Do: fail\r\n", 25);
    ASSERT_TRUE(await([&] { return traffic.asked() > 0; }));
    t.write(sample("", "allow", "sample_v2.so"), kLongShadow);
    const auto o = t.reload();
    traffic.end();
    EXPECT_FALSE(o.ok);
    EXPECT_EQ(o.step, "shadow");
    EXPECT_THAT(o.error, HasSubstr("a filter failed on GET /echo"));
    EXPECT_EQ(o.generation, 1U);
    EXPECT_EQ(traffic.good(), traffic.asked());
    EXPECT_EQ(t.ask().field("X-Sample"), "1");
    EXPECT_EQ(t.metric("generation_refused_shadow_total"), 1);
    EXPECT_TRUE(t.logHas("refused at step 'shadow'"));
    EXPECT_EQ(t.generations().size(), 1U);
}

TEST(Shadow, TheControlThreadIsFreeAndALaterRequestWaitsItsTurn) {
    HostUnderTest t;
    t.write(sample(), kShadow);
    ASSERT_EQ(t.start(), "");
    t.write(sample("", "deny", "sample_v2.so"), kShadow);
    std::promise<generation::Outcome> first, second;
    t.host->generations().reload("test", false,
                                 [&](const generation::Outcome& o) { first.set_value(o); });
    ASSERT_TRUE(await([&] { return t.metric("generation_step_shadow_total") == 1; }));
    EXPECT_EQ(t.generations().size(), 1U) << "the control thread answers meanwhile";
    t.host->generations().reload("test", false,
                                 [&](const generation::Outcome& o) { second.set_value(o); });
    EXPECT_EQ(first.get_future().get().generation, 2U);
    EXPECT_EQ(second.get_future().get().generation, 3U);
}

TEST(Shadow, TheEndOfTheProcessEndsIt) {
    HostUnderTest t;
    t.write(sample(), "generations: {shadow: 60s}\n");
    ASSERT_EQ(t.start(), "");
    std::promise<generation::Outcome> answer;
    t.host->generations().reload("test", false,
                                 [&](const generation::Outcome& o) { answer.set_value(o); });
    ASSERT_TRUE(await([&] { return t.metric("generation_step_shadow_total") == 1; }));
    t.stop();
    EXPECT_THAT(answer.get_future().get().error, HasSubstr("shutting down"));
}

}  // namespace
}  // namespace persona::host::testing
