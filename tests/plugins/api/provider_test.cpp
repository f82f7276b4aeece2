#include <thread>

#include "libs/protocol/token.h"
#include "tests/plugins/api/api_fixture.h"

/// Primary identity providers (wsapi.md 4.2, 4.5, 4.6), W18, W19, W21, W24, W34, and keys.
namespace persona::api {
namespace {

const std::string kBacked = "400 Bad Request: that email is backed by a primary";

Response assertionCall(Browser& b, const std::string& call, const std::string& bundle,
                       const std::string& more = "") {
    return b.post(call, R"({"assertion":")" + bundle + "\"" + more + "}");
}

Response authenticate(Browser& b, const std::string& bundle) {
    return assertionCall(b, "auth_with_assertion", bundle, R"(,"ephemeral":false)");
}

TEST_P(Api, AddressInfoSaysWhoVouches) {
    auto b = browser();
    EXPECT_EQ(b.get("/wsapi/address_info?email=a@live.example").text(),
              R"(200 {"auth":"https://live.example/auth","prov":"https://live.example/prov",)"
              R"("type":"primary","issuer":"live.example","state":"unknown"})");
    EXPECT_EQ(b.get("/wsapi/address_info?email=a@DELEGATED.example").text(),
              R"(200 {"auth":"https://live.example/auth","prov":"https://live.example/prov",)"
              R"("type":"primary","issuer":"live.example","state":"unknown"})");
    EXPECT_EQ(b.get("/wsapi/address_info?email=a@disabled.example").text(),
              R"(200 {"type":"secondary","issuer":"127.0.0.1","disabled":true,"state":"unknown"})");
    EXPECT_EQ(
        b.get("/wsapi/address_info?email=a@nowhere.example").text(),
        R"(200 {"type":"secondary","issuer":"127.0.0.1","disabled":false,"state":"unknown"})");
    EXPECT_EQ(
        b.get("/wsapi/address_info?email=a@live.example&issuer=fxos.login.persona.org").text(),
        R"(200 {"type":"secondary","issuer":"fxos.login.persona.org","disabled":false,)"
        R"("state":"unknown"})");
    EXPECT_EQ(b.get("/wsapi/address_info?email=a@live.example&issuer=fxos.example").text(),
              R"(400 {"success":false,"reason":"issuer: not one that may be forced"})");
    EXPECT_EQ(b.get("/wsapi/address_info?email=a@live.example&issuer=default").json()->dump(),
              b.get("/wsapi/address_info?email=a@live.example").json()->dump());
}

TEST_P(Api, DiscoveryNamesTheProviderOrUs) {
    auto b = browser();
    const auto live = b.get("/wsapi/discovery?domain=live.example").json();
    EXPECT_EQ(*live->findText("authentication"), "https://live.example/auth");
    EXPECT_EQ(*live->findText("provisioning"), "https://live.example/prov");
    const auto own = b.get("/wsapi/discovery?domain=nowhere.example").json();
    EXPECT_EQ(*own->findText("authentication"), service().url() + "/auth#NATIVE");
    EXPECT_EQ(*own->findText("provisioning"), service().url() + "/provision");
    EXPECT_EQ(b.get("/wsapi/discovery?domain=disabled.example").json()->dump(), own->dump());
    EXPECT_FALSE(*own->find("public-key") == *live->find("public-key"));
}

TEST_P(Api, SigningInByAProvidersWord) {
    auto& providers = ProviderServer::shared();
    auto b = browser();
    const auto email = fresh("pam", "live.example");
    const auto bundle = providers.assertion(email, service().url());
    const auto in = authenticate(b, bundle);
    EXPECT_EQ(in.text().find(R"(200 {"success":true,"userid":)"), 0u) << in.text();
    const auto context = b.context();
    EXPECT_EQ(*context.findText("auth_level"), "assertion");
    EXPECT_FALSE(context.find("has_password")->boolean());
    EXPECT_EQ(b.get("/wsapi/list_emails").text(),
              R"(200 {"success":true,"emails":[")" + email + R"("]})");
    EXPECT_EQ(addressInfo(b, email), "known");
    EXPECT_EQ(b.post("cert_key", certificateRequest(email)).text(),
              "400 Bad Request: requires authentication")
        << "certificates want the password level";
    auto again = browser();
    EXPECT_EQ(authenticate(again, bundle).json()->find("userid")->number(),
              context.find("userid")->number());
}

TEST_P(Api, OurOwnCertificatesAreNoWordOfAProvider) {
    auto b = browser();
    const auto email = fresh();
    signUp(b, email);
    const auto key = protocol::SecretKey::generate(protocol::Algorithm::ES256);
    Json o = Json::object();
    o.add("email", email).add("pubkey", key->publicKey()->canonical()).add("ephemeral", false);
    const auto certificate = b.post("cert_key", o.dump());
    ASSERT_EQ(certificate.status, 200u) << certificate.body;
    const auto now = static_cast<std::int64_t>(b.context().find("server_time")->number());
    const auto assertion = protocol::signToken(
        *key, "{\"exp\":" + std::to_string(now + 60'000) + ",\"aud\":\"" + service().url() + "\"}");
    auto other = browser();
    EXPECT_EQ(reasonOf(authenticate(other, certificate.body + "~" + *assertion)),
              "issuer '127.0.0.1' may not speak for emails from 'mail.example'");
}

TEST_P(Api, AddressesOfProvidersAreAddedAndTakeAPassword) {
    auto& providers = ProviderServer::shared();
    auto b = browser();
    const auto email = fresh(), primary = fresh("pam", "live.example");
    signUp(b, email);
    EXPECT_EQ(assertionCall(b, "add_email_with_assertion",
                            providers.assertion(primary, "https://other.example"))
                  .text(),
              R"(200 {"success":false,"reason":"can't log in with an assertion for )"
              R"('https://other.example'"})");
    EXPECT_EQ(
        assertionCall(b, "add_email_with_assertion", providers.assertion(primary, service().url()))
            .text(),
        kOk);
    EXPECT_EQ(addressInfo(b, primary), "known");
    EXPECT_EQ(b.post("cert_key", certificateRequest(primary)).text(), kBacked) << "W18";
    EXPECT_EQ(
        b.post("cert_key", certificateRequest(primary, R"("forceIssuer":"x.example")")).text(),
        "400 Bad Request: Invalid issuer, unable to issue certificate");
    for (int i = 0; i < 20;
         ++i) {  // what is written after an answer is written within milliseconds
        EXPECT_EQ(addressInfo(b, primary), "known")
            << "a refused certificate is no use as a secondary";
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_EQ(b.post("used_address_as_primary", R"({"email":")" + primary + "\"}").text(), kOk);
    EXPECT_EQ(b.post("used_address_as_primary", R"({"email":")" + email + "\"}").text(),
              "400 Bad Request: email is not a primary");
    EXPECT_EQ(b.post("used_address_as_primary", R"({"email":")" + fresh() + "\"}").text(),
              "400 Bad Request: that email does not belong to you");
    // W21: the word of a provider counts inside a session by password too.
    auto other = browser();
    const auto second = fresh("quin", "live.example");
    EXPECT_EQ(stage(other, second).text(), kOk);
    EXPECT_EQ(tokenCall(other, "complete_user_creation", token(second)).text(), kOk);
    EXPECT_EQ(addressInfo(other, second), "transition_to_primary");
    EXPECT_EQ(authenticate(other, providers.assertion(second, service().url())).status, 200u);
    std::string state;
    for (int i = 0; i < 200 && state != "known"; ++i) {
        state = addressInfo(other, second);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_EQ(state, "known");
    EXPECT_EQ(*other.context().findText("auth_level"), "password") << "never lowered";
}

TEST_P(Api, ProviderAccountsChooseAPasswordWithTheirFirstOwnAddress) {
    auto b = browser(), other = browser();
    const auto primary = fresh("pam", "live.example"), email = fresh();
    EXPECT_EQ(authenticate(b, ProviderServer::shared().assertion(primary, service().url())).status,
              200u);
    const auto ask = [&](const std::string& more) {
        return b
            .post("stage_email",
                  R"({"email":")" + email + R"(","site":"https://site.example")" + more + "}")
            .text();
    };
    EXPECT_EQ(ask(""), R"(200 {"success":false,"reason":"user must choose a password"})");
    EXPECT_EQ(ask(R"(,"pass":"password1")"), kOk);
    EXPECT_EQ(tokenCall(b, "complete_email_confirmation", token(email)).text(),
              "401 Authentication Required: password required")
        << "the session is not at the password's level";
    EXPECT_EQ(tokenCall(b, "complete_email_confirmation", token(email), "password1").text(), kOk);
    EXPECT_NE(signIn(other, email).text().find("\"success\":true"), std::string::npos);
    EXPECT_EQ(b.get("/wsapi/list_emails").status, 200u) << "other sessions stay";
}

TEST_P(Api, AProviderThatWentSilentKeepsItsAddresses) {
    auto b = browser();
    const auto email = fresh("dora", "down.example"), unknown = fresh("new", "down.example");
    signUp(b, email);
    EXPECT_EQ(service().callRole("dbwriter", "saw_idp", R"({"domain":"down.example"})").text(),
              kOk);
    EXPECT_EQ(addressInfo(b, email), "offline");
    EXPECT_EQ(addressInfo(b, unknown), "unknown");
    EXPECT_EQ(b.post("cert_key", certificateRequest(email)).text(), kBacked);
    EXPECT_EQ(
        b.post("stage_email", R"({"email":")" + unknown + R"(","site":"https://site.example"})")
            .text(),
        kBacked);
    auto other = browser();
    EXPECT_EQ(stage(other, unknown).text(), kBacked) << "W19: nobody claims it by mail meanwhile";
    EXPECT_EQ(service().callRole("dbwriter", "forget_idp", R"({"domain":"down.example"})").text(),
              kOk);
    EXPECT_EQ(addressInfo(b, email), "known");
    EXPECT_EQ(stage(other, unknown).text(), kOk);
}

TEST_P(Api, ADisabledProviderIsForgotten) {
    auto b = browser();
    const auto email = fresh("dis", "disabled.example");
    signUp(b, email);
    EXPECT_EQ(service().callRole("dbwriter", "saw_idp", R"({"domain":"disabled.example"})").text(),
              kOk);
    EXPECT_EQ(addressInfo(b, email), "known") << "disabled is not offline";
    EXPECT_EQ(b.post("cert_key", certificateRequest(email)).status, 200u);
}

TEST_P(Api, AddressesWithoutTheirProviderGetAPassword) {
    auto b = browser(), other = browser();
    // Made while the provider was there, in the only way that needs no provider now.
    const auto email = fresh("tra", "live.example");
    EXPECT_EQ(authenticate(b, ProviderServer::shared().assertion(email, service().url())).status,
              200u);
    const auto ask = [&](Browser& who, const std::string& address) {
        return who.post(
            "stage_transition",
            R"({"email":")" + address + R"(","pass":"password1","site":"https://site.example"})");
    };
    EXPECT_EQ(ask(b, fresh("nobody")).text(),
              R"(200 {"reason":"No such email address.","success":false})");
    EXPECT_EQ(ask(b, email).text(), kOk);
    EXPECT_FALSE(b.context().find("authenticated")->boolean());
    EXPECT_EQ(status(other, "transition_status", email), "mustAuth");
    EXPECT_EQ(status(b, "transition_status", email), "pending");
    const auto t = token(email);
    EXPECT_EQ(tokenCall(other, "complete_transition", t).text(),
              "401 Authentication Required: Provide your password");
    EXPECT_EQ(tokenCall(other, "complete_transition", t, "password2").text(),
              "401 Authentication Required: password mismatch");
    // A link of a transition at the call for resets is judged by the same rules.
    EXPECT_EQ(tokenCall(other, "complete_reset", t).text(),
              "401 Authentication Required: Provide your password");
    EXPECT_EQ(tokenCall(other, "complete_reset", t, "password2").text(),
              "401 Authentication Required: password mismatch");
    EXPECT_EQ(tokenCall(b, "complete_transition", t).text(), kOk) << "the browser that staged";
    EXPECT_NE(status(b, "transition_status", email).find("complete"), std::string::npos);
    EXPECT_NE(signIn(other, email).text().find("\"success\":true"), std::string::npos);
    EXPECT_EQ(tokenCall(other, "complete_transition", t, "password1").text(), kNoSecret);
}

TEST_P(Api, InternalCallsBetweenRoles) {
    auto& s = service();
    EXPECT_EQ(s.callRole("dbwriter", "saw_idp", R"({"domain":"bad domain"})").text(),
              R"(400 {"success":false,"reason":"domain: ValidatorError: Invalid characters"})");
    EXPECT_EQ(s.callRole("dbwriter", "user_used_email_as",
                         R"({"userid":1,"email":"a@mail.example","used_as":"primary"})")
                  .text(),
              "400 Bad Request: email does not belong to authenticated user");
    EXPECT_EQ(s.callRole("dbwriter", "increment_failed_auth_tries", R"({"userid":1})").text(),
              R"(200 {"success":false,"reason":"no such user"})");
    EXPECT_EQ(s.callRole("dbwriter", "create_account_with_assertion",
                         R"({"assertion":")" + std::string(60, 'x') + "\"}")
                  .text(),
              "500 Server Error");
    EXPECT_EQ(s.callRole("keysigner", "cert_key", "{}").text(),
              R"(400 {"success":false,"reason":"missing required parameter: 'email'"})");
}

TEST_P(Api, CertificatesForOnesOwnAddressesAlone) {
    auto b = browser(), other = browser();
    const auto email = fresh(), foreign = fresh("foreign");
    signUp(b, email);
    signUp(other, foreign);
    EXPECT_EQ(b.post("cert_key", certificateRequest(foreign)).text(),
              "400 Bad Request: that email does not belong to you");
    EXPECT_EQ(b.post("cert_key", certificateRequest(fresh("nobody"))).text(),
              "400 Bad Request: that email does not belong to you");
    Json o = Json::object();
    o.add("email", email).add("pubkey", R"({"algorithm":"RS","n":"12345","e":"65537","x":"1"})");
    EXPECT_EQ(b.post("cert_key", o.add("ephemeral", false).dump()).status, 400u);
}

}  // namespace
}  // namespace persona::api
