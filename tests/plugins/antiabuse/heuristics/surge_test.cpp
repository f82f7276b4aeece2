#include <map>
#include <random>

#include "libs/abuse/crowd.h"
#include "tests/plugins/antiabuse/heuristics/helpers.h"

/// Floods of many hands (decision 0110).
namespace persona::testing {
namespace {

using abuse::Crowd;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Arrivals of one kind at a bucket, Poisson, second by second.
class Bucket {
  public:
    /// Seconds of `rate` arrivals, of which one in `each` succeeds; how many of them were alarmed.
    int live(int for_seconds, double rate, double each) {
        int alarmed = 0;
        for (int s = 0; s < for_seconds; ++s) {
            const auto n = std::poisson_distribution<int>(rate)(random_);
            for (int i = 0; i < n; ++i) {
                crowd.came(now_);
                if (std::uniform_real_distribution<double>(0, each)(random_) < 1) crowd.succeeded();
            }
            alarmed += crowd.isAlarmed(now_) ? 1 : 0;
            crowd.tick(++now_);
        }
        return alarmed;
    }
    Crowd crowd{Crowd::Settings{2, 4, 100, 60}};

  private:
    std::mt19937_64 random_{11};
    std::uint32_t now_ = 1'000;
};

TEST(Crowd, ADayLikeOthersIsQuietAndSoIsACrowdOfPeople) {
    Bucket b;
    EXPECT_EQ(b.live(86'400, 5, 6), 0);
    EXPECT_EQ(b.live(1'800, 50, 6), 0) << "ten times as many, of whom as many get somewhere";
}

TEST(Crowd, WhoComesInNumbersForNothingIsSeenAndForgottenSoon) {
    Bucket b;
    b.live(600, 5, 6);
    EXPECT_GT(b.live(10, 200, 1e9), 8) << "within a second or two";
    EXPECT_EQ(b.live(600, 200, 1e9), 600) << "as long as it lasts: it is not what is usual";
    const auto after = b.live(300, 5, 6);
    EXPECT_GT(after, 50);
    EXPECT_LT(after, 100);
}

TEST(Crowd, TheFirstSecondsOfAProcessAreNoAlarm) {
    Bucket b;
    EXPECT_EQ(b.live(60, 300, 6), 0);
}

class Surge : public ::testing::Test {
  protected:
    Facts ask(int source, std::uint32_t route = PSN_ROUTE_CONTEXT) {
        return harness_.facts()
            .from("10." + std::to_string(source / 60'000) + "." +
                  std::to_string(source / 250 % 240) + "." + std::to_string(source % 250))
            .agent("agent " + std::to_string(source))
            .priority(3)
            .routeClass(route);
    }
    /// Two strangers a second, one of whom signs in.
    void live(int for_seconds) {
        for (int s = 0; s < for_seconds; ++s) {
            for (int i = 0; i < 2; ++i) (void)pass(ask(500'000 + 2 * s + i), {});
            ask(500'000 + s, PSN_ROUTE_LOGIN)
                .account(std::to_string(n_++) + "@mail.example")
                .observe(answered({PSN_OUTCOME_AUTH_OK}));
            harness_.clock().advance(seconds(1));
        }
    }
    /// 200 calls a second of 2,000 sources; what became of the last second's.
    std::map<std::string, int> attack(int for_seconds, std::uint32_t route = PSN_ROUTE_CONTEXT) {
        std::map<std::string, int> last;
        for (int s = 0; s < for_seconds; ++s) {
            last.clear();
            for (int i = 0; i < 200; ++i, ++n_) {
                ++last[said(pass(ask(n_ % 2'000, route), {}))];
                harness_.clock().advance(milliseconds(5));
            }
        }
        return last;
    }
    Harness harness_{pluginPath("surge")};
    int n_ = 0;
};

TEST_F(Surge, InPeaceNobodyIsAsked) {
    live(300);
    EXPECT_EQ(said(ask(1).evaluate()), "pass");
    EXPECT_EQ(harness_.metric("alarms"), 0);
    EXPECT_EQ(harness_.command("show"), R"({"calls":false,"mails":false,"rest":false})");
}

TEST_F(Surge, InAFloodOfManyStrangersWorkAndTheKnownNoticeNothing) {
    live(120);
    const auto last = attack(3);
    EXPECT_FALSE(last.contains("pass"));
    EXPECT_EQ(harness_.metric("alarms"), 1);
    EXPECT_EQ(harness_.command("show"), R"({"calls":true,"mails":false,"rest":false})");
    EXPECT_EQ(said(ask(9'000).evaluate()), "challenge work");
    EXPECT_EQ(said(ask(9'000).flags(PSN_FACT_KNOWN_DEVICE).evaluate()), "pass");
    EXPECT_EQ(said(ask(9'000).session("s").sessionClass(PSN_SESSION_DEVICE).evaluate()), "pass");
    EXPECT_EQ(said(ask(9'000).priority(1).evaluate()), "pass") << "a link that a mail brought";
    EXPECT_EQ(said(ask(9'000, PSN_ROUTE_LOGIN).evaluate()), "pass") << "has its own detector";
    EXPECT_EQ(said(ask(9'000, PSN_ROUTE_STAGE).evaluate()), "pass") << "no flood of mails";
    live(150);
    EXPECT_EQ(said(ask(9'000).evaluate()), "pass") << "calm again";
}

TEST_F(Surge, AProofIsGoodForAFewCallsOfThatBrowser) {
    live(120);
    attack(3);
    EXPECT_EQ(said(ask(9'000).flags(PSN_FACT_PAID).evaluate()), "pass");
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(said(ask(9'000, PSN_ROUTE_LOOKUP).evaluate()), "pass") << i;
    EXPECT_EQ(said(ask(9'000, PSN_ROUTE_LOOKUP).evaluate()), "challenge work");
    EXPECT_EQ(said(ask(9'001).evaluate()), "challenge work");
}

TEST_F(Surge, WhoWorksForVeryManyIsAMachine) {
    live(120);
    attack(3);
    std::map<std::string, int> became;
    for (int i = 0; i < 200; ++i) ++became[said(pass(ask(9'000).flags(PSN_FACT_PAID), {}))];
    EXPECT_EQ(became["pass"], 30);
    EXPECT_EQ(became["throttle worked"], 170);
    EXPECT_EQ(ask(9'000).agent("another").evaluate().level, 13U) << "harder for its neighbours";
}

TEST_F(Surge, ManyNetworksOfOneWhoWorksAreOneMachine) {
    live(120);
    attack(3);
    std::map<std::string, int> became;
    const auto work = [&](const std::string& half, int networks) {
        became.clear();
        for (int i = 0; i < networks; ++i)
            ++became[said(pass(harness_.facts()
                                   .from("2001:db8:" + half + std::to_string(i) + "::1")
                                   .agent("agent")
                                   .priority(3)
                                   .flags(PSN_FACT_PAID)
                                   .routeClass(PSN_ROUTE_CONTEXT),
                               {}))];
    };
    work("1:70", 100);  // decimal digits in one /56 of 7000 to 7099
    EXPECT_EQ(became["pass"], 100);
    work("2:", 9'000);
    EXPECT_EQ(became["pass"], 480) << "a /48 is sixteen networks";
    EXPECT_EQ(became["throttle worked"], 8'520);
}

TEST_F(Surge, WherePeopleSignInSomeGoOnAsEver) {
    live(120);
    attack(3);
    int passed = 0;
    for (int i = 0; i < 60; ++i) {
        passed += said(pass(ask(9'000).credit(10), {})) == "pass" ? 1 : 0;
        harness_.clock().advance(seconds(1));
        (void)attack(0);
    }
    EXPECT_GE(passed, 59) << "one a second of thirty people";
    int bot = 0;
    for (int i = 0; i < 300; ++i) bot += said(pass(ask(9'001).credit(1), {})) == "pass" ? 1 : 0;
    EXPECT_LE(bot, 13);
}

TEST_F(Surge, WhatNobodyWaitsForIsRefused) {
    live(120);
    const auto last = attack(3, PSN_ROUTE_UNKNOWN);
    EXPECT_FALSE(last.contains("pass"));
    EXPECT_EQ(said(ask(9'000, PSN_ROUTE_MEASURE).evaluate()), "throttle rest");
    EXPECT_EQ(said(ask(9'000).evaluate()), "pass") << "calls are another matter";
}

TEST_F(Surge, MailsHaveAFloodOfTheirOwn) {
    live(120);
    std::string last;
    for (int s = 0; s < 4; ++s) {
        for (int i = 0; i < 8; ++i)
            last = said(pass(ask(n_++, PSN_ROUTE_STAGE), {PSN_OUTCOME_MAIL_SENT}));
        harness_.clock().advance(seconds(1));
    }
    EXPECT_EQ(last, "challenge work");
    EXPECT_EQ(said(ask(9'000).evaluate()), "pass");
}

/// The one in standby hears nobody; what it makes of that is nothing that others begin with.
TEST_F(Surge, WhatIsUsualOutlivesSwapsHoursApart) {
    const auto strangers = [&](int for_seconds) {
        std::map<std::string, int> became;
        for (int s = 0; s < for_seconds; ++s) {
            for (int i = 0; i < 20; ++i) ++became[said(pass(ask(n_++ % 5'000), {}))];
            harness_.clock().advance(seconds(1));
        }
        return became;
    };
    strangers(900);
    harness_.clock().advance(milliseconds(5'300));
    harness_.swap();
    // Each writes what it knows every ten seconds, and the first one's turn was the last.
    EXPECT_EQ(strangers(10'807)["pass"], 216'140);
    harness_.swap();
    EXPECT_EQ(strangers(60)["pass"], 1'200);
    EXPECT_EQ(harness_.metric("alarms"), 0);
}

}  // namespace
}  // namespace persona::testing
