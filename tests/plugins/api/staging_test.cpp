#include "tests/plugins/api/api_fixture.h"

/// Staging and completing (wsapi.md 4.3, 4.4), and the weaknesses W1, W8, W9, W12, W13, W32.
namespace persona::api {
namespace {

const std::string kProvide = "401 Authentication Required: Provide your password";
const std::string kMismatch = "401 Authentication Required: password mismatch";

std::string site(const std::string& email, const std::string& more = "") {
    return R"({"email":")" + email + R"(","site":"https://site.example")" + more + "}";
}

TEST_P(Api, SignUpInTheSameBrowser) {
    auto b = browser();
    const auto email = fresh();
    EXPECT_EQ(status(b, "user_creation_status", email), "mustAuth");
    EXPECT_EQ(stage(b, email).text(), kOk);
    EXPECT_EQ(status(b, "user_creation_status", email), "pending");
    EXPECT_EQ(addressInfo(b, email), "unknown");
    const auto t = token(email);
    EXPECT_EQ(b.get("/wsapi/email_for_token?token=" + t).text(),
              R"(200 {"success":true,"email":")" + email +
                  R"(","must_auth":false,"needs_password":false})");
    auto other = browser();
    EXPECT_EQ(other.get("/wsapi/email_for_token?token=" + t).text(),
              R"(200 {"success":true,"email":")" + email +
                  R"(","must_auth":true,"needs_password":false})");
    EXPECT_EQ(tokenCall(b, "complete_user_creation", t).text(), kOk);
    EXPECT_EQ(addressInfo(b, email), "known");
    EXPECT_NE(status(b, "user_creation_status", email).find("complete"), std::string::npos);
    EXPECT_EQ(status(other, "user_creation_status", email), "mustAuth");
    EXPECT_EQ(other.get("/wsapi/email_for_token?token=" + t).text(), kNoSecret) << "used";
}

TEST_P(Api, SignUpInAnotherBrowserAsksForThePassword) {
    auto one = browser(), two = browser();
    const auto email = fresh();
    EXPECT_EQ(stage(one, email, "p\xC3\xA4ssword\xE2\x82\xAC").text(), kOk);
    const auto t = token(email);
    EXPECT_EQ(tokenCall(two, "complete_user_creation", t).text(), kProvide);
    EXPECT_EQ(tokenCall(two, "complete_user_creation", t, "password2").text(), kMismatch);
    EXPECT_EQ(tokenCall(two, "complete_user_creation", t, "p\xC3\xA4ssword\xE2\x82\xAC").text(),
              kOk);
    EXPECT_TRUE(two.context().find("authenticated")->boolean());
    // W9: neither a used nor an unknown token is a trouble of the database.
    EXPECT_EQ(tokenCall(one, "complete_user_creation", t).text(), kNoSecret) << "same browser";
    EXPECT_EQ(status(one, "user_creation_status", email), "mustAuth");
    EXPECT_EQ(tokenCall(one, "complete_user_creation", t).text(), kProvide);
    EXPECT_EQ(tokenCall(one, "complete_user_creation", t, "password1").text(), kNoSecret);
    const std::string unknown(48, 'u');
    EXPECT_EQ(tokenCall(one, "complete_user_creation", unknown).text(), kProvide);
    for (const auto* call : {"complete_user_creation", "complete_email_confirmation",
                             "complete_reset", "complete_transition"})
        EXPECT_EQ(tokenCall(one, call, unknown, "password1").text(), kNoSecret) << call;
    EXPECT_EQ(one.get("/wsapi/email_for_token?token=" + unknown).text(), kNoSecret);
}

TEST_P(Api, StagingAgainReplacesEverything) {
    auto b = browser();
    const auto email = fresh();
    EXPECT_EQ(stage(b, email, "password1").text(), kOk);
    const auto first = token(email);
    EXPECT_EQ(stage(b, email, "password2").text(), kOk);
    const auto second = token(email, 2);
    auto other = browser();
    EXPECT_EQ(tokenCall(other, "complete_user_creation", first, "password1").text(), kNoSecret);
    EXPECT_EQ(tokenCall(other, "complete_user_creation", second, "password1").text(), kMismatch);
    EXPECT_EQ(tokenCall(other, "complete_user_creation", second, "password2").text(), kOk);
}

