#include "tests/plugins/api/api_fixture.h"

/// Answers that were on their way at once: a browser keeps the cookies of whichever comes last.
namespace persona::api {
namespace {

TEST_P(Api, AnAnswerOnItsWayTakesNoPendingLinkAway) {
    // A second page of a browser that had no session yet asks for one; its answer comes last.
    auto late = browser(), b = browser();
    (void)late.context();
    const auto email = fresh();
    EXPECT_EQ(stage(b, email).text(), kOk);
    for (const auto& [name, value] : late.cookies) b.cookies[name] = value;
    (void)b.context();  // as the page behind the link does
    const auto t = token(email);
    EXPECT_EQ(b.get("/wsapi/email_for_token?token=" + t).text(),
              R"(200 {"success":true,"email":")" + email +
                  R"(","must_auth":false,"needs_password":false})");
    EXPECT_EQ(tokenCall(b, "complete_user_creation", t).text(), kOk);
}

TEST_P(Api, PollsSetNoCookies) {
    auto b = browser();
    const auto email = fresh(), second = fresh("second");
    EXPECT_EQ(stage(b, email).text(), kOk);
    const auto t = token(email);
    auto poll = b;  // the dialog, which polls while the link is clicked in another page
    EXPECT_EQ(tokenCall(b, "complete_user_creation", t).text(), kOk);
    for (const auto* call :
         {"user_creation_status", "password_reset_status", "transition_status"}) {
        EXPECT_EQ(status(poll, call, email), "mustAuth") << call;
        EXPECT_FALSE(poll.saw_cookie) << call << " would sign the other page out";
    }
    EXPECT_EQ(
        b.post("stage_email", R"({"email":")" + second + R"(","site":"https://site.example"})")
            .text(),
        kOk);
    for (const auto* call : {"email_addition_status", "email_reverify_status"}) {
        (void)status(b, call, second);
        EXPECT_FALSE(b.saw_cookie) << call;
    }
    EXPECT_EQ(tokenCall(b, "complete_email_confirmation", token(second)).text(), kOk);
    for (const auto* call : {"email_addition_status", "email_reverify_status"}) {
        EXPECT_EQ(status(b, call, second), "complete") << call;
        EXPECT_FALSE(b.saw_cookie) << call;
    }
}

TEST_P(Api, LeavingForgetsWhatIsPending) {
    auto b = browser();
    const auto email = fresh(), second = fresh("second");
    signUp(b, email);
    EXPECT_EQ(
        b.post("stage_email", R"({"email":")" + second + R"(","site":"https://site.example"})")
            .text(),
        kOk);
    EXPECT_EQ(status(b, "email_addition_status", second), "pending");
    EXPECT_EQ(b.post("logout").text(), kOk);
    EXPECT_EQ(signIn(b, email).status, 200U);
    EXPECT_EQ(status(b, "email_addition_status", second), "failed");
}

}  // namespace
}  // namespace persona::api
