#include <algorithm>

#include "tests/plugins/api/api_fixture.h"

/// What strangers must not learn (W6, Decisions), octet by octet.
namespace persona::api {
namespace {

/// All of an answer that a client can see but the time: status, body, fields. Of cookies the names,
/// for their values are random.
std::string seen(const Response& r) {
    std::vector<std::string> lines;
    for (const auto& [name, value] : r.headers) {
        if (name == "date" || name == "x-request-id") continue;
        lines.push_back(name + ": " +
                        (name == "set-cookie" ? value.substr(0, value.find('=')) : value));
    }
    std::sort(lines.begin(), lines.end());
    std::string out = r.text();
    for (const auto& line : lines) out += "\n" + line;
    return out;
}

TEST_P(Api, KnownUnknownLockedAndPasswordlessLookTheSame) {
    auto providers = ProviderServer::shared().configuration();
    providers.emplace_back("max_authentication_attempts: 3");
    start(providers);
    auto owner = browser();
    const auto known = fresh(), locked = fresh(), unknown = fresh("nobody");
    signUp(owner, known);
    signUp(owner, locked);
    const auto passwordless = fresh("prime", "live.example");
    auto prime = browser();
    EXPECT_EQ(
        prime
            .post("auth_with_assertion",
                  R"({"ephemeral":false,"assertion":")" +
                      ProviderServer::shared().assertion(passwordless, service().url()) + "\"}")
            .status,
        200u);
    const auto attempt = [&](const std::string& email, const std::string& pass) {
        auto b = browser();
        (void)b.context();
        return seen(signIn(b, email, pass));
    };
    const auto expected = attempt(unknown, "password2");
    EXPECT_TRUE(expected.starts_with(kWrong)) << expected;
    EXPECT_EQ(attempt(known, "password2"), expected);
    EXPECT_EQ(attempt(passwordless, "password2"), expected);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(attempt(locked, "password2"), expected);
    EXPECT_EQ(attempt(locked, "password1"), expected) << "locked, with the right password";
}

TEST_P(Api, UnblockingLooksTheSameForAll) {
    start({"min_time_between_emails: 60s"});
    auto owner = browser();
    const auto known = fresh();
    signUp(owner, known);
    const auto ask = [&](const std::string& email) {
        auto b = browser();
        (void)b.context();
        return seen(b.post("stage_unblock", R"({"email":")" + email + "\"}"));
    };
    const auto expected = ask(fresh("nobody"));
    EXPECT_TRUE(expected.starts_with(kOk)) << expected;
    EXPECT_EQ(ask(known), expected);
    EXPECT_FALSE(token(known, 2).empty());
    EXPECT_EQ(ask(known), expected) << "one mail a minute, and nobody is told";
    EXPECT_EQ(service().tokens(known).size(), 2U);
}

TEST_P(Api, TokensThatAreNoneLookTheSame) {
    auto owner = browser();
    const auto email = fresh();
    EXPECT_EQ(stage(owner, email).text(), kOk);
    const auto used = token(email);
    EXPECT_EQ(tokenCall(owner, "complete_user_creation", used).text(), kOk);
    const std::string never(48, 'n');
    const std::vector<std::pair<const char*, const char*>> calls{
        {"complete_user_creation", "password1"},
        {"complete_email_confirmation", "password1"},
        {"complete_reset", "password1"},
        {"complete_transition", "password1"},
        {"report_not_me", ""},
        {"complete_unblock", ""}};
    for (const auto& [call, pass] : calls) {
        const auto ask = [&, call = call, pass = pass](const std::string& t) {
            auto b = browser();
            (void)b.context();
            return seen(tokenCall(b, call, t, pass));
        };
        EXPECT_EQ(ask(used), ask(never)) << call;
        EXPECT_TRUE(ask(never).starts_with(kNoSecret)) << call << ": " << ask(never);
    }
}

TEST_P(Api, StatusesOfOthersLookTheSame) {
    auto owner = browser();
    const auto known = fresh(), unknown = fresh("nobody");
    signUp(owner, known);
    for (const auto* call :
         {"password_reset_status", "transition_status", "user_creation_status"}) {
        const auto ask = [&](const std::string& email) {
            auto b = browser();
            (void)b.context();
            return seen(b.get("/wsapi/" + std::string(call) + "?email=" + email));
        };
        EXPECT_EQ(ask(known), ask(unknown)) << call;
    }
}

}  // namespace
}  // namespace persona::api