TEST_P(Api, StagingLogsOutEvenWhenItFails) {
    auto b = browser();
    const auto email = fresh();
    signUp(b, email);
    EXPECT_EQ(stage(b, email).text(), kOk);
    EXPECT_FALSE(b.context().find("authenticated")->boolean());
}

TEST_P(Api, ATokenAtTheWrongCallStaysUsable) {
    auto b = browser(), other = browser();
    const auto email = fresh();
    signUp(b, email);
    EXPECT_EQ(other.post("stage_reset", site(email)).text(), kOk);
    const auto t = token(email, 2);
    // W8: nothing of this consumes it.
    EXPECT_EQ(tokenCall(other, "complete_email_confirmation", t, "password1").text(), kNoSecret);
    EXPECT_EQ(tokenCall(other, "complete_user_creation", t, "password1").text(), kMismatch);
    EXPECT_EQ(other.get("/verify_email_address?token=" + t).status / 100, 2u);
    EXPECT_EQ(tokenCall(other, "complete_reset", t, "password9").text(), kOk);
    EXPECT_EQ(signIn(b, email, "password9").status, 200u);
}

TEST_P(Api, ResetSetsTheNewPasswordAndEndsSessions) {
    auto owner = browser(), b = browser();
    const auto email = fresh();
    signUp(owner, email);
    EXPECT_EQ(b.post("stage_reset", site(fresh("nobody"))).text(),
              R"(200 {"reason":"No such email address.","success":false})");
    EXPECT_EQ(status(b, "password_reset_status", email), "mustAuth");
    EXPECT_EQ(b.post("stage_reset", site(email)).text(), kOk);
    EXPECT_EQ(status(b, "password_reset_status", email), "pending");
    const auto t = token(email, 2);
    EXPECT_EQ(b.get("/wsapi/email_for_token?token=" + t).text(),
              R"(200 {"success":true,"email":")" + email +
                  R"(","must_auth":false,"needs_password":true})");
    EXPECT_EQ(signIn(owner, email).status, 200u) << "the old one works until then";
    EXPECT_EQ(tokenCall(b, "complete_reset", t).text(), kProvide);
    EXPECT_EQ(tokenCall(b, "complete_reset", t, "password2").text(), kOk);
    EXPECT_NE(status(b, "password_reset_status", email).find("complete"), std::string::npos);
    EXPECT_EQ(owner.get("/wsapi/list_emails").text(), "400 Bad Request: requires authentication");
    EXPECT_EQ(signIn(owner, email).text(), kWrong);
    EXPECT_EQ(signIn(owner, email, "password2").status, 200u);
    EXPECT_EQ(tokenCall(b, "complete_reset", t, "password3").text(), kNoSecret);
}

