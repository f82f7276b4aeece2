#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/pow/puzzle.h"
#include "libs/protocol/base64url.h"
#include "tests/e2e/shapes.h"

/// Guesses at a password against the real service with the heuristics on, in both shapes (S8, S16):
/// what the owner notices of strangers, and how a stranger gets on who is none.
namespace persona::testing {
namespace {

using ::testing::StartsWith;

class Abuse : public ::testing::TestWithParam<Shape> {
  protected:
    void SetUp() override {
        auto options = inShape(GetParam());
        // Few free tries, so that a test needs few; all clients of a test come from one address.
        options.heuristics = {
            "{id: challenge, module: antiabuse/challenge.so, on_error: deny, budget: 1s, config: "
            "{easiest: 8, iterations: 10, secrets: {challenge: $DIR/s/challenge}}}",
            "{id: login, module: antiabuse/login.so, on_error: deny, budget: 1s, config: "
            "{account: {free: 3, daily: 6}, pair: {burst: 100}, prefix: {burst: 100}}}"};
        service_ = std::make_unique<Service>(options);
        service_->start();
    }
    [[nodiscard]] Browser browser() const { return Browser(service_->port("router")); }

    void signUp(Browser& b, const std::string& email) const {
        (void)b.post("stage_user", R"({"email":")" + email +
                                       R"(","pass":"password1","site":"https://site.example"})");
        ASSERT_EQ(b.post("complete_user_creation", R"({"token":")" + service_->token(email) + "\"}")
                      .text(),
                  R"(200 {"success":true})");
    }
    static Response signIn(Browser& b, const std::string& pass = "password1") {
        return b.post("authenticate_user",
                      R"({"email":"ann@mail.example","pass":")" + pass + R"(","ephemeral":false})");
    }
    /// "right", "wrong", "challenge work", ...
    static std::string said(const Response& r) {
        if (r.status == 200)
            return r.body.find("\"success\":true") != std::string::npos ? "right" : "wrong";
        const auto json = r.json();
        const auto* kind = json ? json->findText("kind") : nullptr;
        return kind == nullptr ? r.text() : "challenge " + *kind;
    }
    static std::string solved(const std::string& challenge) {
        std::vector<std::string> f(1);
        for (const char c : challenge)
            if (c == '.')
                f.emplace_back();
            else
                f.back() += c;
        pow::Puzzle p;
        p.algorithm = *pow::algorithmOf(f.at(1));
        p.iterations = static_cast<std::uint32_t>(std::stoul(f.at(2)));
        p.bits = static_cast<std::uint32_t>(std::stoul(f.at(4)));
        const auto seed = *protocol::decodeBase64Url(f.at(8));
        std::copy(seed.begin(), seed.end(), p.seed.begin());
        return challenge + ";n=" + pow::textOf(pow::solve(p));
    }
    std::unique_ptr<Service> service_;
};

INSTANTIATE_TEST_SUITE_P(Shapes, Abuse, bothShapes(), shapeName);

TEST_P(Abuse, StrangersWorkThenNeedAMailAndTheOwnerNoticesNothing) {
    auto owner = browser();
    signUp(owner, "ann@mail.example");
    const auto expect_owner = [&](const char* when) {
        for (int i = 0; i < 3; ++i) EXPECT_EQ(said(signIn(owner)), "right") << when;
    };
    auto stranger = browser();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(said(signIn(stranger, "wrongpass")), "wrong");
    const auto asked = signIn(stranger, "wrongpass");
    EXPECT_EQ(said(asked), "challenge work");
    EXPECT_THAT(asked.header("bid-challenge"), StartsWith("v1.pbkdf2.10.4."));
    EXPECT_FALSE(asked.header("retry-after").empty());
    EXPECT_EQ(asked.header("bid-aa-outcome"), "");
    expect_owner("when strangers have to work");

    // One proof is one try, whatever becomes of it.
    const auto proof = solved(asked.header("bid-challenge"));
    stranger.fields = {{"BID-Work", proof}};
    EXPECT_EQ(said(signIn(stranger, "wrongpass")), "wrong");
    EXPECT_EQ(said(signIn(stranger, "wrongpass")), "challenge work") << "replayed";
    stranger.fields = {{"BID-Work", proof + "1"}};
    EXPECT_EQ(said(signIn(stranger, "wrongpass")), "challenge work") << "spent";
    std::string last;
    for (int i = 0; i < 6; ++i) {
        stranger.fields.clear();
        const auto again = signIn(stranger, "wrongpass");
        if (said(again) != "challenge work") break;
        stranger.fields = {{"BID-Work", solved(again.header("bid-challenge"))}};
        last = said(signIn(stranger, "wrongpass"));
    }
    EXPECT_EQ(said(signIn(stranger, "wrongpass")), "challenge mail") << last;
    EXPECT_EQ(said(signIn(stranger)), "challenge mail") << "even with the right password";
    expect_owner("when strangers need a mail");

    // A new browser of the owner's gets in by that mail.
    auto phone = browser();
    EXPECT_EQ(said(signIn(phone)), "challenge mail");
    EXPECT_EQ(phone.post("stage_unblock", R"({"email":"ann@mail.example"})").text(),
              R"(200 {"success":true})");
    EXPECT_EQ(phone
                  .post("complete_unblock",
                        R"({"token":")" + service_->token("ann@mail.example", 2) + "\"}")
                  .text(),
              R"(200 {"success":true})");
    EXPECT_EQ(said(signIn(phone)), "right");
    stranger.fields.clear();
    EXPECT_EQ(said(signIn(stranger)), "challenge mail") << "the stranger is one still";

    // A session of one's own opens no way to guess at others.
    auto insider = browser();
    signUp(insider, "mallory@mail.example");
    EXPECT_EQ(said(signIn(insider, "wrongpass")), "challenge mail");
}

}  // namespace
}  // namespace persona::testing
