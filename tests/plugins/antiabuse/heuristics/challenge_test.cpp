#include "libs/pow/puzzle.h"
#include "libs/protocol/base64url.h"
#include "plugins/antiabuse/heuristics/challenge/tickets.h"
#include "tests/plugins/antiabuse/heuristics/helpers.h"
#include "tests/support/temp_dir.h"

/// anti-abuse.md section 4; S16: replayed, forged, late and foreign proofs.
namespace persona::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

class Challenged : public ::testing::Test {
  protected:
    Facts ask(const std::string& from = "192.0.2.5", std::uint32_t route = PSN_ROUTE_LOGIN,
              std::uint32_t traits = PSN_TRAIT_HASHES) {
        return harness_.facts().from(from).routeClass(route, traits).account("ann@mail.example");
    }
    Facts lookup(const std::string& from = "192.0.2.5") { return ask(from, PSN_ROUTE_LOOKUP, 0); }
    static std::optional<Challenge> put(const Facts& f, std::uint32_t level = 4,
                                        std::uint32_t kind = PSN_CHALLENGE_ANY) {
        psn_verdict wanted{};
        wanted.struct_size = sizeof wanted;
        wanted.kind = PSN_VERDICT_CHALLENGE;
        wanted.level = level;
        wanted.weight = 10;
        wanted.challenge_kind = kind;
        return f.challenge(wanted);
    }
    static std::vector<std::string> split(const std::string& text, char by = '.') {
        std::vector<std::string> out(1);
        for (const char c : text)
            if (c == by)
                out.emplace_back();
            else
                out.back() += c;
        return out;
    }
    static pow::Puzzle puzzleOf(const std::string& challenge) {
        const auto f = split(challenge);
        EXPECT_EQ(f.size(), 11U) << challenge;
        EXPECT_EQ(f[0], "v1");
        EXPECT_EQ(f[3], "4");
        pow::Puzzle p;
        p.algorithm = *pow::algorithmOf(f[1]);
        p.iterations = static_cast<std::uint32_t>(std::stoul(f[2]));
        p.bits = static_cast<std::uint32_t>(std::stoul(f[4]));
        const auto seed = *protocol::decodeBase64Url(f[8]);
        EXPECT_EQ(seed.size(), pow::Puzzle::kSeed);
        std::copy(seed.begin(), seed.end(), p.seed.begin());
        return p;
    }
    static std::string solved(const std::string& challenge) {
        return challenge + ";n=" + pow::textOf(pow::solve(puzzleOf(challenge)));
    }
    /// What is said of a request with that proof.
    static std::string redeem(Facts f, const std::string& proof) {
        const auto v = f.header("BID-Work", proof).evaluate();
        return v.grants & PSN_GRANT_PAID ? "paid" : said(v);
    }
    TempDir dir_;
    Harness harness_{pluginPath("challenge"), "secrets.challenge: " + (dir_ / "challenge") +
                                                  "\niterations: 5\neasiest: 4\n"};
};

TEST_F(Challenged, WhoSolvesHasPaid) {
    const auto c = put(ask());
    ASSERT_TRUE(c);
    EXPECT_EQ(c->retry_after_ms, 1'000U);
    EXPECT_EQ(c->body, R"({"success":false,"reason":"challenge","kind":"work","challenge":")" +
                           c->header + R"("})");
    EXPECT_EQ(redeem(ask(), solved(c->header)), "paid");
    EXPECT_EQ(harness_.metric("work.issued"), 1);
    EXPECT_EQ(harness_.metric("work.solved"), 1);
    EXPECT_EQ(said(ask().evaluate()), "pass") << "nobody is challenged by this one itself";
}

TEST_F(Challenged, PlainShaForBrowsersWithoutWebCrypto) {
    const auto c = put(ask().header("BID-Work-Alg", "s256"));
    ASSERT_TRUE(c);
    const auto p = puzzleOf(c->header);
    EXPECT_EQ(p.algorithm, pow::Algorithm::Sha256);
    EXPECT_EQ(p.bits, 4U + 10U) << "a native solver gains nothing by it";
    EXPECT_EQ(redeem(ask(), solved(c->header)), "paid");
}