TEST_P(Api, AnotherAddressIsAddedAndRemoved) {
    auto b = browser(), elsewhere = browser();
    const auto email = fresh(), second = fresh("bob"), third = fresh("eve");
    signUp(b, email);
    EXPECT_EQ(b.post("stage_email", site(second, R"(,"pass":"password1")")).text(),
              R"(200 {"success":false,"reason":"a password may not be set at this time"})");
    EXPECT_EQ(status(b, "email_addition_status", second), "failed");
    EXPECT_EQ(b.post("stage_email", site(second)).text(), kOk);
    EXPECT_EQ(status(b, "email_addition_status", second), "pending");
    EXPECT_EQ(tokenCall(b, "complete_email_confirmation", token(second)).text(), kOk);
    EXPECT_EQ(status(b, "email_addition_status", second), "complete");
    EXPECT_EQ(b.get("/wsapi/list_emails").text(),
              R"(200 {"success":true,"emails":[")" + email + R"(",")" + second + R"("]})");
    // Elsewhere the account's password is asked for.
    EXPECT_EQ(b.post("stage_email", site(third)).text(), kOk);
    EXPECT_EQ(tokenCall(elsewhere, "complete_email_confirmation", token(third)).text(),
              "401 Authentication Required: password required");
    EXPECT_EQ(tokenCall(elsewhere, "complete_email_confirmation", token(third), "password2").text(),
              kMismatch);
    EXPECT_EQ(tokenCall(elsewhere, "complete_email_confirmation", token(third), "password1").text(),
              kOk);
    EXPECT_EQ(b.post("remove_email", R"({"email":")" + fresh("x") + "\"}").status, 400u);
    auto stranger = browser();
    signUp(stranger, fresh("stranger"));
    EXPECT_EQ(stranger.post("remove_email", R"({"email":")" + email + "\"}").text(),
              "400 Bad Request: authenticated user doesn't have permission to remove specified "
              "email " +
                  email);
    EXPECT_EQ(b.post("remove_email", R"({"email":")" + second + "\"}").text(), kOk);
    EXPECT_EQ(b.post("remove_email", R"({"email":")" + third + "\"}").text(), kOk);
    // W13: the last one takes the account with it.
    EXPECT_EQ(b.post("remove_email", R"({"email":")" + email + "\"}").text(), kOk);
    EXPECT_FALSE(b.context().find("authenticated")->boolean());
    EXPECT_EQ(signIn(b, email).text(), kWrong);
}

TEST_P(Api, AStagedPasswordIsNotAStrangersWayIn) {
    // W1: a stranger stages the victim's address with a password of his own; the victim then adds
    // it and clicks. The stranger's password must open nothing.
    auto victim = browser(), stranger = browser();
    const auto email = fresh("victim"), second = fresh("second");
    signUp(victim, email);
    EXPECT_EQ(stage(stranger, second, "strangers1").text(), kOk);
    const auto theirs = token(second);
    EXPECT_EQ(victim.post("stage_email", site(second)).text(), kOk);
    EXPECT_EQ(tokenCall(victim, "complete_email_confirmation", token(second, 2)).text(), kOk);
    for (const auto& address : {email, second}) {
        EXPECT_EQ(signIn(stranger, address, "strangers1").text(), kWrong);
        auto b = browser();
        EXPECT_EQ(signIn(b, address).status, 200u);
    }
    EXPECT_EQ(tokenCall(stranger, "complete_user_creation", theirs).text(), kNoSecret);
    EXPECT_FALSE(stranger.context().find("authenticated")->boolean());
}

TEST_P(Api, UnverifiedSignUps) {
    auto b = browser();
    const auto email = fresh();
    EXPECT_EQ(stage(b, email, "password1", R"("allowUnverified":true)").text(),
              R"(200 {"success":true,"unverified":true})");
    EXPECT_EQ(addressInfo(b, email), "unverified");
    EXPECT_NE(b.post("authenticate_user", R"({"email":")" + email +
                                              R"(","pass":"password1","ephemeral":false,)"
                                              R"("allowUnverified":true})")
                  .text()
                  .find(R"({"success":true,"userid":)"),
              std::string::npos);
    EXPECT_EQ(b.post("cert_key", certificateRequest(email)).text(),
              "403 Forbidden: that email requires (re)verification");
    EXPECT_EQ(b.post("cert_key", certificateRequest(email, R"("allowUnverified":true)")).status,
              200u);
    EXPECT_EQ(status(b, "email_reverify_status", email), "pending");
    EXPECT_EQ(status(b, "email_reverify_status", fresh("nobody")), "failed");
    // W12: once more, without a second account, and without 503.
    EXPECT_EQ(stage(b, email, "password1", R"("allowUnverified":true)").text(),
              R"(200 {"success":true,"unverified":true})");
    auto other = browser();
    EXPECT_EQ(tokenCall(other, "complete_email_confirmation", token(email, 2), "password1").text(),
              kOk);
    EXPECT_EQ(addressInfo(other, email), "known");
    EXPECT_EQ(status(other, "email_reverify_status", email), "complete");
    EXPECT_EQ(stage(b, email, "password2", R"("allowUnverified":true)").text(), kOk)
        << "W12: an address that is verified is staged as ever";
}

