#include <fstream>

#include "tests/plugins/antiabuse/heuristics/helpers.h"
#include "tests/support/temp_dir.h"

/// anti-abuse.md 3.5.
namespace persona::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

class Stuffed : public ::testing::Test {
  protected:
    Stuffed() {
        std::ofstream(dir_ / "leaked") << "123456\npassword1\nqwertyuiop\n";
        harness_ = std::make_unique<Harness>(pluginPath("stuffing"),
                                             "leaked_passwords: " + (dir_ / "leaked") + "\n");
    }
    Facts login(int source, int account, const std::string& password,
                const std::string& agent = "") {
        return harness_->facts()
            .from("10." + std::to_string(source / 250) + "." + std::to_string(source % 250) + ".1")
            .routeClass(PSN_ROUTE_LOGIN, PSN_TRAIT_HASHES)
            .agent(agent.empty() ? "agent " + std::to_string(source) : agent)
            .account(std::to_string(account) + "@mail.example")
            .arg("pass", password);
    }
    void come(int source, const std::string& agent = "") {
        auto f = login(source, 0, "", agent).routeClass(PSN_ROUTE_CONTEXT);
        f.observe((static_cast<void>(f.evaluate()), answered({})));
    }
    void live(int for_seconds) {
        for (int i = 0; i < for_seconds; ++i) {
            (void)pass(login(5'000 + i, i, "pw" + std::to_string(i)).credit(3),
                       {i % 10 == 0 ? PSN_OUTCOME_AUTH_FAIL : PSN_OUTCOME_AUTH_OK});
            harness_->clock().advance(seconds(1));
        }
    }
    /// Twenty tries a second from as many sources, all wrong; what became of the last second's.
    std::map<std::string, int> attack(int for_seconds) {
        std::map<std::string, int> last;
        for (int s = 0; s < for_seconds; ++s) {
            last.clear();
            for (int i = 0; i < 20; ++i, ++n_)
                ++last[said(
                    pass(login(n_ % 2'000, 10'000 + n_, "guess" + std::to_string(n_ * 7919), "bot"),
                         {PSN_OUTCOME_AUTH_FAIL}))];
            harness_->clock().advance(seconds(1));
        }
        return last;
    }
    TempDir dir_;
    std::unique_ptr<Harness> harness_;
    int n_ = 0;
};

TEST_F(Stuffed, InPeaceNobodyIsAsked) {
    live(120);
    EXPECT_EQ(said(login(1, 1, "123456").evaluate()), "pass");
    EXPECT_EQ(harness_->metric("alarms"), 0);
}

TEST_F(Stuffed, UnderAttackStrangersWorkOrShowAMailAndTheKnownNoticeNothing) {
    live(120);
    const auto last = attack(30);
    EXPECT_FALSE(last.contains("pass")) << "within half a minute nothing gets through";
    EXPECT_EQ(harness_->metric("alarms"), 1);
    EXPECT_EQ(said(login(9'000, 1, "own").flags(PSN_FACT_KNOWN_DEVICE).evaluate()), "pass");
    EXPECT_EQ(said(login(9'001, 1, "own").credit(2).evaluate()), "challenge stuffing")
        << "who did not even load the dialog";
    come(9'002);
    harness_->clock().advance(seconds(3));
    EXPECT_EQ(said(login(9'002, 1, "own").credit(2).evaluate()), "pass")
        << "a new browser at an office from which people have signed in";
    EXPECT_EQ(said(login(9'002, 1, "own").evaluate()), "challenge stuffing");
    EXPECT_EQ(said(login(9'002, 1, "own").flags(PSN_FACT_PAID).evaluate()), "pass");
    EXPECT_EQ(said(login(9'002, 1, "password1").flags(PSN_FACT_PAID).evaluate()), "mail stuffing")
        << "a password of every list";
    EXPECT_EQ(said(login(3, 77, "own", "bot").flags(PSN_FACT_PAID).evaluate()), "mail stuffing")
        << "looks like the attack: work does not help";
    // Five minutes after its end all is as before.
    live(320);
    EXPECT_EQ(said(login(9'005, 1, "own").evaluate()), "pass");
}

TEST_F(Stuffed, WhoHangsUpBeforeTheAnswerIsSeenToo) {
    live(120);
    for (int s = 0; s < 30; ++s) {
        for (int i = 0; i < 20; ++i, ++n_)
            (void)leave(login(n_ % 2'000, 10'000 + n_, "guess" + std::to_string(n_ * 7919), "bot"));
        harness_->clock().advance(seconds(1));
    }
    EXPECT_EQ(harness_->metric("alarms"), 1);
    EXPECT_EQ(said(login(3, 77, "own", "bot").evaluate()), "mail stuffing");
    // Of people, one in ten closes the page.
    live(320);
    for (int i = 0; i < 300; ++i) {
        const auto f = login(7'000 + i, 90'000 + i, "pw" + std::to_string(i)).credit(3);
        (void)(i % 10 == 0 ? leave(f) : pass(f, {PSN_OUTCOME_AUTH_OK}));
        harness_->clock().advance(seconds(1));
    }
    EXPECT_EQ(harness_->metric("alarms"), 1);
    EXPECT_EQ(harness_->command("show"), R"({"sign_in":false,"sign_up":false})");
}

TEST_F(Stuffed, OnePasswordForManyAccounts) {
    live(60);
    int passed = 0, n = 0;
    // S7: slow, so that no rate shows it.
    for (; n < 200; ++n) {
        passed += said(pass(login(n, 20'000 + n, "Summer2025!"), {PSN_OUTCOME_AUTH_FAIL})) == "pass"
                      ? 1
                      : 0;
        harness_->clock().advance(seconds(10));
    }
    EXPECT_LE(passed, 25);
    EXPECT_EQ(said(login(300, 30'000, "Summer2025!").flags(PSN_FACT_PAID).evaluate()),
              "mail spray");
}

TEST_F(Stuffed, SignUpsThatCostAHash) {
    live(120);
    const auto stage = [&](int source) {
        return login(source, 40'000 + source, "x")
            .routeClass(PSN_ROUTE_STAGE, PSN_TRAIT_HASHES | PSN_TRAIT_MAILS);
    };
    std::string last;
    for (int s = 0; s < 15; ++s) {
        for (int i = 0; i < 30; ++i, ++n_) last = said(pass(stage(n_), {PSN_OUTCOME_MAIL_SENT}));
        harness_->clock().advance(seconds(1));
    }
    EXPECT_EQ(last, "challenge sign_ups");
    EXPECT_EQ(said(stage(9'999).credit(1).evaluate()), "pass");
    EXPECT_EQ(said(stage(9'999).flags(PSN_FACT_PAID).evaluate()), "pass");
}

TEST_F(Stuffed, AListThatIsNotThereIsSaid) {
    EXPECT_THROW(Harness(pluginPath("stuffing"), "leaked_passwords: /nowhere/list\n"),
                 std::runtime_error);
}

}  // namespace
}  // namespace persona::testing