TEST_F(Challenged, AProofIsGoodOnce) {
    const auto proof = solved(put(ask())->header);
    EXPECT_EQ(redeem(ask(), proof), "paid");
    for (int i = 0; i < 3; ++i) EXPECT_EQ(redeem(ask(), proof), "challenge proof_spent");
    EXPECT_EQ(harness_.metric("work.spent"), 3);
}

TEST_F(Challenged, AWrongProofSpendsTheChallengeToo) {
    const auto c = put(ask(), 14)->header;
    EXPECT_EQ(redeem(ask(), c + ";n=1,2,3,4"), "challenge proof_wrong");
    EXPECT_EQ(redeem(ask(), c + ";n=5,6,7,8"), "challenge proof_spent") << "one check for each";
    const auto other = put(ask())->header;
    for (const auto* numbers : {"", ";", ";n=", ";n=1,2,3", ";x=1,2,3,4"}) {
        const auto fresh = put(ask())->header;
        EXPECT_EQ(redeem(ask(), fresh + numbers), "challenge proof_wrong") << numbers;
    }
    EXPECT_EQ(redeem(ask(), solved(other)), "paid");
}

TEST_F(Challenged, ASwapForgetsNoSpentProof) {
    const auto proof = solved(put(ask())->header), fresh = solved(put(ask())->header);
    EXPECT_EQ(redeem(ask(), proof), "paid");
    // The table is the host's; what the plugin holds itself is derived from the secret.
    const challenge::Tickets same(*wsapi::loadOrCreateKeyRing(dir_ / "challenge"));
    EXPECT_EQ(redeem(ask(), proof), "challenge proof_spent");
    EXPECT_EQ(redeem(ask(), fresh), "paid");
}

TEST_F(Challenged, LateProofs) {
    const auto proof = solved(put(ask())->header);
    harness_.clock().advance(seconds(121));
    EXPECT_EQ(redeem(ask(), proof), "challenge proof_expired");
    const auto in_time = solved(put(ask())->header);
    harness_.clock().advance(seconds(118));
    EXPECT_EQ(redeem(ask(), in_time), "paid");
}

TEST_F(Challenged, ProofsFromElsewhere) {
    const auto proof = [&] { return solved(put(ask())->header); };
    EXPECT_EQ(redeem(ask("198.51.100.5"), proof()), "challenge proof_elsewhere") << "network";
    EXPECT_EQ(redeem(ask().account("bob@mail.example"), proof()), "challenge proof_elsewhere");
    EXPECT_EQ(redeem(lookup(), proof()), "challenge proof_elsewhere") << "route";
    EXPECT_EQ(redeem(ask().session("other"), proof()), "challenge proof_elsewhere") << "browser";
    EXPECT_EQ(redeem(ask("192.0.2.99"), proof()), "paid") << "the same /24";
    EXPECT_EQ(harness_.metric("work.elsewhere"), 4);
}

