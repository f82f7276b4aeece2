#include "libs/wsapi/api.h"

#include <gtest/gtest.h>

#include <tuple>

/// The order of the checks (wsapi.md 3.1), without a host.
namespace persona::wsapi {
namespace {

constexpr std::int64_t kNow = 1'750'000'000'000;

class ApiTest : public ::testing::Test {
  protected:
    ApiTest() { make(false); }
    void make(bool writes) {
        api_ = std::make_unique<Api>(
            Api::Options{writes,
                         &cookies_,
                         &classes_,
                         &checker_,
                         open_roles_,
                         [this](std::int64_t) -> Result<std::optional<std::int64_t>> {
                             ++lookups_;
                             if (database_down_) return Error{"down"};
                             return epoch_;
                         },
                         [this] { return now_; },
                         [this](std::string_view, std::string_view why) { refused_ = why; },
                         {}});
        for (const auto& e : endpoints())
            if (servedBy(e, writes))
                api_->on(e.name, [](Call&) -> Step { return textAnswer(200, "handled"); });
    }
    /// Runs all steps here; returns "status body".
    std::string ask(Request r) {
        Call call;
        call.request = std::move(r);
        Step step = api_->start(call);
        while (!step.answer) step = step.next(call);
        answer_ = *step.answer;
        api_->finish(call, answer_);
        return std::to_string(answer_.status) + " " + answer_.body;
    }
    static Request get(const std::string& op, const std::string& query = "") {
        Request r;
        r.method = "GET";
        r.op = op;
        r.query = query;
        return r;
    }
    static Request post(const std::string& op, const std::string& json) {
        Request r;
        r.method = "POST";
        r.op = op;
        r.content_type = "application/json";
        r.body = json;
        return r;
    }
    std::string cookieOf(const Session& s) {
        const auto text = cookies_.write(s);
        return text.substr(0, text.find(';'));
    }
    Session signedIn(Level level = Level::Password, bool ephemeral = false) {
        auto s = cookies_.fresh(now_);
        cookies_.signIn(s, {7, epoch_.value_or(0), level, ephemeral, true}, "Browser", now_);
        s.csrf = "token";
        return s;
    }
    const KeyRing secret_{std::string(32, 'k')};
    SessionCookies cookies_{{"http://127.0.0.1:10002", secret_}};
    ClassCookies classes_{KeyRing{std::string(32, 'c')}, false};
    CredentialChecker checker_{secret_, "dbwriter"};
    bool open_roles_ = false, database_down_ = false;
    std::optional<std::int64_t> epoch_ = 5;
    std::int64_t now_ = kNow;
    int lookups_ = 0;
    std::string refused_;
    std::unique_ptr<Api> api_;
    Answer answer_;
};

TEST_F(ApiTest, AClassCookieOfAnotherKeyDoesNotStay) {
    const auto foreign = *ClassCookies(KeyRing{std::string(32, 'x')}, false)
                              .signedIn("", "a@b.org", kNow + 86'400'000, kNow);
    const auto stale = foreign.substr(0, foreign.find(';'));
    const auto set = [&](const std::string& session) {
        auto r = get("session_context");
        r.cookie = session + stale;
        ask(r);
        for (const auto& c : answer_.cookies)
            if (c.starts_with("bid_class=")) return c.substr(0, c.find(';'));
        return std::string("none");
    };
    EXPECT_EQ(set(""), "bid_class=");
    ClassCookies::Class c;
    EXPECT_EQ(classes_.read(set(cookieOf(signedIn()) + "; "), c), ClassCookies::Found::Ours)
        << "a session that goes on gets one of its own";
}

TEST_F(ApiTest, UnknownCallsAndWrongMethods) {
    EXPECT_EQ(ask(get("nope")), "400 Bad Request: no such api");
    EXPECT_EQ(ask(post("list_emails", "{}")), "400 Bad Request: no such api");
    EXPECT_EQ(ask(get("stage_user")), "400 Bad Request: no such api") << "another role's";
    EXPECT_TRUE(answer_.cookies.empty());
}

TEST_F(ApiTest, PostsNeedACookieThenItsToken) {
    auto r = post("logout", R"({"csrf":"token"})");
    EXPECT_EQ(ask(r), "403 Forbidden: no cookie");
    EXPECT_TRUE(answer_.cookies.empty()) << "a refusal sets none";
    r.cookie = cookieOf(signedIn());
    EXPECT_EQ(ask(r), "200 handled");
    for (const auto* body : {"{}", R"({"csrf":"other"})", R"({"csrf":7})", R"({"csrf":null})"}) {
        r.body = body;
        EXPECT_EQ(ask(r), "400 Bad Request: CSRF violation") << body;
    }
    r.body = "not json";
    EXPECT_EQ(ask(r), "400 Bad Request: the body is not a JSON object");
    r.content_type = "text/plain";
    r.body = R"({"csrf":"token"})";
    EXPECT_EQ(ask(r), "400 Bad Request: CSRF violation") << "bodies of other types are not read";
}

TEST_F(ApiTest, AuthenticationComesBeforeArguments) {
    auto s = cookies_.fresh(kNow);
    s.csrf = "token";
    auto r = post("cert_key", R"({"csrf":"token"})");
    r.cookie = cookieOf(s);
    EXPECT_EQ(ask(r), "400 Bad Request: requires authentication");
    r.cookie = cookieOf(signedIn(Level::Assertion));
    EXPECT_EQ(ask(r), "400 Bad Request: requires authentication") << "it wants the password";
    r.cookie = cookieOf(signedIn());
    EXPECT_EQ(ask(r), R"(400 {"success":false,"reason":"missing required parameter: 'email'"})");
}

TEST_F(ApiTest, AnotherEpochEndsTheSessionWhole) {
    auto r = get("list_emails");
    r.cookie = cookieOf(signedIn());
    EXPECT_EQ(ask(r), "200 handled");
    epoch_ = 6;
    EXPECT_EQ(ask(r), "400 Bad Request: requires authentication");
    ASSERT_EQ(answer_.cookies.size(), 1u) << "a new cookie takes its place";
    EXPECT_TRUE(cookies_.open(answer_.cookies[0].substr(0, answer_.cookies[0].find(';')), kNow)
                    .session.csrf.empty());
    auto p = post("logout", R"({"csrf":"token"})");
    p.cookie = r.cookie;
    EXPECT_EQ(ask(p), "403 Forbidden: no cookie") << "the token went with it";
    epoch_.reset();
    EXPECT_EQ(ask(r), "400 Bad Request: requires authentication") << "the account is gone";
}

TEST_F(ApiTest, TheDatabaseIsAskedForSignedInCallersAlone) {
    EXPECT_EQ(ask(get("session_context")), "200 handled");
    EXPECT_EQ(lookups_, 0);
    database_down_ = true;
    auto r = get("session_context");
    r.cookie = cookieOf(signedIn());
    EXPECT_EQ(ask(r), "503 Service Unavailable: database unavailable");
    auto p = post("logout", R"({"csrf":"token"})");
    p.cookie = r.cookie;
    EXPECT_EQ(ask(p), "503 Service Unavailable: database unavailable");
}

TEST_F(ApiTest, CookiesAreWrittenWhenSomethingChanged) {
    auto r = get("session_context");
    r.cookie = cookieOf(signedIn());
    EXPECT_EQ(ask(r), "200 handled");
    EXPECT_TRUE(answer_.cookies.empty());
    r.cookie = cookies_.name() + "=garbage";
    EXPECT_EQ(ask(r), "200 handled");
    EXPECT_EQ(answer_.cookies.size(), 1u) << "what is no session is replaced";
}

TEST_F(ApiTest, OtherSitesChangeNoCookieByAGet) {
    api_->on("session_context", [](Call& c) -> Step {
        c.session.csrf = "other";
        c.session.origins = {c.text("origin")};
        return textAnswer(200, "handled");
    });
    const std::vector<std::pair<std::string, std::string>> elsewhere{
        {"cross-site", "navigate"}, {"cross-site", "no-cors"},   {"same-site", "cors"},
        {"none", "navigate"},       {"same-origin", "navigate"}, {"", "navigate"}};
    const std::vector<std::pair<std::string, std::string>> own{
        {"", ""}, {"same-origin", "cors"}, {"same-origin", "same-origin"}};
    const auto asked = [&](const std::pair<std::string, std::string>& fetch, bool signed_in) {
        auto r = get("session_context", "origin=https://a.example");
        if (signed_in) r.cookie = cookieOf(signedIn());
        std::tie(r.fetch_site, r.fetch_mode) = fetch;
        EXPECT_EQ(ask(r), "200 handled");
        return !answer_.cookies.empty();
    };
    for (const bool signed_in : {false, true}) {
        for (const auto& f : elsewhere)
            EXPECT_FALSE(asked(f, signed_in)) << f.first << " " << f.second;
        for (const auto& f : own) EXPECT_TRUE(asked(f, signed_in)) << f.first << " " << f.second;
    }
    auto r = get("ping");
    r.cookie = cookieOf(signedIn());
    now_ = kNow + 2'419'200'000 - 299'000;
    r.fetch_site = "cross-site";
    EXPECT_EQ(ask(r), "200 handled");
    EXPECT_TRUE(answer_.cookies.empty()) << "nor do they prolong a session";
}

TEST_F(ApiTest, SessionsInUseSlideUnlessShort) {
    auto r = get("session_context");
    r.cookie = cookieOf(signedIn());
    now_ = kNow + 2'419'200'000 - 299'000;
    EXPECT_EQ(ask(r), "200 handled");
    ASSERT_EQ(answer_.cookies.size(), 2u);
    now_ = kNow;
    r.cookie = cookieOf(signedIn(Level::Password, true));
    now_ = kNow + 3'600'000 - 1'000;
    EXPECT_EQ(ask(r), "200 handled");
    EXPECT_TRUE(answer_.cookies.empty()) << "W16";
    now_ = kNow + 3'600'001;
    EXPECT_EQ(ask(get("list_emails")), "400 Bad Request: requires authentication");
}

TEST_F(ApiTest, InternalCallsNeedCredentialsAndNoCookie) {
    make(true);
    auto r = post("saw_idp", R"({"domain":"a.example"})");
    EXPECT_EQ(ask(r), "403 Forbidden: only roles of this service may call this");
    EXPECT_EQ(refused_, "no credentials");
    const CredentialSigner signer(secret_, "browserid");
    const auto f = signer.sign({"dbwriter", "POST", "/wsapi/saw_idp", r.body}, kNow);
    r.role = f[0].second;
    r.time = f[1].second;
    r.nonce = f[2].second;
    r.signature = f[3].second;
    EXPECT_EQ(ask(r), "200 handled");
    EXPECT_EQ(ask(r), "403 Forbidden: only roles of this service may call this");
    EXPECT_EQ(refused_, "replayed");
    EXPECT_EQ(lookups_, 0);
    open_roles_ = true;
    make(true);
    EXPECT_EQ(ask(r), "200 handled") << "test_open_roles";
}

TEST_F(ApiTest, CountsWhatIsMissing) {
    EXPECT_TRUE(api_->missing().empty());
    Api empty({true, &cookies_, &classes_, &checker_, false, {}, [] { return kNow; }, {}, {}});
    EXPECT_GT(empty.missing().size(), 20u);
    EXPECT_THROW(empty.on("list_emails", {}), std::logic_error);
    EXPECT_THROW(empty.on("nope", {}), std::logic_error);
}

}  // namespace
}  // namespace persona::wsapi