TEST_P(Api, UnverifiedSignUpsAreForTheOperatorToAllow) {
    start({});
    auto b = browser();
    const auto email = fresh(), second = fresh("bob");
    const std::string unverified = R"("allowUnverified":true)";
    EXPECT_EQ(stage(b, email, "password1", unverified).text(), kOk) << "an ordinary sign-up";
    EXPECT_EQ(addressInfo(b, email), "unknown");
    EXPECT_EQ(signIn(b, email).text(), kWrong);
    EXPECT_EQ(tokenCall(b, "complete_user_creation", token(email)).text(), kOk);
    // An address that a reset leaves unproven.
    EXPECT_EQ(b.post("stage_email", site(second)).text(), kOk);
    EXPECT_EQ(tokenCall(b, "complete_email_confirmation", token(second)).text(), kOk);
    EXPECT_EQ(b.post("stage_reset", site(email)).text(), kOk);
    EXPECT_EQ(tokenCall(b, "complete_reset", token(email, 2), "password2").text(), kOk);
    EXPECT_EQ(b.post("cert_key", certificateRequest(second, unverified)).text(),
              "403 Forbidden: that email requires (re)verification");
}

TEST_P(Api, AStrangerWhoSignsUpAgainDoesNotSetTheOwnersPassword) {  // W1
    auto owner = browser(), stranger = browser();
    const auto email = fresh();
    const std::string unverified = R"("allowUnverified":true)";
    ASSERT_EQ(stage(owner, email, "password1", unverified).status, 200u);
    ASSERT_EQ(signIn(owner, email, "password1").status, 200u);
    ASSERT_EQ(stage(stranger, email, "password2", unverified).status, 200u);
    // The newer mail, in the owner's browser, whose page asks for the password.
    EXPECT_EQ(tokenCall(owner, "complete_email_confirmation", token(email, 2), "password1").text(),
              kOk);
    EXPECT_EQ(addressInfo(owner, email), "known");
    EXPECT_EQ(signIn(stranger, email, "password2").text().find(R"("success":true)"),
              std::string::npos);
    EXPECT_NE(signIn(owner, email, "password1").text().find(R"("success":true)"),
              std::string::npos);
}

TEST_P(Api, OtherAddressesAreVerifiedAgainAfterAReset) {
    auto b = browser(), other = browser();
    const auto email = fresh(), second = fresh("bob");
    signUp(b, email);
    EXPECT_EQ(b.post("stage_reverify", site(email)).text(),
              R"(200 {"success":false,"reason":"email is already verified"})");
    EXPECT_EQ(b.post("stage_reverify", site(fresh("x"))).text(),
              R"(200 {"success":false,"reason":"you don't control that email address"})");
    EXPECT_EQ(b.post("stage_email", site(second)).text(), kOk);
    EXPECT_EQ(tokenCall(b, "complete_email_confirmation", token(second)).text(), kOk);
    EXPECT_EQ(b.post("stage_reset", site(email)).text(), kOk);
    EXPECT_EQ(tokenCall(other, "complete_reset", token(email, 2), "password2").text(), kOk);
    EXPECT_EQ(addressInfo(other, second), "unverified");
    EXPECT_EQ(other.post("cert_key", certificateRequest(second)).text(),
              "403 Forbidden: that email requires (re)verification");
    EXPECT_EQ(other.post("stage_reverify", site(second)).text(), kOk);
    EXPECT_EQ(status(other, "email_reverify_status", second), "pending");
    EXPECT_EQ(tokenCall(other, "complete_email_confirmation", token(second, 2)).text(), kOk);
    EXPECT_EQ(status(other, "email_reverify_status", second), "complete");
    EXPECT_EQ(other.post("cert_key", certificateRequest(second)).status, 200u);
}

TEST_P(Api, MailsNameNoOtherSiteThanTheDialogs) {
    auto b = browser();
    const auto email = fresh();
    (void)b.get("/wsapi/session_context?origin=https://good.example");
    EXPECT_EQ(b.post("stage_user", R"({"email":")" + email +
                                       R"(","pass":"password1","site":"https://bad.example"})")
                  .text(),
              R"(400 {"success":false,"reason":"site: not the one that opened the dialog"})");
    EXPECT_EQ(b.post("stage_user", R"({"email":")" + email +
                                       R"(","pass":"password1","site":"https://good.example",)"
                                       R"("siteLogo":"https://good.example/pixel.png",)"
                                       R"("backgroundColor":"#fff"})")
                  .text(),
              kOk);
    (void)token(email);
    EXPECT_EQ(service().mails(email).back().find("pixel.png"), std::string::npos)
        << "W32: no remote image";
}