TEST_F(Challenged, NothingOfAChallengeCanBeChanged) {
    const auto c = put(ask(), 14)->header;
    const auto f = split(c);
    for (std::size_t i = 0; i < c.size(); ++i) {
        auto bad = c;
        bad[i] = bad[i] == '1' ? '2' : '1';
        const auto s = redeem(ask(), bad + ";n=1,2,3,4");
        EXPECT_TRUE(s == "challenge proof_forged" || s == "challenge proof_expired")
            << i << " " << s;
    }
    // An easier one, made by hand.
    auto easy = f;
    easy[4] = "3";
    std::string text;
    for (const auto& part : easy) text += (text.empty() ? "" : ".") + part;
    EXPECT_EQ(redeem(ask(), solved(text)), "challenge proof_forged");
    for (const auto& bad : {std::string("v1"), std::string("v2.") + c.substr(3), c + ".x",
                            std::string(5'000, 'a'), std::string("..........;n=1,2,3,4")})
        EXPECT_EQ(redeem(ask(), bad), "challenge proof_forged") << bad;
    // One of another service.
    TempDir elsewhere;
    const challenge::Tickets others(*wsapi::loadOrCreateKeyRing(elsewhere / "challenge"));
    pow::Puzzle p;
    p.bits = 3;
    p.iterations = 1;
    const auto theirs = others.work(p, {}, 1'700'000'060'000, 1'700'000'000'000);
    EXPECT_EQ(redeem(ask(), solved(theirs)), "challenge proof_forged");
    EXPECT_EQ(harness_.metric("work.solved"), 0);
}

TEST_F(Challenged, KeysOfYesterdayCountNotThoseOfBefore) {
    const challenge::Tickets tickets(*wsapi::loadOrCreateKeyRing(dir_ / "challenge"));
    constexpr std::int64_t kDay = 86'400'000, kNoon = 20'000 * kDay + kDay / 2;
    const challenge::Binding b{1, 2, 3, 4};
    pow::Puzzle p;
    const auto text = tickets.work(p, b, kNoon + 9 * kDay, kNoon);
    EXPECT_EQ(tickets.readWork(text, b, kNoon + kDay).check, challenge::Check::Good);
    EXPECT_EQ(tickets.readWork(text, b, kNoon + 2 * kDay).check, challenge::Check::Expired);
    EXPECT_EQ(tickets.readWork(text, b, kNoon - kDay).check, challenge::Check::Expired);
    EXPECT_EQ(tickets.readPass(text, b, kNoon).check, challenge::Check::Malformed);
    EXPECT_EQ(tickets.readWait(text, b, kNoon).check, challenge::Check::Malformed);
}

TEST_F(Challenged, OnePassIsTwentyCheapRequestsOfItsKind) {
    const auto v = lookup().header("BID-Work", solved(put(lookup())->header)).evaluate();
    EXPECT_TRUE(v.grants & PSN_GRANT_PAID);
    ASSERT_TRUE(v.set_cookie.starts_with("bid_pow=p1.")) << v.set_cookie;
    EXPECT_NE(v.set_cookie.find("; path=/; max-age=600; httponly; samesite=lax"),
              std::string::npos);
    const auto cookie = "a=b; " + v.set_cookie.substr(0, v.set_cookie.find(';'));
    const auto with = [&](Facts f) {
        return (f.flags(PSN_FACT_COOKIES).header("Cookie", cookie).evaluate().grants &
                PSN_GRANT_PAID) != 0;
    };
    EXPECT_FALSE(with(lookup("198.51.100.5"))) << "another network";
    EXPECT_FALSE(with(ask())) << "another route";
    for (int i = 0; i < 19; ++i) EXPECT_TRUE(with(lookup())) << i;
    EXPECT_FALSE(with(lookup())) << "spent";
    harness_.clock().advance(minutes(9));
    EXPECT_FALSE(with(lookup())) << "and it does not come back";
}

TEST_F(Challenged, AnExpensiveActionUsesItUpAtOnce) {
    const auto v = ask().header("BID-Work", solved(put(ask())->header)).evaluate();
    EXPECT_TRUE(v.grants & PSN_GRANT_PAID);
    EXPECT_EQ(v.set_cookie, "");
    // A pass made for cheap ones does not buy a dear one of the same kind afterwards.
    const auto cheap = lookup().header("BID-Work", solved(put(lookup())->header)).evaluate();
    const auto cookie = cheap.set_cookie.substr(0, cheap.set_cookie.find(';'));
    auto dear = ask("192.0.2.5", PSN_ROUTE_LOOKUP, PSN_TRAIT_MAILS)
                    .flags(PSN_FACT_COOKIES)
                    .header("Cookie", cookie);
    EXPECT_FALSE(dear.evaluate().grants & PSN_GRANT_PAID);
}

TEST_F(Challenged, BrowsersThatCannotWorkWait) {
    const auto asked = put(lookup().header("BID-Work", "wait"));
    ASSERT_TRUE(asked);
    EXPECT_TRUE(asked->header.starts_with("w1."));
    EXPECT_NE(asked->body.find(R"("kind":"wait","ticket":")" + asked->header), std::string::npos);
    EXPECT_EQ(asked->retry_after_ms, 6'000U);
    EXPECT_EQ(redeem(lookup(), asked->header), "challenge proof_early");
    harness_.clock().advance(seconds(6));
    EXPECT_EQ(redeem(lookup("198.51.100.5"), asked->header), "challenge proof_elsewhere");
    EXPECT_EQ(redeem(lookup(), asked->header), "paid");
    EXPECT_EQ(redeem(lookup(), asked->header), "challenge proof_spent");
    // Strikes make it longer, to a minute at most.
    EXPECT_EQ(put(lookup().strikes(2).header("BID-Work", "wait"))->retry_after_ms, 21'000U);
    EXPECT_EQ(put(lookup().strikes(9).header("BID-Work", "wait"))->retry_after_ms, 61'000U);
}

TEST_F(Challenged, ThreeWaitAtOnceInANetwork) {
    const auto wait = [&](const char* from) {
        return put(lookup(from).header("BID-Work", "wait"));
    };
    for (const auto* from : {"192.0.2.1", "192.0.2.2", "192.0.2.3"}) EXPECT_TRUE(wait(from));
    EXPECT_FALSE(wait("192.0.2.4"));
    EXPECT_TRUE(wait("203.0.113.4"));
}

TEST_F(Challenged, ASignInWithoutScriptsGoesByMail) {
    const auto c = put(ask().header("BID-Work", "wait"));
    ASSERT_TRUE(c);
    EXPECT_EQ(c->header, "mail");
    EXPECT_NE(c->body.find(R"("kind":"mail")"), std::string::npos);
    EXPECT_EQ(put(ask(), 0, PSN_CHALLENGE_MAIL)->header, "mail");
    // A wait for something else is none for a password.
    const challenge::Tickets tickets(*wsapi::loadOrCreateKeyRing(dir_ / "challenge"));
    const auto lookup_ticket = put(lookup().header("BID-Work", "wait"))->header;
    harness_.clock().advance(seconds(7));
    EXPECT_EQ(redeem(ask(), lookup_ticket), "challenge proof_elsewhere");
}

TEST_F(Challenged, WhoNeverSolvesIsAskedNoMore) {
    const auto from = [&](const std::string& address, const std::string& agent) {
        return put(ask(address).agent(agent));
    };
    int issued = 0;
    while (issued < 1'000 && from("192.0.2.5", "bot")) ++issued;
    EXPECT_EQ(issued, 60);
    EXPECT_TRUE(from("192.0.2.5", "a person at the same address"));
    harness_.clock().advance(seconds(1));
    EXPECT_TRUE(from("192.0.2.5", "bot"));
    EXPECT_FALSE(from("192.0.2.5", "bot"));
    EXPECT_TRUE(from("203.0.113.9", "bot"));
    int renamed = 0;
    while (renamed < 1'000 && from("198.18.0.5", "bot " + std::to_string(renamed))) ++renamed;
    EXPECT_EQ(renamed, 240) << "another name each time";
}

TEST_F(Challenged, WhoSolvesIsAskedAsOftenAsNeedBe) {
    for (int i = 0; i < 300; ++i) {
        const auto c = put(ask().agent("person"));
        ASSERT_TRUE(c) << i;
        ASSERT_EQ(redeem(ask().agent("person"), solved(c->header)), "paid");
    }
}

TEST_F(Challenged, LevelsStayWithinTheirBounds) {
    EXPECT_EQ(puzzleOf(put(ask(), 15)->header).bits, 14U);
    EXPECT_EQ(puzzleOf(put(ask(), 1)->header).bits, 4U);
    EXPECT_EQ(puzzleOf(put(ask(), 12)->header).bits, 12U);
}

}  // namespace
}  // namespace persona::testing
