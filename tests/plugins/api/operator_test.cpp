#include "tests/plugins/api/api_fixture.h"

/// `persona-host accounts ...` and `persona-host db ...`, as an operator types them.
namespace persona::api {
namespace {

Service::Said run(Service& s, const std::vector<std::string>& words) {
    return s.operate("dbwriter", words);
}

std::string refusalOf(Service& s, const std::vector<std::string>& words, int code) {
    const auto said = run(s, words);
    EXPECT_EQ(said.code, code) << said.out << said.err;
    EXPECT_EQ(said.out, "");
    return said.err;
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST_P(Api, OperatorsFindAndExportAccounts) {
    auto owner = browser();
    const auto email = fresh("Ann");
    signUp(owner, email);
    auto upper = email;
    for (auto& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    const auto found = run(service(), {"accounts", "find", upper});
    EXPECT_EQ(found.code, 0) << found.err;
    const auto userid =
        std::to_string(static_cast<std::int64_t>(owner.context().find("userid")->number()));
    EXPECT_TRUE(contains(found.out, "account    " + userid + "\n")) << found.out;
    EXPECT_TRUE(contains(found.out, "address    " + email + "  secondary, since ")) << found.out;
    EXPECT_EQ(owner
                  .post("stage_email",
                        R"({"email":")" + fresh("other") + R"(","site":"https://site.example"})")
                  .text(),
              kOk);
    const auto exported = run(service(), {"accounts", "export", email});
    EXPECT_EQ(exported.code, 0) << exported.err;
    const auto json = Json::parse(exported.out);
    ASSERT_TRUE(json) << exported.out;
    EXPECT_EQ(json->find("account")->number(), std::stod(userid));
    EXPECT_TRUE(json->find("has_password")->boolean());
    EXPECT_EQ(*json->find("addresses")->items().at(0).findText("address"), email);
    EXPECT_EQ(*json->find("pending")->items().at(0).findText("kind"), "addition");
    EXPECT_FALSE(contains(exported.out, "$2")) << "no hash leaves";

    EXPECT_TRUE(contains(refusalOf(service(), {"accounts", "find", fresh("nobody")}, 1),
                         "no account has that address"));
    EXPECT_TRUE(contains(refusalOf(service(), {"accounts", "find", "ann"}, 64),
                         "'ann' is no e-mail address"));
    EXPECT_TRUE(contains(refusalOf(service(), {"accounts", "find"}, 64),
                         "expected: accounts find ADDRESS"));
    EXPECT_TRUE(contains(refusalOf(service(), {"accounts", "dance", email}, 64), "no command"));
}

TEST_P(Api, OperatorsEndSessions) {
    auto owner = browser();
    const auto email = fresh();
    signUp(owner, email);
    EXPECT_TRUE(owner.context().find("authenticated")->boolean());
    const auto said = run(service(), {"accounts", "revoke-sessions", email});
    EXPECT_EQ(said.code, 0) << said.err;
    EXPECT_TRUE(contains(said.out, "signed out everywhere")) << said.out;
    EXPECT_FALSE(owner.context().find("authenticated")->boolean());
    EXPECT_TRUE(contains(signIn(owner, email).text(), "\"success\":true"));
    EXPECT_EQ(refusalOf(service(), {"accounts", "revoke-sessions", fresh("nobody")}, 1),
              "persona-host: no account has that address\n");
}

TEST_P(Api, OperatorsUnlock) {
    start({"max_authentication_attempts: 2"});
    auto owner = browser(), b = browser();
    const auto email = fresh();
    signUp(owner, email);
    for (int i = 0; i < 2; ++i) EXPECT_EQ(signIn(b, email, "password2").text(), kWrong);
    EXPECT_EQ(signIn(b, email).text(), kWrong) << "locked";
    EXPECT_EQ(run(service(), {"accounts", "unlock", email}).code, 0);
    EXPECT_TRUE(contains(signIn(b, email).text(), "\"success\":true"));
}

TEST_P(Api, OperatorsEraseAccounts) {
    auto owner = browser();
    const auto email = fresh();
    signUp(owner, email);
    const auto userid =
        std::to_string(static_cast<std::int64_t>(owner.context().find("userid")->number()));
    EXPECT_EQ(run(service(), {"accounts", "erase", email}).code, 0);
    EXPECT_FALSE(owner.context().find("authenticated")->boolean());
    EXPECT_EQ(addressInfo(owner, email), "unknown");
    EXPECT_EQ(signIn(owner, email).text(), kWrong);
    // Audited: who and which account, but no address.
    EXPECT_TRUE(
        service().logHas("cef.OPERATOR: account " + userid + " erased by the operator, uid "));
    EXPECT_TRUE(service().logHas("ran 'accounts erase' of dbwriter: done"));
    EXPECT_FALSE(contains(service().log(), email));
    EXPECT_TRUE(contains(refusalOf(service(), {"accounts", "erase", email}, 1), "no account"));
}

TEST_P(Api, OperatorsLookAfterTheDatabase) {
    auto owner = browser();
    signUp(owner, fresh());
    const auto status = run(service(), {"db", "status"});
    EXPECT_EQ(status.code, 0) << status.err;
    EXPECT_TRUE(contains(status.out, ": up to date\n")) << status.out;
    EXPECT_TRUE(contains(status.out, "rows       account ")) << status.out;
    const auto json = Json::parse(run(service(), {"db", "status", "--json"}).out);
    ASSERT_TRUE(json);
    EXPECT_TRUE(json->find("usable")->boolean());
    const auto check = run(service(), {"db", "check"});
    EXPECT_EQ(check.out, "the database is sound\n") << check.err;
    EXPECT_EQ(run(service(), {"db", "migrate"}).out, "nothing was pending\n");
    EXPECT_TRUE(contains(refusalOf(service(), {"db", "import", "127.0.0.1", "x", "n", "u"}, 64),
                         "port: expected a number"));
    EXPECT_EQ(run(service(), {"db", "import", "127.0.0.1", "1", "n", "u"}).code, 69);
}

TEST_P(Api, AMigrationCanBeLeftToTheOperator) {
    start({}, "", ", migrate: false");
    auto b = browser();
    EXPECT_EQ(stage(b, fresh()).status, 503u);
    EXPECT_TRUE(contains(run(service(), {"db", "status"}).out, "persona-host db migrate"));
    const auto done = run(service(), {"db", "migrate"});
    EXPECT_EQ(done.code, 0) << done.err;
    EXPECT_TRUE(contains(done.out, "step(s) applied")) << done.out;
    signUp(b, fresh());
}

TEST_P(Api, WhoIsNotThereIsNotReached) {
    start({});
    service().kill(std::get<0>(GetParam()) == Shape::OneProcess ? "local" : "dbwriter");
    EXPECT_TRUE(contains(refusalOf(service(), {"accounts", "find", "a@b.example"}, 69),
                         "does the process run"));
}

}  // namespace
}  // namespace persona::api
