#include "tests/plugins/antiabuse/heuristics/helpers.h"

namespace persona::testing {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

class Lists : public ::testing::Test {
  protected:
    Facts ask(const std::string& from, int address) {
        return harness_.facts()
            .from(from)
            .routeClass(PSN_ROUTE_LOOKUP)
            .account(std::to_string(address) + "@mail.example");
    }
    std::string unknown(const Facts& f) {
        return said(pass(f, {PSN_OUTCOME_WK_HIT, PSN_OUTCOME_ADDRESS_UNKNOWN}));
    }
    std::string known(const Facts& f) { return said(pass(f, {PSN_OUTCOME_ADDRESS_KNOWN})); }
    Harness harness_{pluginPath("enum"), "total: 1000\n"};
};

TEST_F(Lists, ThirtyUnknownThenWorkThenNone) {
    int n = 0;
    while (unknown(ask("192.0.2.5", n)) == "pass") ++n;
    EXPECT_EQ(n, 30);
    EXPECT_EQ(unknown(ask("192.0.2.5", 40)), "challenge unknown");
    int paid = 0;
    while (unknown(ask("192.0.2.5", 100 + paid).flags(PSN_FACT_PAID)) == "pass") ++paid;
    EXPECT_GE(paid, 25);
    EXPECT_LE(paid, 31);
    EXPECT_EQ(unknown(ask("192.0.2.5", 300).flags(PSN_FACT_PAID)), "throttle unknown");
    EXPECT_EQ(unknown(ask("203.0.113.5", 1)), "pass") << "others are not touched";
    harness_.clock().advance(hours(1));
    EXPECT_EQ(unknown(ask("192.0.2.5", 301)), "pass");
}

TEST_F(Lists, KnownAddressesCostNothingUntilThereAreTooMany) {
    int n = 0;
    while (n < 1'000 && known(ask("192.0.2.5", n)) == "pass") ++n;
    EXPECT_EQ(n, 200) << "different ones in an hour";
    // To ask again for one that was answered is no new one; for one that was refused, it is.
    EXPECT_EQ(known(ask("192.0.2.5", 3)), "pass");
    EXPECT_EQ(known(ask("192.0.2.5", 5'000)), "challenge distinct");
    EXPECT_EQ(known(ask("192.0.2.5", 5'000)), "challenge distinct");
    for (int i = 0; i < 300; ++i) EXPECT_EQ(known(ask("203.0.113.5", 7)), "pass");
}

TEST_F(Lists, RefusalsDoNotRefillTheBudget) {
    for (int n = 0; n < 200; ++n) (void)known(ask("192.0.2.5", n));
    for (int i = 0; i < 500; ++i)
        EXPECT_EQ(known(ask("192.0.2.5", 1'000 + i)), "challenge distinct");
}

TEST_F(Lists, AListInManyHands) {
    Harness h(pluginPath("enum"));
    int passed = 0;
    // S10: 200 sources, one address a second each, for a minute.
    for (int second = 0; second < 60; ++second) {
        for (int i = 0; i < 200; ++i)
            passed += said(pass(h.facts()
                                    .from("10.0." + std::to_string(i) + ".1")
                                    .routeClass(PSN_ROUTE_LOOKUP)
                                    .account(std::to_string(second * 200 + i) + "@mail.example"),
                                {PSN_OUTCOME_ADDRESS_UNKNOWN})) == "pass"
                          ? 1
                          : 0;
        h.clock().advance(seconds(1));
    }
    EXPECT_LE(passed, 40 + 4 * 60) << "4 a second for all strangers together";
    EXPECT_EQ(said(pass(h.facts()
                            .from("203.0.113.1")
                            .routeClass(PSN_ROUTE_LOOKUP)
                            .flags(PSN_FACT_KNOWN_DEVICE)
                            .account("ann@mail.example"),
                        {PSN_OUTCOME_ADDRESS_KNOWN})),
              "pass");
}

TEST_F(Lists, OneBrowserAmongMany) {
    const auto bot = [&](int i) { return ask("192.0.2.5", i).agent("bot").credit(1); };
    int n = 0;
    while (unknown(bot(n)) == "pass") ++n;
    EXPECT_EQ(n, 8);
    EXPECT_EQ(unknown(bot(99)), "challenge browser");
    EXPECT_EQ(unknown(bot(100).flags(PSN_FACT_PAID)), "pass");
    EXPECT_EQ(unknown(ask("192.0.2.5", 101).agent("a person").credit(1)), "pass");
}

TEST_F(Lists, OfficesAndOwnersHaveMore) {
    int office = 0;
    while (office < 5'000 && known(ask("192.0.2.5", office).credit(100)) == "pass") ++office;
    EXPECT_GT(office, 3'000);
    for (int i = 0; i < 500; ++i)
        EXPECT_EQ(unknown(ask("203.0.113.5", i).flags(PSN_FACT_KNOWN_DEVICE)), "pass");
}

TEST_F(Lists, ANetworkOfAddressesHasEightTimesOne) {
    int passed = 0;
    for (int i = 0; i < 1'000; ++i)
        passed += unknown(ask("192.0.2." + std::to_string(i % 250), i)) == "pass" ? 1 : 0;
    EXPECT_EQ(passed, 240);
}

}  // namespace
}  // namespace persona::testing
