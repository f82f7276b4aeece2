#include "libs/wsapi/session.h"

#include <gtest/gtest.h>

namespace persona::wsapi {
namespace {

constexpr std::int64_t kNow = 1'750'000'000'000, kHour = 3'600'000, kWeeks = 2'419'200'000;

SessionCookies cookies(const std::string& url = "http://127.0.0.1:10002",
                       KeyRing secrets = {std::string(32, 'a')}) {
    return SessionCookies({url, std::move(secrets)});
}

/// "name=value" of a Set-Cookie, as a browser sends it back.
std::string sentBack(const std::string& set_cookie) {
    return set_cookie.substr(0, set_cookie.find(';'));
}

TEST(SessionCookies, NameStandsForTheService) {
    EXPECT_EQ(cookies().name(), "browserid_state_3e983a");
    EXPECT_EQ(cookies("https://login.persona.org").name(), "browserid_state");
}

TEST(SessionCookies, FlagsAndFields) {
    auto plain = cookies();
    const auto s = plain.fresh(kNow);
    const auto text = plain.write(s);
    EXPECT_EQ(text.find("; secure"), std::string::npos);
    EXPECT_NE(text.find("; path=/wsapi; expires="), std::string::npos);
    EXPECT_TRUE(text.ends_with("; httponly; samesite=lax")) << text;
    EXPECT_NE(cookies("https://login.example").write(s).find("; secure; httponly"),
              std::string::npos);
    const auto value = sentBack(text).substr(plain.name().size() + 1);
    EXPECT_EQ(std::count(value.begin(), value.end(), '.'), 4);
    EXPECT_EQ(value.find('='), std::string::npos);
    EXPECT_NE(value.find("." + std::to_string(kNow) + "." + std::to_string(kWeeks) + "."),
              std::string::npos);
    // W15: the browser forgets it when the service does.
    EXPECT_NE(text.find("expires=" + httpDate(kNow + kWeeks)), std::string::npos);
}

TEST(SessionCookies, WhatWasWrittenIsRead) {
    auto c = cookies();
    auto s = c.fresh(kNow);
    c.signIn(s, {42, 7, Level::Password, true, true}, "Browser", kNow);
    s.pending.creation = "creation";
    s.pending.addition = "addition";
    s.pending.reset = "reset";
    s.pending.reverification = "again";
    s.origins = {"https://a.example", "http://b.example:81"};
    const auto pending = c.writePending(s.pending, kNow);
    const auto opened =
        c.open("x=1; " + sentBack(c.write(s)) + "; y=2; " + sentBack(pending), kNow + 1);
    EXPECT_FALSE(opened.replace);
    EXPECT_EQ(opened.session, s);
    EXPECT_EQ(s.duration_ms, kHour);
    EXPECT_EQ(s.epoch, 7);
}

TEST(SessionCookies, WhatIsPendingHasACookieOfItsOwn) {
    auto c = cookies();
    auto s = c.fresh(kNow);
    s.csrf = "token";
    s.pending.reset = "secret";
    const auto set = c.writePending(s.pending, kNow);
    EXPECT_EQ(set.find("browserid_pending_3e983a="), 0U) << set;
    EXPECT_TRUE(set.ends_with("; httponly; samesite=lax")) << set;
    const auto sent = sentBack(set);
    EXPECT_EQ(c.open(sentBack(c.write(s)), kNow).session.pending, Pending());
    // Another session's answer came in between: the secret is there all the same.
    auto other = c.fresh(kNow);
    other.csrf = "other";
    const auto both = c.open(sentBack(c.write(other)) + "; " + sent, kNow).session;
    EXPECT_EQ(both.csrf, "other");
    EXPECT_EQ(both.pending, s.pending);
    EXPECT_EQ(c.open(sent, kNow).session.pending, s.pending) << "a session that has expired";
    EXPECT_FALSE(c.open(sent, kNow).replace);
    EXPECT_TRUE(c.open(sent, kNow + kWeeks + 1).session.pending.empty());
    // Neither is taken for the other, and garbage for neither.
    const auto value = sent.substr(sent.find('=') + 1);
    EXPECT_TRUE(c.open(c.name() + "=" + value, kNow).replace);
    auto bad = sent;
    bad[bad.size() - 1] = bad.back() == 'A' ? 'B' : 'A';
    bad[30] = bad[30] == 'A' ? 'B' : 'A';
    EXPECT_TRUE(c.open(bad, kNow).session.pending.empty());
    const auto gone = c.writePending({}, kNow);
    EXPECT_EQ(gone.find("browserid_pending_3e983a=; path=/wsapi; expires=Thu, 01 Jan 1970"), 0U)
        << gone;
}

TEST(SessionCookies, GarbageIsNoSession) {
    auto c = cookies();
    auto s = c.fresh(kNow);
    s.csrf = "token";
    const auto good = sentBack(c.write(s));
    EXPECT_EQ(c.open(good, kNow).session.csrf, "token");
    std::size_t refused = 0;
    for (std::size_t i = good.find('=') + 1; i < good.size(); ++i) {
        auto bad = good;
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        const auto opened = c.open(bad, kNow);
        EXPECT_TRUE(opened.replace) << i;
        EXPECT_TRUE(opened.session.csrf.empty()) << i;
        ++refused;
    }
    EXPECT_GT(refused, 80u);
    for (const auto* value : {"", ".", "....", "a.b.c.d.e", "A.A.1.1.A", "%%%", "a.b.c.d.e.f",
                              "AAAAA.AAAAA.1.999999999999999999999.AAAAA"})
        EXPECT_TRUE(c.open(c.name() + "=" + value, kNow).replace) << value;
    EXPECT_TRUE(c.open(c.name() + "=" + std::string(5'000, 'A'), kNow).replace);
    EXPECT_FALSE(c.open("", kNow).replace);
    EXPECT_FALSE(c.open("other=1", kNow).replace);
    // Another service's cookie is not ours, even under the same secret.
    EXPECT_TRUE(cookies("https://login.example")
                    .open("browserid_state_" + good.substr(16), kNow)
                    .session.csrf.empty());
}

TEST(SessionCookies, Expires) {
    auto c = cookies();
    auto s = c.fresh(kNow);
    c.signIn(s, {42, 7, Level::Password, true, true}, "Browser", kNow);
    const auto sent = sentBack(c.write(s));
    EXPECT_TRUE(c.open(sent, kNow + kHour).session.authenticated());
    EXPECT_FALSE(c.open(sent, kNow + kHour + 1).session.authenticated());
}

TEST(SessionCookies, KeysRotate) {
    const std::string old_key(32, 'o'), new_key(32, 'n');
    auto s = cookies().fresh(kNow);
    s.csrf = "token";
    const auto sent = sentBack(cookies("http://127.0.0.1:10002", {old_key}).write(s));
    auto both = cookies("http://127.0.0.1:10002", {new_key, old_key});
    EXPECT_EQ(both.open(sent, kNow).session.csrf, "token");
    const auto again = sentBack(both.write(s));
    EXPECT_EQ(cookies("http://127.0.0.1:10002", {new_key}).open(again, kNow).session.csrf, "token");
    EXPECT_TRUE(cookies("http://127.0.0.1:10002", {new_key}).open(sent, kNow).replace);
}

TEST(SessionCookies, SignInRules) {
    auto c = cookies();
    auto s = c.fresh(kNow);
    s.csrf = "before";
    c.signIn(s, {1, 0, Level::Password, false, true}, "Browser", kNow);
    EXPECT_NE(s.csrf, "before") << "W33: a new token with every sign-in";
    EXPECT_EQ(s.duration_ms, kWeeks);
    const auto as_it_was = s;
    c.signIn(s, {1, 0, Level::Assertion, true, true}, "Browser", kNow + 5);
    EXPECT_EQ(s, as_it_was) << "never lowered";
    c.signIn(s, {2, 3, Level::Assertion, true, true}, "Browser", kNow + 5);
    EXPECT_EQ(s.level, Level::Assertion);
    EXPECT_EQ(s.duration_ms, kHour);
    EXPECT_TRUE(s.ephemeral);
    c.signIn(s, {2, 3, Level::Password, false, false}, "Browser", kNow + 9);
    EXPECT_EQ(s.created_ms, kNow + 5) << "without renewal the duration stays";
    EXPECT_TRUE(s.ephemeral);
    c.signIn(s, {2, 3, Level::Password, true, true}, "Mozilla/5.0 (Mobile; rv:18.0) Firefox/18.0",
             kNow);
    EXPECT_EQ(s.duration_ms, 315'360'000'000);
    EXPECT_FALSE(s.ephemeral);
    s.pending.reset = "x";
    const auto token = s.csrf;
    c.signOut(s, kNow);
    EXPECT_FALSE(s.authenticated());
    EXPECT_EQ(s.csrf, token);
    EXPECT_TRUE(s.pending.reset.empty());
    EXPECT_EQ(s.duration_ms, kWeeks);
}

TEST(Cookies, ValuesAreFoundByWholeName) {
    EXPECT_EQ(cookieValue("ab=1; b=2 ;c=3", "b"), "2");
    EXPECT_EQ(cookieValue("ab=1", "b"), std::nullopt);
    EXPECT_EQ(cookieValue("b", "b"), std::nullopt);
    EXPECT_EQ(cookieValue("b=", "b"), "");
}

}  // namespace
}  // namespace persona::wsapi
