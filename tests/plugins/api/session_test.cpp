#include "libs/wsapi/session.h"
#include "tests/plugins/api/api_fixture.h"

/// Sessions and look-ups (wsapi.md 3.2, 3.3, 4.1), and the weaknesses W4, W11, W14 to W16, W33.
namespace persona::api {
namespace {

constexpr std::int64_t kHour = 3'600'000, kWeeks = 2'419'200'000, kTenYears = 315'360'000'000;

std::int64_t durationOf(const std::string& cookie) {
    const auto tail = cookie.rfind('.');
    const auto start = cookie.rfind('.', tail - 1);
    return std::stoll(cookie.substr(start + 1, tail - start - 1));
}

TEST_P(Api, SessionContextHasItsMembersInOrder) {
    auto b = browser();
    const auto names = [](const Json& o) {
        std::string out;
        for (const auto& [name, value] : o.members()) out += name + " ";
        return out;
    };
    const auto first = b.context();
    EXPECT_EQ(names(first),
              "csrf_token server_time authenticated has_password domain_key_creation_time "
              "random_seed data_sample_rate cookies user_key_algs ");
    EXPECT_TRUE(b.saw_cookie);
    EXPECT_EQ(first.findText("csrf_token")->size(), 24u);
    EXPECT_FALSE(first.find("cookies")->boolean());
    EXPECT_EQ(first.find("user_key_algs")->dump(), R"(["ES256","RS256"])");
    EXPECT_EQ(*b.context().findText("csrf_token"), *first.findText("csrf_token"));
    EXPECT_FALSE(b.saw_cookie) << "nothing changed, so no cookie is set";
    b.cookies["can_set_cookies"] = "1";
    EXPECT_TRUE(b.context().find("cookies")->boolean());
    signUp(b, fresh());
    const auto later = b.context();
    EXPECT_EQ(
        names(later),
        "csrf_token server_time authenticated auth_level has_password "
        "domain_key_creation_time random_seed data_sample_rate cookies userid user_key_algs ");
    EXPECT_TRUE(later.find("has_password")->boolean());
    EXPECT_NE(*later.findText("csrf_token"), *first.findText("csrf_token")) << "W33";
    const auto id = later.find("userid")->number();
    EXPECT_TRUE(id >= 1 && id < 9'007'199'254'740'992.0) << id;
}

TEST_P(Api, TheCookieHasNameFlagsAndFields) {
    auto b = browser();
    const auto r = b.get("/wsapi/session_context");
    const auto set = r.header("set-cookie");
    EXPECT_EQ(set.find(service().cookieName() + "="), 0u) << set;
    EXPECT_NE(set.find("; path=/wsapi; expires="), std::string::npos) << set;
    EXPECT_NE(set.find("; httponly; samesite=lax"), std::string::npos) << set;
    EXPECT_EQ(set.find("domain="), std::string::npos) << set;
    EXPECT_EQ(durationOf(b.cookies.at(service().cookieName())), kWeeks);
}

TEST_P(Api, GarbageCookiesAreNoSession) {
    auto good = browser();
    signUp(good, fresh());
    const auto name = service().cookieName();
    const auto value = good.cookies.at(name);
    for (const auto& bad :
         {std::string("x"), std::string("a.b.c.d.e"), std::string("AAAAA.A.1.1.A"), value.substr(1),
          "A" + value, value + "A", std::string(5'000, 'a')}) {
        auto b = browser();
        b.cookies[name] = bad;
        const auto r = b.get("/wsapi/session_context");
        EXPECT_EQ(r.status, 200u) << "W11: " << r.body;
        EXPECT_NE(r.body.find(R"("authenticated":false)"), std::string::npos);
        EXPECT_TRUE(b.saw_cookie);
    }
}

TEST_P(Api, DurationsFollowWhatWasAskedFor) {
    auto b = browser();
    const auto email = fresh();
    signUp(b, email);
    const auto name = service().cookieName();
    EXPECT_EQ(durationOf(b.cookies.at(name)), kWeeks);
    auto short_one = browser();
    const auto in = signIn(short_one, email, "password1", true);
    EXPECT_NE(in.text().find(R"("suppress_ask_if_users_computer":false})"), std::string::npos);
    EXPECT_EQ(durationOf(short_one.cookies.at(name)), kHour);
    // W33: a short session becomes a long one with the password alone.
    EXPECT_EQ(short_one.post("prolong_session").text(),
              "401 Authentication Required: password required");
    EXPECT_EQ(short_one.post("prolong_session", R"({"pass":"password2"})").text(),
              "401 Authentication Required: password mismatch");
    EXPECT_EQ(durationOf(short_one.cookies.at(name)), kHour);
    EXPECT_EQ(short_one.post("prolong_session", R"({"pass":"password1"})").text(), "200 OK");
    EXPECT_EQ(durationOf(short_one.cookies.at(name)), kWeeks);
    EXPECT_EQ(b.post("prolong_session").text(), "200 OK") << "a long one needs no proof";
    auto phone = browser();
    phone.fields.emplace_back("User-Agent", "Mozilla/5.0 (Mobile; rv:18.0) Gecko Firefox/18.0");
    EXPECT_NE(signIn(phone, email, "password1", true)
                  .text()
                  .find(R"("suppress_ask_if_users_computer":true})"),
              std::string::npos);
    EXPECT_EQ(durationOf(phone.cookies.at(name)), kTenYears);
}

TEST_P(Api, ExpiryInTheBrowserIsThatOfTheSession) {
    auto b = browser();
    const auto email = fresh();
    signUp(b, email);
    auto short_one = browser();
    const auto r = signIn(short_one, email, "password1", true);
    std::string set;
    const auto [first, last] = r.headers.equal_range("set-cookie");
    for (auto c = first; c != last; ++c)
        if (c->second.find(service().cookieName()) == 0) set = c->second;
    const auto value = short_one.cookies.at(service().cookieName());
    const auto c = value.find('.', value.find('.') + 1) + 1;
    const auto created = std::stoll(value.substr(c, value.find('.', c) - c));
    EXPECT_NE(set.find("expires=" + wsapi::httpDate(created + kHour)), std::string::npos)
        << "W15: " << set;
}

TEST_P(Api, AChangeOfPasswordEndsTheOtherSessionsAtOnce) {
    auto one = browser(), two = browser();
    const auto email = fresh();
    signUp(one, email);
    EXPECT_EQ(signIn(two, email).status, 200u);
    const auto update = [](Browser& b, const std::string& from, const std::string& to) {
        return b.post("update_password", R"({"oldpass":")" + from + R"(","newpass":")" + to + "\"}")
            .text();
    };
    EXPECT_EQ(update(one, "wrongpass", "password2"), R"(200 {"success":false})");
    EXPECT_EQ(
        update(one, "", "password2"),
        R"(400 {"success":false,"reason":"oldpass: ValidatorError: String is not in range"})");
    EXPECT_EQ(update(one, "password1", "password1"), kOk);
    EXPECT_EQ(two.get("/wsapi/list_emails").status, 200u) << "the same password ends nothing";
    (void)two.context();
    EXPECT_EQ(update(one, "password1", "password2"), kOk);
    // W14: in the same second.
    EXPECT_EQ(two.post("logout").text(), "403 Forbidden: no cookie");
    EXPECT_EQ(two.get("/wsapi/list_emails").text(), "400 Bad Request: requires authentication");
    EXPECT_EQ(one.get("/wsapi/list_emails").status, 200u);
    EXPECT_EQ(signIn(two, email).text(), kWrong);
    EXPECT_EQ(signIn(two, email, "password2").status, 200u);
}

TEST_P(Api, CancelledAccountsTakeTheirSessionsWithThem) {
    auto one = browser(), two = browser();
    const auto email = fresh();
    signUp(one, email);
    (void)signIn(two, email);
    EXPECT_EQ(one.post("account_cancel").text(), kOk);
    EXPECT_FALSE(one.context().find("authenticated")->boolean()) << "W14: the cookie is cleared";
    EXPECT_EQ(two.get("/wsapi/list_emails").text(), "400 Bad Request: requires authentication");
    EXPECT_FALSE(two.context().find("authenticated")->boolean());
    EXPECT_EQ(two.get("/wsapi/have_email?email=" + email).text(), R"(200 {"email_known":false})");
    EXPECT_EQ(signIn(one, email).text(), kWrong);
}

TEST_P(Api, LogoutKeepsTheTokenAndNothingElse) {
    auto b = browser();
    signUp(b, fresh());
    const auto before = *b.context().findText("csrf_token");
    EXPECT_EQ(b.post("logout").text(), kOk);
    EXPECT_TRUE(b.saw_cookie);
    EXPECT_EQ(*b.context().findText("csrf_token"), before);
    EXPECT_EQ(b.post("logout").text(), "400 Bad Request: requires authentication");
}

TEST_P(Api, PingAndHeartbeatAskTheDatabase) {
    auto b = browser();
    const auto r = b.get("/wsapi/ping");
    EXPECT_EQ(r.text(), "200 ok");
    EXPECT_EQ(r.header("content-type"), "text/html; charset=utf-8");
    for (const auto* role : {"browserid", "dbwriter", "keysigner", "verifier", "static"})
        EXPECT_EQ(Browser(service().port(role)).get("/__heartbeat__").text(), "200 ok") << role;
    EXPECT_EQ(Browser(service().port("dbwriter")).get("/wsapi/ping").text(), "200 ok");
}

TEST_P(Api, InteractionDataIsTakenWhateverItIs) {
    auto b = browser();
    for (const auto* body : {"{}", R"({"data":[]})", R"({"data":[{"event_stream":[]}]})",
                             R"({"data":"x"})", R"({"data":[[1]],"other":2})"})
        EXPECT_EQ(b.post("interaction_data", body).text(), kOk) << body;
}

}  // namespace
}  // namespace persona::api
