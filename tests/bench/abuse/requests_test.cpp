#include <gtest/gtest.h>

#include "bench/abuse/src/assertions.h"
#include "bench/abuse/src/scripts.h"

namespace persona::abuse {
namespace {

Record record(Behaviour behaviour, std::uint32_t seed) {
    Record r{};
    r.behaviour = static_cast<std::uint16_t>(behaviour);
    r.seed = seed;
    r.actor = 4711;
    r.account = 12;
    r.aux = seed;
    r.address = 0x7F010203;
    return r;
}

std::string wire(const Record& r) {
    Jar jar;
    jar.csrf = "token";
    jar.put("browserid_state", "s");
    std::string out;
    for (const auto& step : scriptOf(r)) out += requestOf(r, step, jar, 8'080, "");
    return out;
}

constexpr Behaviour kAll[] = {
    Behaviour::SignIn,         Behaviour::IncludeOnly, Behaviour::Reauth,
    Behaviour::SignUp,         Behaviour::Reset,       Behaviour::AddEmail,
    Behaviour::ChangePassword, Behaviour::RpVerify,    Behaviour::Hit,
    Behaviour::Guess,          Behaviour::Stage,       Behaviour::Enumerate,
    Behaviour::VerifyAbuse,    Behaviour::Bomb,        Behaviour::CacheBust,
    Behaviour::ReplayWork,     Behaviour::Discover};

TEST(Requests, TheLabelAndThePlaceAreNeverOnTheWire) {
    for (const auto behaviour : kAll)
        for (std::uint32_t seed = 0; seed < 12; ++seed) {
            auto one = record(behaviour, seed), other = one;
            other.label = 1;
            other.place = 5;
            EXPECT_EQ(wire(one), wire(other)) << static_cast<int>(behaviour);
        }
}

TEST(Requests, TheSameRecordGivesTheSameOctets) {
    for (const auto behaviour : kAll) {
        EXPECT_EQ(wire(record(behaviour, 3)), wire(record(behaviour, 3)));
        EXPECT_FALSE(wire(record(behaviour, 3)).empty()) << static_cast<int>(behaviour);
    }
}

TEST(Requests, AnAttackerWithAPersonsFlagsLooksLikeThatPerson) {
    // A guess and a sign-in differ in what is asked, not in how: same fields, in the same order.
    const auto names = [](std::string_view request) {
        std::string out;
        for (auto at = request.find("\r\n"); at != std::string_view::npos;) {
            request.remove_prefix(at + 2);
            if (request.starts_with("\r\n")) break;
            out.append(request.substr(0, request.find(':'))).append(" ");
            at = request.find("\r\n");
        }
        return out;
    };
    Jar jar;
    jar.put("browserid_state", "s");
    const Step login{Route::Authenticate, 0, Variant::Plain, true, true};
    EXPECT_EQ(names(requestOf(record(Behaviour::Guess, 1), login, jar, 80, "")),
              names(requestOf(record(Behaviour::SignIn, 1), login, jar, 80, "")));
}

TEST(Requests, AssertionsCostWhatTheirKindCosts) {
    const auto judge = [](std::uint32_t kind, Variant variant) {
        auto r = record(Behaviour::VerifyAbuse, 6 + kind);
        r.aux = kind;
        const auto text = requestOf(r, {Route::Verify, 0, variant, true, false}, {}, 80, "");
        EXPECT_LT(text.size(), 16'384U) << kind;
        return judgeAssertion(text.substr(text.find("\r\n\r\n") + 4));
    };
    EXPECT_EQ(judge(0, Variant::Good).outcome, Outcome::VerifyOk);
    EXPECT_EQ(judge(0, Variant::WrongPassword).outcome, Outcome::VerifyBadKey);
    EXPECT_GT(judge(0, Variant::WrongPassword).cost_us, 4'000);
    EXPECT_GT(judge(1, Variant::WrongPassword).cost_us, 9'000);
    EXPECT_EQ(judge(2, Variant::WrongPassword).outcome, Outcome::VerifyBad);
    EXPECT_TRUE(judge(4, Variant::WrongPassword).foreign_issuer.ends_with(".test"));
    EXPECT_EQ(judge(5, Variant::WrongPassword).outcome, Outcome::VerifyBad);
}

TEST(World, GeneratorAndStubAgreeOnPeople) {
    for (const std::uint32_t n : {0U, 1U, 29'999U, 1'000'000U}) EXPECT_EQ(accountOf(emailOf(n)), n);
    EXPECT_GE(accountOf(emailOf(kStrangers + 5)), kStrangers);
    EXPECT_GE(accountOf("root@d1.example"), kStrangers);
    EXPECT_NE(passwordOf(1), passwordOf(2));
    EXPECT_EQ(tokenOf("a@b.example").size(), 48U);
}

TEST(World, EveryRouteIsFoundByItsOwnPath) {
    for (int i = 0; i < static_cast<int>(Route::Count); ++i) {
        const auto& r = info(static_cast<Route>(i));
        EXPECT_EQ(static_cast<int>(r.route), i);
        EXPECT_EQ(findRoute(r.post ? "POST" : "GET", r.path), &r);
    }
    EXPECT_EQ(findRoute("GET", "/wsapi/authenticate_user"), nullptr);
}

}  // namespace
}  // namespace persona::abuse