TEST_P(Api, NavigationsDoNotSayWhichSiteOpenedTheDialog) {
    auto b = browser();
    const auto tell = [&b](const std::string& origin, const std::string& site,
                           const std::string& mode) {
        const auto mine = b.fields.size();
        if (!site.empty()) b.fields.emplace_back("Sec-Fetch-Site", site);
        if (!mode.empty()) b.fields.emplace_back("Sec-Fetch-Mode", mode);
        EXPECT_EQ(b.get("/wsapi/session_context?origin=" + origin).status, 200u);
        b.fields.resize(mine);
        return b.saw_cookie;
    };
    EXPECT_FALSE(tell("https://evil.example", "cross-site", "navigate"));
    (void)b.context();
    EXPECT_FALSE(tell("https://evil.example", "cross-site", "navigate"));
    EXPECT_EQ(stage(b, fresh()).text(), kOk) << "nothing was told";
    EXPECT_TRUE(tell("https://site.example", "same-origin", "cors"));
    for (const auto* n : {"1", "2", "3", "4"}) {
        const auto evil = std::string("https://evil") + n + ".example";
        EXPECT_FALSE(tell(evil, "cross-site", "navigate"));
        EXPECT_FALSE(tell(evil, "same-origin", "navigate"));
        EXPECT_FALSE(tell(evil, "none", "navigate"));
        EXPECT_FALSE(tell(evil, "same-site", "cors"));
    }
    EXPECT_EQ(stage(b, fresh()).text(), kOk) << "the dialog's own site is still there";
    for (const auto* n : {"1", "2", "3"})
        EXPECT_TRUE(tell(std::string("https://other") + n + ".example", "", ""));
    EXPECT_EQ(stage(b, fresh()).text(),
              R"(400 {"success":false,"reason":"site: not the one that opened the dialog"})")
        << "three are kept";
}

TEST_P(Api, MailsSpeakTheCallersLanguage) {
    auto b = browser();
    const auto email = fresh();
    b.fields.emplace_back("Accept-Language", "xx,de;q=0.9,en;q=0.1");
    EXPECT_EQ(stage(b, email).text(), kOk);
    (void)token(email);
    const auto mail = service().mails(email).back();
    EXPECT_NE(mail.find("Content-Language: de"), std::string::npos) << mail.substr(0, 900);
}

TEST_P(Api, OneMailAMinute) {
    start({"min_time_between_emails: 60s"});
    auto b = browser();
    const auto email = fresh();
    EXPECT_EQ(stage(b, email).text(), kOk);
    const auto again = stage(b, email);
    EXPECT_EQ(again.text(),
              "429 Too Many Requests: Too many emails sent to that address, try again later.");
    EXPECT_GT(std::stoi(again.header("retry-after")), 50);
    EXPECT_EQ(stage(b, email, "password1", R"("allowUnverified":true)").status, 429u);
    // The row goes with its completion, and the limit with it.
    auto fresh_browser = browser();
    EXPECT_EQ(tokenCall(fresh_browser, "complete_user_creation", token(email), "password1").text(),
              kOk);
    EXPECT_EQ(b.post("stage_reset", site(email)).text(), kOk);
    EXPECT_EQ(b.post("stage_reset", site(email)).status, 429u);
    EXPECT_EQ(b.post("stage_transition", site(email, R"(,"pass":"password2")")).status, 429u);
    const auto second = fresh("second");
    EXPECT_EQ(fresh_browser.post("stage_email", site(second)).text(), kOk);
    EXPECT_EQ(fresh_browser.post("stage_email", site(second)).status, 429u);
}

}  // namespace
}  // namespace persona::api
