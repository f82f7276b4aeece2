#include "bench/abuse/src/rules.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace persona::abuse {
namespace {

using Came = Rules::Came;

/// The rules as they are shipped, with each limit as it is written.
Rules shipped(const std::string& file) {
    std::ifstream in(std::string(PERSONA_SOURCE_DIR) + "/bench/abuse/anchors/" + file);
    EXPECT_TRUE(in) << file;
    std::stringstream text;
    text << in.rdbuf();
    auto out = text.str();
    for (auto at = out.find('@'); at != std::string::npos; at = out.find('@'))
        out.erase(at, out[at + 1] == 'x' ? 2 : 1);
    return Rules(out);
}

/// How many of `tries` pass, a second apart from `from` on; each one fails when `fails`.
int passing(Rules& rules, Rules::Request q, int tries, double from, bool fails) {
    int passed = 0;
    for (int i = 0; i < tries; ++i) {
        if (rules.check(q, from + i)) continue;
        ++passed;
        rules.came(q, fails ? Came::Failed : Came::Well, from + i);
    }
    return passed;
}

TEST(FxaRules, OldRulesStopTheThirdFailureOfOnePairForAQuarterOfAnHour) {
    auto rules = shipped("fxa19.rules");
    const Rules::Request q{"login", "127.1.1.1", "u1@d.example", ""};
    EXPECT_EQ(passing(rules, q, 10, 0, true), 3);  // the third failure is one too many
    EXPECT_NEAR(*rules.check(q, 10), 892, 1);
    EXPECT_FALSE(rules.check(q, 903));
    EXPECT_FALSE(rules.check({"login", "127.1.1.2", "u1@d.example", ""}, 10));
}

TEST(FxaRules, OldRulesWeighFailuresOfDifferentPeopleAndUnknownOnesTwice) {
    auto rules = shipped("fxa19.rules");
    rules.came({"login", "127.1.1.1", "x1@d.example", ""}, Came::Unknown, 0);
    EXPECT_FALSE(rules.check({"login", "127.1.1.1", "u9@d.example", ""}, 1));
    rules.came({"login", "127.1.1.1", "x2@d.example", ""}, Came::Unknown, 1);
    EXPECT_TRUE(rules.check({"login", "127.1.1.1", "u9@d.example", ""}, 2));
    EXPECT_TRUE(rules.check({"status", "127.1.1.1", "u9@d.example", ""}, 2));
    EXPECT_FALSE(rules.check({"reset", "127.1.1.1", "u9@d.example", ""}, 2));
}

TEST(FxaRules, OldRulesCountDifferentAddressesAskedAboutNotQuestions) {
    auto rules = shipped("fxa19.rules");
    const std::string same = "u1@d.example";
    for (int i = 0; i < 50; ++i) EXPECT_FALSE(rules.check({"status", "127.1.1.1", same, ""}, i));
    int refused = 0;
    for (int i = 2; i < 10; ++i)
        refused +=
            rules.check({"status", "127.1.1.1", "u" + std::to_string(i) + "@d.example", ""}, 60)
                ? 1
                : 0;
    EXPECT_EQ(refused, 4);  // five in all are free
}

TEST(FxaRules, OldRulesMailLimitIsThePersonsWhereverItComesFrom) {
    auto rules = shipped("fxa19.rules");
    int sent = 0;
    for (int i = 0; i < 8; ++i) {
        const auto ip = "127.2.0." + std::to_string(i);
        sent += rules.check({"reset", ip, "u1@d.example", ""}, i) ? 0 : 1;
    }
    EXPECT_EQ(sent, 3);
}

TEST(FxaRules, NewRulesBanAnAddressFromEverythingAfterAHundredLogins) {
    auto rules = shipped("fxa25.rules");
    int passed = 0;
    for (int i = 0; i < 150; ++i) {
        const auto who = "u" + std::to_string(i) + "@d.example";
        passed += rules.check({"login", "127.1.1.1", who, ""}, i) ? 0 : 1;
    }
    EXPECT_EQ(passed, 100);
    EXPECT_TRUE(rules.check({"status", "127.1.1.1", "u1@d.example", ""}, 200));
    EXPECT_FALSE(rules.check({"status", "127.1.1.2", "u1@d.example", ""}, 200));
}

TEST(FxaRules, NewRulesLockAPersonOutForADay) {
    auto rules = shipped("fxa25.rules");
    for (int i = 0; i < 60; ++i)
        rules.check({"login", "127.3.0." + std::to_string(i), "u1@d.example", ""}, i);
    EXPECT_TRUE(rules.check({"login", "127.9.9.9", "u1@d.example", ""}, 80'000));
    EXPECT_FALSE(rules.check({"login", "127.9.9.9", "u1@d.example", ""}, 90'000));
}

TEST(FxaRules, NewRulesHaveADefaultForWhatHasNoLineOfItsOwn) {
    auto rules = shipped("fxa25.rules");
    int passed = 0;
    for (int i = 0; i < 1'000; ++i)
        passed += rules.check({"other", "127.1.1.1", "", ""}, i * 0.1) ? 0 : 1;
    EXPECT_EQ(passed, 900);
    EXPECT_FALSE(rules.check({"status", "127.1.1.1", "u1@d.example", ""}, 101));
}

TEST(FxaRules, ForgetsWhatIsOlderThanEveryWindow) {
    auto rules = shipped("fxa19.rules");
    for (int i = 0; i < 100; ++i)
        rules.check({"status", "127.1.2." + std::to_string(i), "u1@d.example", ""}, 0);
    EXPECT_GE(rules.size(), 100U);
    rules.expire(901);
    EXPECT_EQ(rules.size(), 0U);
}

TEST(FxaRules, NamesTheLineThatItCannotRead) {
    try {
        const Rules rules("# well\nlogin | ip | check | many | 1 | 1 | block\n");
        FAIL() << "read a number that is none";
    } catch (const std::runtime_error& e) {
        EXPECT_NE(std::string(e.what()).find("line 2"), std::string::npos) << e.what();
    }
    EXPECT_THROW(Rules("login | ip | check | 1 | 1 | 1 | shoot\n"), std::runtime_error);
    EXPECT_THROW(Rules("login | ip\n"), std::runtime_error);
}

}  // namespace
}  // namespace persona::abuse
