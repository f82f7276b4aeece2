#include "libs/wsapi/endpoints.h"
#include "tests/plugins/api/api_fixture.h"

/// What every row of wsapi.md section 4 has in common, from the table of the calls itself: methods,
/// cookies, CSRF, levels, arguments, through the router.
namespace persona::api {
namespace {

using wsapi::Auth;
using wsapi::Endpoint;
using wsapi::Type;

const std::vector<std::pair<std::string, std::string>> kJson{{"Content-Type", "application/json"}};

/// A value of that type, as JSON.
std::string good(Type type) {
    switch (type) {
        case Type::Email:
            return R"("table@mail.example")";
        case Type::Password:
            return R"("password1")";
        case Type::Boolean:
            return "false";
        case Type::Token:
            return "\"" + std::string(48, 'x') + "\"";
        case Type::Assertion:
            return "\"" + std::string(60, 'x') + "\"";
        case Type::PublicKey:
            return R"("{\"algorithm\":\"RS\",\"n\":\"1234567890123456789012345\",\"e\":\"65537\"}")";
        case Type::HostName:
            return R"("idp.example")";
        case Type::Origin:
            return R"("https://site.example")";
        default:
            return R"("x")";
    }
}

std::string target(const Endpoint& e) {
    return "/wsapi/" + std::string(e.name);
}

TEST_P(Api, WrongMethodsAndInternalCallsEndAtTheRouter) {
    auto b = browser();
    for (const auto& e : wsapi::endpoints()) {
        if (e.internal()) {
            EXPECT_EQ(b.send("POST", target(e), "{}", kJson).text(), "404 Not Found") << e.name;
        }
        const std::string other = e.method == "GET" ? "POST" : "GET";
        EXPECT_EQ(b.send(other, target(e), other == "POST" ? "{}" : "", kJson).text(),
                  "400 Bad Request: no such api")
            << e.name;
        EXPECT_EQ(b.send("DELETE", target(e)).text(), "400 Bad Request: no such api") << e.name;
        EXPECT_EQ(b.send(std::string(e.method), target(e) + "/").text(),
                  "400 Bad Request: no such api")
            << e.name;
    }
}

TEST_P(Api, PostsWantTheCookieAndItsToken) {
    auto with = browser();
    (void)with.context();
    for (const auto& e : wsapi::endpoints()) {
        if (e.method != "POST" || e.internal()) continue;
        auto without = browser();
        const auto r = without.send("POST", target(e), R"({"csrf":"x"})", kJson);
        EXPECT_EQ(r.text(), "403 Forbidden: no cookie") << e.name;
        EXPECT_FALSE(without.saw_cookie) << e.name;
        EXPECT_EQ(with.send("POST", target(e), R"({"csrf":"x"})", kJson).text(),
                  "400 Bad Request: CSRF violation")
            << e.name;
        // W10: odd bodies are answered, at once.
        for (const auto* body : {"null", "{", "[]"})
            EXPECT_EQ(with.send("POST", target(e), body, kJson).status, 400u) << e.name << body;
        EXPECT_EQ(r.header("cache-control"), "no-cache, max-age=0") << e.name;
    }
}

TEST_P(Api, LevelsComeBeforeArguments) {
    auto b = browser();
    for (const auto& e : wsapi::endpoints()) {
        if (e.auth != Auth::Assertion && e.auth != Auth::Password) continue;
        const auto r = e.method == "GET" ? b.get(target(e) + "?bad=1")
                                         : b.post(std::string(e.name), R"({"bad":1})");
        EXPECT_EQ(r.text(), "400 Bad Request: requires authentication") << e.name;
    }
}

TEST_P(Api, ArgumentsAreCheckedInTheirOrder) {
    auto b = browser();
    signUp(b, fresh());
    for (const auto& e : wsapi::endpoints()) {
        if (e.internal() || !e.strict) continue;
        const auto ask = [&](const std::string& members, const std::string& query) {
            return e.method == "GET" ? b.get(target(e) + (query.empty() ? "" : "?" + query)).text()
                                     : b.post(std::string(e.name), "{" + members + "}").text();
        };
        std::string members, query;
        for (const auto& a : e.arguments) {
            if (a.optional) continue;
            EXPECT_EQ(ask(members, query), R"(400 {"success":false,"reason":"missing required )"
                                           R"(parameter: ')" +
                                               std::string(a.name) + "'\"}")
                << e.name;
            // W2: a number is no text, whatever it looks like; nor is a list of one.
            if (e.method == "POST")
                for (const auto* wrong : {"12345678", "[\"x\"]", "null", "{}"}) {
                    const auto text = ask(members + (members.empty() ? "\"" : ",\"") +
                                              std::string(a.name) + "\":" + wrong,
                                          "");
                    EXPECT_EQ(text.find(R"(400 {"success":false,"reason":")" + std::string(a.name) +
                                        ": "),
                              0u)
                        << e.name << " " << wrong << " " << text;
                }
            const auto value = good(a.type);
            members += (members.empty() ? "\"" : ",\"") + std::string(a.name) + "\":" + value;
            query += (query.empty() ? "" : "&") + std::string(a.name) + "=" +
                     (value.size() > 2 ? value.substr(1, value.size() - 2) : value);
        }
        EXPECT_EQ(ask(members + R"(,"foo":1,"bar":2)", query + "&foo=1&bar=2"),
                  R"(400 {"success":false,"reason":"extra parameters are not allowed: foo, bar"})")
            << e.name;
    }
}

