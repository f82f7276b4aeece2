#include <fstream>
#include <sstream>

#include "libs/protocol/key.h"
#include "libs/protocol/token.h"
#include "tests/plugins/api/api_fixture.h"

/// The main job over HTTP, through the router: sign up, certificate, assertion, verification.
namespace persona::api {
namespace {

using protocol::Json;

TEST_P(Api, SignUpCertifyAssertVerify) {
    start({});
    auto b = browser();
    const auto context = b.context();
    EXPECT_FALSE(context.find("authenticated")->boolean());
    EXPECT_EQ(context.find("userid"), nullptr);
    EXPECT_EQ(
        b.get("/wsapi/address_info?email=ann%40mail.example").text(),
        R"(200 {"type":"secondary","issuer":"127.0.0.1","disabled":false,"state":"unknown"})");
    EXPECT_EQ(
        b.post("stage_user",
               R"({"email":"Ann@mail.example","pass":"password1","site":"https://s.example"})")
            .text(),
        R"(200 {"success":true})");
    EXPECT_EQ(b.get("/wsapi/user_creation_status?email=ann%40mail.example").text(),
              R"(200 {"status":"pending"})");
    EXPECT_EQ(b.post("complete_user_creation",
                     R"({"token":")" + service().token("Ann@mail.example") + "\"}")
                  .text(),
              R"(200 {"success":true})");
    const auto signed_in = b.context();
    ASSERT_NE(signed_in.find("userid"), nullptr) << signed_in.dump();
    EXPECT_EQ(*signed_in.findText("auth_level"), "password");
    EXPECT_EQ(b.get("/wsapi/list_emails").text(),
              R"(200 {"success":true,"emails":["Ann@mail.example"]})");
    EXPECT_NE(b.get("/wsapi/user_creation_status?email=ann%40mail.example")
                  .text()
                  .find(R"({"status":"complete","userid":)"),
              std::string::npos);
    EXPECT_EQ(b.get("/wsapi/address_info?email=ann%40mail.example").text(),
              R"(200 {"type":"secondary","issuer":"127.0.0.1","disabled":false,)"
              R"("normalizedEmail":"Ann@mail.example","state":"known"})");

    const auto user = protocol::SecretKey::generate(protocol::Algorithm::ES256);
    ASSERT_TRUE(user) << user.error();
    Json ask = Json::object();
    ask.add("email", "ann@mail.example").add("pubkey", user->publicKey()->canonical());
    ask.add("ephemeral", false);
    const auto certificate = b.post("cert_key", ask.dump());
    ASSERT_EQ(certificate.status, 200u) << certificate.body;
    EXPECT_EQ(certificate.header("content-type").find("text/plain"), 0u);
    EXPECT_EQ(certificate.header("cache-control"), "no-cache, max-age=0");
    const auto now = static_cast<std::int64_t>(signed_in.find("server_time")->number());
    const auto assertion = protocol::signToken(
        *user, "{\"exp\":" + std::to_string(now + 120'000) + ",\"aud\":\"https://s.example\"}");
    ASSERT_TRUE(assertion);
    const auto verified = b.send("POST", "/verify",
                                 R"({"assertion":")" + certificate.body + "~" + *assertion +
                                     R"(","audience":"https://s.example"})",
                                 {{"Content-Type", "application/json"}});
    EXPECT_NE(verified.body.find(R"("status":"okay","email":"Ann@mail.example")"),
              std::string::npos)
        << verified.body;

    EXPECT_EQ(b.post("logout").text(), R"(200 {"success":true})");
    EXPECT_EQ(b.post("logout").text(), "400 Bad Request: requires authentication");
    EXPECT_EQ(b.get("/wsapi/list_emails").text(), "400 Bad Request: requires authentication");
    EXPECT_EQ(signIn(b, "ann@mail.example", "password2").text(),
              R"(200 {"success":false,"reason":"email or password is wrong"})");
    EXPECT_EQ(signIn(b, "bob@mail.example").text(),
              R"(200 {"success":false,"reason":"email or password is wrong"})");
    const auto in = signIn(b, "ann@mail.example");
    EXPECT_NE(in.body.find(R"("suppress_ask_if_users_computer":false})"), std::string::npos)
        << in.text();
    EXPECT_TRUE(b.cookies.contains("bid_dev"));
    EXPECT_EQ(b.get("/wsapi/ping").text(), "200 ok");
    EXPECT_EQ(b.get("/__heartbeat__?deep").text(), "200 ok");
    // Nothing of a person in any log.
    const auto log = service().log();
    for (const auto* secret : {"mail.example", "password1"})
        EXPECT_EQ(log.find(secret), std::string::npos) << secret;
}

TEST_P(Api, RolesTakeCallsOfRolesAlone) {
    for (const auto* target : {"/wsapi/saw_idp", "/wsapi/increment_failed_auth_tries"}) {
        Browser direct(service().port("dbwriter"));
        const auto r = direct.send("POST", target, R"({"domain":"idp.example"})",
                                   {{"Content-Type", "application/json"}});
        EXPECT_EQ(r.text(), "403 Forbidden: only roles of this service may call this") << target;
        EXPECT_EQ(browser().send("POST", target, "{}").text(), "404 Not Found");
    }
    Browser keysigner(service().port("keysigner"));
    EXPECT_EQ(
        keysigner.send("POST", "/wsapi/cert_key", "{}", {{"Content-Type", "application/json"}})
            .status,
        403u);
    Browser other(service().port("browserid"));
    EXPECT_EQ(other.get("/wsapi/nope").text(), "400 Bad Request: no such api");
}

TEST_P(Api, OpenRolesAreForLoopbackAlone) {
    start({"test_open_roles: true"});
    EXPECT_EQ(Browser(service().port("dbwriter"))
                  .send("POST", "/wsapi/saw_idp", R"({"domain":"idp.example"})",
                        {{"Content-Type", "application/json"}})
                  .text(),
              kOk);
    const auto file = service().dir() + "/" +
                      (std::get<0>(GetParam()) == Shape::Split ? "dbwriter" : "local") + ".yaml";
    std::ifstream in(file);
    std::stringstream text;
    text << in.rdbuf();
    auto yaml = text.str();
    yaml.replace(yaml.find("\"127.0.0.1:"), 11, "\"0.0.0.0:");
    std::ofstream(file) << yaml;
    const auto out = service().dir() + "/check";
    const auto command = std::string(PERSONA_BUILD_DIR) + "/bin/persona-host check-config " + file +
                         " >" + out + " 2>&1";
    EXPECT_NE(std::system(command.c_str()), 0);
    std::ifstream said(out);
    std::stringstream why;
    why << said.rdbuf();
    EXPECT_NE(why.str().find("test_open_roles: true is refused while a listener"),
              std::string::npos)
        << why.str();
}

}  // namespace
}  // namespace persona::api
