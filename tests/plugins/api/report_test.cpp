#include <gmock/gmock.h>

#include "libs/wsapi/session_class.h"
#include "tests/plugins/api/api_fixture.h"

/// What the roles tell the router's heuristics (anti-abuse.md 3.1), and that nobody else hears it.
namespace persona::api {
namespace {

using ::testing::HasSubstr;
using wsapi::ClassCookies;

void expectSilent(const Response& r) {
    for (const auto& [name, value] : r.headers)
        EXPECT_FALSE(name.starts_with("bid-aa-")) << name << ": " << value;
}

std::string outcome(const Response& r) {
    return r.header("bid-aa-outcome");
}

TEST_P(Api, ReportsDoNotReachClients) {
    auto b = browser();
    const auto email = fresh();
    expectSilent(b.get("/wsapi/session_context"));
    expectSilent(stage(b, email));
    expectSilent(tokenCall(b, "complete_user_creation", token(email)));
    expectSilent(signIn(b, email, "password2"));
    expectSilent(signIn(b, fresh("nobody")));
    expectSilent(signIn(b, email));
    expectSilent(b.get("/wsapi/have_email?email=" + email));
    expectSilent(b.get("/wsapi/email_for_token?token=" + std::string(48, 'x')));
    expectSilent(b.get("/wsapi/address_info?email=" + email));
    expectSilent(b.send("POST", "/verify", "assertion=a.b.c~d.e.f&audience=https://site.example",
                        {{"Content-Type", "application/x-www-form-urlencoded"}}));
}

TEST_P(Api, ReportsOfReadingCalls) {
    auto owner = browser();
    const auto email = fresh();
    signUp(owner, email);
    Browser b(service().port("browserid"));
    const auto wrong = signIn(b, email, "password2");
    EXPECT_EQ(outcome(wrong), "auth_fail");
    EXPECT_GT(std::atoi(wrong.header("bid-aa-cost-us").c_str()), 0);
    EXPECT_EQ(outcome(signIn(b, fresh("nobody"))), "auth_unknown");
    EXPECT_EQ(outcome(signIn(b, email)), "auth_ok");
    EXPECT_EQ(outcome(b.get("/wsapi/have_email?email=" + email)), "address_known");
    EXPECT_EQ(outcome(b.get("/wsapi/have_email?email=" + fresh("nobody"))), "address_unknown");
    EXPECT_THAT(outcome(b.get("/wsapi/address_info?email=" + email)), HasSubstr("address_known"));
    EXPECT_EQ(outcome(b.get("/wsapi/email_for_token?token=" + std::string(48, 'x'))), "token_bad");
    Browser v(service().port("verifier"));
    EXPECT_EQ(
        outcome(v.send("POST", "/verify", "assertion=a.b.c~d.e.f&audience=https://site.example",
                       {{"Content-Type", "application/x-www-form-urlencoded"}})),
        "verify_bad");
}

TEST_P(Api, ReportsOfWritingCalls) {
    const auto email = fresh();
    Browser b(service().port("dbwriter"));
    // The roles share the session's cookie; dbwriter makes no CSRF token of its own.
    Browser reader(service().port("browserid"));
    (void)reader.context();
    b.cookies = reader.cookies;
    const auto csrf = *reader.context().findText("csrf_token");
    const auto post = [&](const std::string& call, std::string json, const std::string& ask = "") {
        json.insert(json.size() - 1, R"(,"csrf":")" + csrf + "\"");
        std::vector<std::pair<std::string, std::string>> fields{
            {"Content-Type", "application/json"}};
        if (!ask.empty()) fields.emplace_back("BID-AA-Ask", ask);
        return b.send("POST", "/wsapi/" + call, json, fields);
    };
    const std::string site = R"(,"site":"https://site.example")";
    EXPECT_EQ(outcome(post("stage_reset", R"({"email":")" + email + "\"" + site + "}")),
              "address_unknown");
    const auto stage = R"({"email":")" + email + R"(","pass":"password1")" + site + "}";
    const auto skipped = post("stage_user", stage, "untrusted, skip-mail");
    EXPECT_EQ(skipped.text(), kOk);
    EXPECT_EQ(outcome(skipped), "mail_skipped");
    EXPECT_TRUE(service().mails(email).empty());
    const auto staged = post("stage_user", stage);
    EXPECT_EQ(outcome(staged), "mail_sent") << staged.text();
    EXPECT_EQ(outcome(post("complete_user_creation",
                           R"({"token":")" + std::string(48, 'x') + R"(","pass":"password1"})")),
              "token_bad");
    const auto made = post("complete_user_creation", R"({"token":")" + token(email) + "\"}");
    EXPECT_EQ(made.text(), kOk);
    EXPECT_EQ(outcome(made), "auth_ok, token_ok");
}

TEST_P(Api, ReportsAskForLessNeverForMore) {
    auto owner = browser();
    const auto email = fresh();
    signUp(owner, email);
    const auto with = [&](const Browser& b, const std::string& role, const std::string& ask) {
        Browser direct(service().port(role));
        direct.cookies = b.cookies;
        direct.fields = {{"BID-AA-Ask", ask}};
        return signIn(direct, email);
    };
    // A stranger who was asked to step up is told what a wrong password is told.
    EXPECT_EQ(with(browser(), "browserid", "step-up").text(), kWrong);
    EXPECT_EQ(outcome(with(browser(), "browserid", "step-up")), "locked");
    EXPECT_EQ(with(owner, "browserid", "step-up").status, 200U);
    EXPECT_EQ(outcome(with(owner, "browserid", "step-up")), "auth_ok") << "the owner's device";
    // A client's own word does not pass the router.
    EXPECT_THAT(with(browser(), "router", "step-up").text(), HasSubstr("\"success\":true"));
}

TEST_P(Api, ReportOfTheBrowsersClass) {
    const auto keys = wsapi::loadOrCreateKeyRing(service().dir() + "/s/class");
    ASSERT_TRUE(keys);
    const ClassCookies classes(*keys, false);
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    const auto fieldOf = [](const Browser& b) {
        const auto at = b.cookies.find("bid_class");
        return at == b.cookies.end() ? "" : "bid_class=" + at->second;
    };
    auto b = browser();
    const auto email = fresh();
    (void)b.context();
    (void)signIn(b, fresh("nobody"));
    EXPECT_EQ(fieldOf(b), "") << "a stranger has none";
    signUp(b, email);
    const auto field = fieldOf(b);
    ClassCookies::Class in, out;
    ASSERT_EQ(classes.read(field, in), ClassCookies::Found::Ours);
    EXPECT_TRUE(in.isSignedIn(now));
    EXPECT_TRUE(classes.knows(in, email, now));
    (void)b.post("logout");
    const auto after = fieldOf(b);
    ASSERT_EQ(classes.read(after, out), ClassCookies::Found::Ours);
    EXPECT_FALSE(out.isSignedIn(now));
    EXPECT_TRUE(classes.knows(out, email, now)) << "the browser is still known";
    EXPECT_EQ(in.id, out.id);
}

}  // namespace
}  // namespace persona::api