/// Arguments that are all right, as members of a JSON object and as a query.
std::pair<std::string, std::string> goodArguments(const Endpoint& e) {
    std::string members, query;
    for (const auto& a : e.arguments) {
        if (a.optional) continue;
        const auto value = good(a.type);
        members += (members.empty() ? "\"" : ",\"") + std::string(a.name) + "\":" + value;
        query += (query.empty() ? "?" : "&") + std::string(a.name) + "=" +
                 (value.front() == '"' ? value.substr(1, value.size() - 2) : value);
    }
    return {members, query};
}

/// W29, and DB-503 of every row. The tables are away, so that the server answers, and says no.
TEST_P(Api, WithoutItsDatabaseEveryCallAnswersOnce) {
    start(ProviderServer::shared().configuration());
    auto owner = browser();
    const auto email = fresh();
    signUp(owner, email);
    EXPECT_EQ(owner
                  .post("stage_email",
                        R"({"email":")" + fresh("second") + R"(","site":"https://site.example"})")
                  .text(),
              kOk);
    const auto csrf = *owner.context().findText("csrf_token");
    const auto move = [&](const std::string& from, const std::string& to) {
        for (const std::string table :
             {"account", "address", "staged", "idp", "device", "notice", "mail_budget"})
            (void)sql("ALTER TABLE " + table + from + " RENAME TO " + table + to);
    };
    move("", "_away");
    const std::string down = "503 Service Unavailable: database unavailable";
    std::string jar;
    for (const auto& [name, value] : owner.cookies) jar += name + "=" + value + "; ";
    for (const auto& e : wsapi::endpoints()) {
        const auto [members, query] = goodArguments(e);
        if (e.internal()) {
            if (e.name == "create_account_with_assertion" || e.name.ends_with("auth_tries") ||
                e.name == "user_used_email_as")
                continue;  // below
            EXPECT_EQ(
                service().callRole("dbwriter", std::string(e.name), "{" + members + "}").text(),
                down)
                << e.name;
            continue;
        }
        auto b = owner;
        EXPECT_EQ((e.method == "GET" ? b.get(target(e) + query)
                                     : b.send("POST", target(e),
                                              "{" + members + (members.empty() ? "" : ",") +
                                                  R"("csrf":")" + csrf + "\"}",
                                              kJson))
                      .text(),
                  down)
            << e.name;
        if (e.method != "GET") continue;
        // Another request on the same connection gets an answer of its own.
        const auto head = " HTTP/1.1\r\nHost: x\r\n";
        const auto both = testing::converse(service().port("router"),
                                            "GET " + target(e) + query + head + "Cookie: " + jar +
                                                "\r\n\r\nGET /wsapi/session_context" + head +
                                                "Connection: close\r\n\r\n");
        int answers = 0;
        for (auto at = both.find("HTTP/1.1 "); at != std::string::npos;
             at = both.find("HTTP/1.1 ", at + 1))
            ++answers;
        EXPECT_EQ(answers, 2) << e.name << ": " << both;
        EXPECT_EQ(both.find("HTTP/1.1 503"), 0U) << e.name << ": " << both;
        EXPECT_NE(both.find("HTTP/1.1 200", 1), std::string::npos) << e.name << ": " << both;
    }
    const auto ask = [&](const std::string& call, const std::string& json) {
        return service().callRole("dbwriter", call, json).text();
    };
    EXPECT_EQ(
        ask("create_account_with_assertion",
            R"({"assertion":")" +
                ProviderServer::shared().assertion("z@live.example", service().url()) + "\"}"),
        down);
    EXPECT_EQ(ask("increment_failed_auth_tries", R"({"userid":1})"), down);
    EXPECT_EQ(ask("reset_failed_auth_tries", R"({"userid":1,"hash":"x"})"), down);
    EXPECT_EQ(
        ask("user_used_email_as", R"({"userid":1,"email":"a@mail.example","used_as":"primary"})"),
        down);
    EXPECT_TRUE(service().logHas("database is down, cannot process request: "));
    move("_away", "");
    EXPECT_EQ(owner.get("/wsapi/list_emails").status, 200U) << "the session is what it was";
    // Who has no session asks for nothing but the schema's version; last, as whoever writes would
    // make that anew.
    (void)sql("ALTER TABLE schema_version RENAME TO schema_version_away");
    EXPECT_EQ(browser().get("/wsapi/ping").text(), "500 fail");
}

TEST_P(Api, FormsAreReadButHoldNoBooleans) {
    auto b = browser();
    const auto csrf = *b.context().findText("csrf_token");
    const auto form = [&](const std::string& body) {
        return b
            .send("POST", "/wsapi/authenticate_user", "csrf=" + csrf + "&" + body,
                  {{"Content-Type", "application/x-www-form-urlencoded"}})
            .text();
    };
    EXPECT_EQ(form("email=a%40b.example&pass=password1&ephemeral=true"),
              R"(400 {"success":false,"reason":"ephemeral: boolean required"})");
    EXPECT_EQ(form("email=a%40b.example&pass=short"),
              R"(400 {"success":false,"reason":"pass: ValidatorError: String is not in range"})");
}

TEST_P(Api, LongAddressesAreRefusedNotLost) {
    auto b = browser();
    const std::string host =
        std::string(61, 'b') + "." + std::string(61, 'c') + "." + std::string(61, 'd') + ".example";
    EXPECT_EQ(b.get("/wsapi/have_email?email=" + std::string(64, 'a') + "@" + host).text(),
              R"(400 {"success":false,"reason":"email: ValidatorError: Invalid email"})");
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Service, Api,
                         ::testing::Combine(::testing::Values(Shape::OneProcess, Shape::Split),
                                            ::testing::Values(Database::Sqlite, Database::Mysql)),
                         [](const auto& info) { return nameOf(info.param); });

}  // namespace persona::api
