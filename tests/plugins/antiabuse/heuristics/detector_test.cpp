#include "plugins/antiabuse/heuristics/stuffing/detector.h"

#include <gtest/gtest.h>

#include <random>

namespace persona::stuffing {
namespace {

/// Sign-ins and sign-ups of a service as they come: Poisson.
class Traffic {
  public:
    Second second(double tries, double failing, double stagings = 0.05) {
        Second s;
        s.tries = draw(tries);
        for (std::uint32_t i = 0; i < s.tries; ++i) {
            const bool failed = uniform_(source_) < failing;
            s.failures += failed ? 1 : 0;
            s.unknown += failed && uniform_(source_) < 0.1 ? 1 : 0;
        }
        s.stagings = draw(stagings);
        return s;
    }

  private:
    std::uint32_t draw(double mean) {
        return std::poisson_distribution<std::uint32_t>(mean)(source_);
    }
    std::mt19937 source_{20251125};
    std::uniform_real_distribution<double> uniform_{0, 1};
};

TEST(Detector, AQuietDayIsQuiet) {
    Detector d;
    Traffic t;
    int alarms = 0;
    for (int i = 0; i < 86'400; ++i) {
        const auto a = d.tick(t.second(3.7, 0.1));
        alarms += a.sign_in || a.sign_up ? 1 : 0;
    }
    EXPECT_EQ(alarms, 0);
}

TEST(Detector, AFlashCrowdFailsAsOftenAsEver) {
    Detector d;
    Traffic t;
    for (int i = 0; i < 600; ++i) (void)d.tick(t.second(3.7, 0.1));
    int alarms = 0;
    for (int i = 0; i < 600; ++i) alarms += d.tick(t.second(37, 0.1)).sign_in ? 1 : 0;
    EXPECT_EQ(alarms, 0);
}

/// S5 to S7: 16 failures a second and more among four tries.
TEST(Detector, StuffingIsSeenWithinTenSecondsAndUntilItsEnd) {
    Detector d;
    Traffic t;
    for (int i = 0; i < 600; ++i) (void)d.tick(t.second(3.7, 0.1));
    const double before = d.failures.value();
    int first = 0, alarms = 0;
    for (int i = 1; i <= 3'600; ++i) {
        auto s = t.second(3.7, 0.1);
        const auto attack = t.second(16, 0.99);
        s.tries += attack.tries;
        s.failures += attack.failures;
        if (!d.tick(s).sign_in) continue;
        ++alarms;
        if (first == 0) first = i;
    }
    EXPECT_LE(first, 10);
    EXPECT_EQ(alarms, 3'600 - first + 1);
    EXPECT_NEAR(d.failures.value(), before, before * 0.5) << "an attack is not learnt";
    int after = 0;
    for (int i = 0; i < 600; ++i) after += d.tick(t.second(3.7, 0.1)).sign_in ? 1 : 0;
    EXPECT_LE(after, 10);
}

TEST(Detector, SignUpsThatHash) {
    Detector d;
    Traffic t;
    for (int i = 0; i < 600; ++i) (void)d.tick(t.second(3.7, 0.1));
    bool seen = false;
    for (int i = 0; i < 10; ++i) seen |= d.tick(t.second(3.7, 0.1, 80)).sign_up;
    EXPECT_TRUE(seen);
}

/// The short time that a restart leaves must not make ordinary people look like an attack.
TEST(Detector, TheFirstMinutesOfManyStartsAreQuiet) {
    Traffic t;
    int alarms = 0;
    for (int start = 0; start < 200; ++start) {
        Detector d;
        for (int i = 0; i < 120; ++i) {
            const auto a = d.tick(t.second(3.7, 0.1, 0.2));
            alarms += a.sign_in || a.sign_up ? 1 : 0;
        }
    }
    EXPECT_LE(alarms, 3);
}

TEST(Detector, AnAttackRightAfterTheStartIsSeen) {
    Detector d;
    Traffic t;
    for (int i = 0; i < 3; ++i) (void)d.tick(t.second(3.7, 0.1));
    int first = 0;
    for (int i = 1; i <= 30 && first == 0; ++i) {
        auto s = t.second(3.7, 0.1);
        const auto attack = t.second(16, 0.99);
        s.tries += attack.tries;
        s.failures += attack.failures;
        if (d.tick(s).sign_in) first = i;
    }
    EXPECT_GE(first, 1);
    EXPECT_LE(first, 5);
}

}  // namespace
}  // namespace persona::stuffing
