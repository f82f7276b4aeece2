#include <fstream>
#include <sstream>

#include "tests/plugins/api/api_fixture.h"

/// Weaknesses of the original (wsapi.md 5.5) that no other file here is about: W5, W25, W26, W30.
namespace persona::api {
namespace {

const std::string kThrottled =
    "429 Too Many Requests: Too many emails sent to that address, try again later.";

TEST_P(Api, MailsHaveADailyCap) {  // W5
    start({"mail: {transport: console, daily_cap: 2}"});
    const auto email = fresh();
    for (int i = 0; i < 2; ++i) {
        auto b = browser();
        EXPECT_EQ(stage(b, email).text(), kOk);
    }
    auto b = browser();
    EXPECT_EQ(stage(b, email).text(), kThrottled);
    EXPECT_EQ(stage(b, fresh()).text(), kOk) << "other addresses have their own";
}

TEST_P(Api, VerifyingAgainIsThrottledToo) {  // W5
    start({"min_time_between_emails: 60s"});
    auto b = browser();
    const auto email = fresh();
    EXPECT_EQ(stage(b, email, "password1", R"("allowUnverified":true)").text(),
              R"(200 {"success":true,"unverified":true})");
    EXPECT_EQ(signIn(b, email).status, 200u);
    const auto r =
        b.post("stage_reverify", R"({"email":")" + email + R"(","site":"https://site.example"})");
    EXPECT_EQ(r.text(), kThrottled);
    EXPECT_FALSE(r.header("retry-after").empty());
}

TEST_P(Api, NoLogHoldsASecretOrAnAddress) {  // W22, W25
    auto owner = browser(), b = browser();
    const auto email = fresh("loggable");
    signUp(owner, email, "loggedpassword1");
    const auto csrf = *owner.context().findText("csrf_token");
    (void)signIn(b, email, "loggedpassword2");
    (void)b.get("/wsapi/address_info?email=" + email);
    (void)b.get("/wsapi/have_email?email=" + email);
    EXPECT_EQ(b.post("stage_reset", R"({"email":")" + email + R"(","site":"https://site.example"})")
                  .text(),
              kOk);
    const auto t = token(email, 2);
    (void)b.get("/reset_password?token=" + t);
    (void)b.get("/wsapi/email_for_token?token=" + t);
    EXPECT_EQ(tokenCall(b, "complete_reset", t, "loggedpassword3").text(), kOk);
    EXPECT_TRUE(service().logHas("complete_reset.success"));
    std::ifstream in(service().dir() + "/access.log");
    std::stringstream access;
    access << in.rdbuf();
    const auto all = service().log() + access.str();
    std::vector<std::string> secrets = service().tokens(email);
    secrets.insert(secrets.end(), {email, t, csrf, "loggedpassword"});
    for (const auto* who : {&owner, &b})
        for (const auto& [name, value] : who->cookies)
            if (!value.empty()) secrets.push_back(value);
    for (const auto* name : {"roles", "class", "cookie", "passwords"}) {
        std::ifstream secret(service().dir() + "/s/" + name);
        for (std::string line; std::getline(secret, line);)
            if (!line.empty() && line.front() != '#') secrets.push_back(line);
    }
    EXPECT_GT(secrets.size(), 8U);
    for (const auto& secret : secrets) {
        EXPECT_GT(secret.size(), 7U) << "too short to look for";
        EXPECT_EQ(all.find(secret), std::string::npos) << secret;
    }
}

TEST_P(Api, AllOfALongPasswordCounts) {  // W26
    auto owner = browser(), b = browser();
    const auto email = fresh();
    std::string same;
    for (int i = 0; i < 36; ++i) same += "\xC3\xA4";  // 72 octets, all that bcrypt looks at
    signUp(owner, email, same + "end-one");
    EXPECT_EQ(signIn(b, email, same + "end-two").text(), kWrong);
    EXPECT_NE(signIn(b, email, same + "end-one").text().find("\"success\":true"),
              std::string::npos);
}

TEST_P(Api, VerifyIsRoutedByItsPathWithTheQuery) {  // W30
    auto b = browser();
    const auto ask = [&](const std::string& query) {
        return b
            .send("POST", "/verify" + query, "a=b",
                  {{"Content-Type", "application/x-www-form-urlencoded"}})
            .body;
    };
    EXPECT_NE(ask("").find("need assertion and audience"), std::string::npos);
    const auto judged = ask("?assertion=abc&audience=https%3A%2F%2Fsite.example");
    EXPECT_NE(judged.find("\"status\":\"failure\""), std::string::npos) << judged;
    EXPECT_EQ(judged.find("need assertion and audience"), std::string::npos) << judged;
}

}  // namespace
}  // namespace persona::api
