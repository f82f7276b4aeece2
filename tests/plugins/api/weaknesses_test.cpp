#include <fstream>
#include <sstream>
#include <thread>

#include "tests/plugins/api/api_fixture.h"

/// Weaknesses of the original (wsapi.md 5.5) that no other file here is about: W4, W5, W10, W13,
/// W16, W17, W23, W25, W26, W30.
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
    start({"allow_unverified: true", "min_time_between_emails: 60s"});
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

TEST_P(Api, AGoodSignInLeavesTheCountsAlone) {  // W4
    auto owner = browser(), stranger = browser();
    const auto email = fresh();
    signUp(owner, email);
    const auto counts = [&] {
        return sql(
            "SELECT failed_tries, window_tries, window_start_ms, password_hash FROM account WHERE "
            "id IN (SELECT user_id FROM address WHERE spelling = '" +
            email + "')");
    };
    const auto before = counts();
    for (int i = 0; i < 2; ++i) EXPECT_EQ(signIn(owner, email).status, 200U);
    EXPECT_EQ(counts(), before) << "a device that is known is counted elsewhere";
    const auto id =
        std::to_string(static_cast<std::int64_t>(owner.context().find("userid")->number()));
    EXPECT_EQ(sql("SELECT COUNT(*) FROM device WHERE user_id = " + id), "0\n")
        << "and what was reserved there is given back";
    EXPECT_EQ(signIn(stranger, email, "password2").text(), kWrong);
    const auto failed = counts();
    EXPECT_NE(failed, before) << "a try was not counted";
    EXPECT_NE(signIn(stranger, email).text().find("\"success\":true"), std::string::npos);
    EXPECT_EQ(counts().front(), '0') << "a success ends the row of failures: " << counts();
    EXPECT_EQ(failed.front(), '1') << failed;
}

TEST_P(Api, EveryFramingIsAnsweredOnce) {  // W10
    const auto port = service().port("router");
    const std::string head =
        "POST /wsapi/logout HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        "Content-Type: application/json\r\n";
    const auto ask = [&](const std::string& rest) {
        const auto all = testing::converse(port, head + rest);
        EXPECT_EQ(all.find("HTTP/1.1 ", 1), std::string::npos) << all;
        return all.substr(0, 12);
    };
    EXPECT_EQ(ask("Content-Length: 2\r\n\r\n{}"), "HTTP/1.1 403");
    EXPECT_EQ(ask("Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"), "HTTP/1.1 403");
    EXPECT_EQ(ask("Content-Length: 4\r\n\r\nnull"), "HTTP/1.1 400");
    EXPECT_EQ(ask("Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n\r\n"), "HTTP/1.1 400");
    EXPECT_EQ(ask("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
              "HTTP/1.1 400")
        << "two lengths";
    if (std::get<0>(GetParam()) != Shape::Split) return;
    // A role that is not there is answered for.
    start(std::vector<std::string>{});
    service().kill("dbwriter");
    EXPECT_EQ(browser().send("POST", "/wsapi/stage_user", "{}").status, 502U);
}

TEST_P(Api, AMovedAddressLeavesNoEmptyAccount) {  // W13
    auto first = browser(), next = browser();
    const auto email = fresh();
    signUp(first, email);
    const auto id =
        std::to_string(static_cast<std::int64_t>(first.context().find("userid")->number()));
    signUp(next, email, "password2");
    EXPECT_FALSE(first.context().find("authenticated")->boolean());
    EXPECT_EQ(sql("SELECT COUNT(*) FROM account WHERE id = " + id), "0\n");
    EXPECT_EQ(signIn(first, email).text(), kWrong);
}

TEST_P(Api, AShortSessionDoesNotSlide) {  // W16
    // Both have less than five minutes left from the start.
    start({"authentication_duration: 2m", "ephemeral_session_duration: 2m"});
    auto owner = browser(), short_one = browser(), long_one = browser();
    const auto email = fresh();
    signUp(owner, email);
    EXPECT_EQ(signIn(short_one, email, "password1", true).status, 200U);
    EXPECT_EQ(signIn(long_one, email).status, 200U);
    EXPECT_EQ(short_one.get("/wsapi/list_emails").status, 200U);
    EXPECT_FALSE(short_one.saw_cookie);
    EXPECT_EQ(long_one.get("/wsapi/list_emails").status, 200U);
    EXPECT_TRUE(long_one.saw_cookie) << "one in use goes on";
}

TEST_P(Api, WhatWasStagedExpiresAndIsDeleted) {  // W17
    start(std::vector<std::string>{});
    auto owner = browser(), b = browser();
    const auto email = fresh(), fresh_email = fresh();
    signUp(owner, email);
    EXPECT_EQ(stage(b, fresh_email).text(), kOk);
    const auto sign_up = token(fresh_email);
    EXPECT_EQ(
        b.post("stage_reset", R"({"email":")" + email + R"(","site":"https://s.example"})").text(),
        kOk);
    const auto reset = token(email, 2);
    // 48 hours for one, an hour for the other.
    EXPECT_EQ(
        sql("SELECT (expires_ms - created_ms) / 3600000 AS h FROM staged ORDER BY h").substr(0, 1),
        "1");
    EXPECT_NE(
        sql("SELECT (expires_ms - created_ms) / 3600000 AS h FROM staged ORDER BY h").find("48"),
        std::string::npos);
    (void)sql("UPDATE staged SET expires_ms = 1");
    EXPECT_EQ(b.get("/wsapi/email_for_token?token=" + sign_up).text(), kNoSecret);
    EXPECT_EQ(tokenCall(b, "complete_user_creation", sign_up, "password1").text(), kNoSecret);
    EXPECT_EQ(tokenCall(b, "complete_reset", reset, "password2").text(), kNoSecret);
    EXPECT_EQ(signIn(owner, email).status, 200U);
    std::string left;
    for (int i = 0; i < 900 && left != "0\n"; ++i) {
        left = sql("SELECT COUNT(*) FROM staged");
        if (left != "0\n") std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    EXPECT_EQ(left, "0\n") << "expired rows are deleted";
}

TEST_P(Api, SpellingIsKeptAndCaseIsNot) {  // W23
    auto owner = browser(), b = browser();
    const auto email = fresh("Mixed");
    auto lower = email;
    lower[0] = 'm';
    signUp(owner, email);
    EXPECT_NE(b.get("/wsapi/address_info?email=" + lower)
                  .body.find(R"("normalizedEmail":")" + email + "\""),
              std::string::npos);
    EXPECT_NE(signIn(b, lower).text().find("\"success\":true"), std::string::npos);
    EXPECT_EQ(b.get("/wsapi/list_emails").text(),
              R"(200 {"success":true,"emails":[")" + email + R"("]})");
    // Nobody makes a second account of it.
    auto other = browser();
    signUp(other, lower, "password2");
    EXPECT_EQ(signIn(b, email).text(), kWrong);
    EXPECT_EQ(signIn(b, email, "password2").status, 200U);
}

}  // namespace
}  // namespace persona::api
