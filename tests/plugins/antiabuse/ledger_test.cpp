#include "plugins/antiabuse/ledger.h"

#include <gtest/gtest.h>

#include "sdk/testing/fake_host.h"

namespace persona::antiabuse {
namespace {

constexpr std::int64_t kDay = 86'400'000'000'000;

/// A table of the host in memory, on a clock that is given with each call.
struct Remembered : ::testing::Test {
    testing::FakeHost fake;
    sdk::Host host{fake.host()};
    Ledger ledger{host, {}};
    /// How many of the networks have credit.
    int credited(std::uint64_t from, std::uint64_t to, std::int64_t now) const {
        int n = 0;
        for (auto prefix = from; prefix < to; ++prefix) n += ledger.of(prefix, now).credit != 0;
        return n;
    }
};

TEST_F(Remembered, AnAccountVouchesForAFewNetworksAWeek) {
    std::int64_t now = kDay;
    for (std::uint64_t prefix = 1; prefix <= 100; ++prefix, now += kDay / 100)
        ledger.signedIn(prefix, 7, now);
    EXPECT_GE(credited(1, 101, now), 4);
    EXPECT_LE(credited(1, 101, now), 8) << "whoever has one account has it everywhere";
    // A week of it.
    for (std::uint64_t prefix = 101; prefix <= 700; ++prefix, now += kDay / 100)
        ledger.signedIn(prefix, 7, now);
    EXPECT_LE(credited(1, 701, now), 9);
    // Other accounts are other people, also from those networks.
    ledger.signedIn(90, 8, now);
    EXPECT_EQ(ledger.of(90, now).credit, 1U);
}

TEST_F(Remembered, ANetworkThatWasTooManyIsCreditedLater) {
    std::int64_t now = kDay;
    for (std::uint64_t prefix = 1; prefix <= 20; ++prefix) ledger.signedIn(prefix, 7, now);
    EXPECT_EQ(ledger.of(20, now).credit, 0U);
    now += 2 * kDay;
    ledger.signedIn(20, 7, now);
    EXPECT_EQ(ledger.of(20, now).credit, 1U);
}

}  // namespace
}  // namespace persona::antiabuse
