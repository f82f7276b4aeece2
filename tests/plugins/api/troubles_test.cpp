#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/plugins/api/api_fixture.h"
#include "tests/support/child.h"
#include "tests/support/temp_dir.h"

/// Troubles of the service itself that have an answer of their own in wsapi.md 4.2: a role that is
/// away, a key that cannot sign, a write that has nothing left to write to.
namespace persona::api {
namespace {

/// A service in which nobody reaches that role from now on, or, where it is part of the one
/// process, ever: its address leads nowhere.
ServiceOptions without(const Param& param, const std::string& role) {
    ServiceOptions options;
    options.common = ProviderServer::shared().configuration();
    if (std::get<0>(param) == Shape::OneProcess) options.upstreams[role] = "http://127.0.0.1:1";
    return options;
}

TEST_P(Api, WithoutKeysignerThereAreNoCertificates) {
    startWith(without(GetParam(), "keysigner"));
    const bool is_split = std::get<0>(GetParam()) == Shape::Split;
    auto b = browser();
    const auto email = fresh();
    signUp(b, email);
    const auto certificate = [&] { return b.post("cert_key", certificateRequest(email)); };
    if (is_split) {
        EXPECT_EQ(certificate().status, 200U);
        service().kill("keysigner");
    }
    EXPECT_EQ(certificate().text(), "500 Server Error: can't contact keysigner");
    EXPECT_EQ(b.get("/wsapi/list_emails").status, 200U) << "all else goes on";
    if (!is_split) return;
    service().start();
    auto again = certificate();
    for (int i = 0; i < 400 && again.status != 200; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(25));
        again = certificate();
    }
    EXPECT_EQ(again.status, 200U) << again.body;
}

TEST_P(Api, WithoutDbwriterProvidersMakeNoAccounts) {
    startWith(without(GetParam(), "dbwriter"));
    if (std::get<0>(GetParam()) == Shape::Split) service().kill("dbwriter");
    auto b = browser();
    const auto assertion =
        ProviderServer::shared().assertion(fresh("pam", "live.example"), service().url());
    EXPECT_EQ(
        b.post("auth_with_assertion", R"({"ephemeral":false,"assertion":")" + assertion + "\"}")
            .text(),
        R"(200 {"success":false,"reason":"internal error creating account"})");
    EXPECT_FALSE(b.context().find("authenticated")->boolean());
}

/// The key is in a token that is taken away under the service.
TEST_P(Api, AKeyThatCannotSignMakesNoCertificate) {
    const testing::TempDir dir;
    const auto tokens = dir / "tokens";
    std::filesystem::create_directory(tokens);
    std::ofstream(dir / "softhsm.conf")
        << "directories.tokendir = " << tokens << "\nobjectstore.backend = file\n";
    std::ofstream(dir / "pin") << "5823-secret";
    ASSERT_EQ(::chmod((dir / "pin").c_str(), 0600), 0);
    ::setenv("SOFTHSM2_CONF", (dir / "softhsm.conf").c_str(), 1);  // for the roles too
    ASSERT_EQ(testing::Child::run({{"softhsm2-util", "--init-token", "--free", "--label", "persona",
                                    "--so-pin", "12345678", "--pin", "5823-secret"},
                                   dir / "softhsm.log",
                                   {}},
                                  std::chrono::seconds(30))
                  .code,
              0)
        << testing::readText(dir / "softhsm.log");
    ServiceOptions options;
    options.domain_key_more =
        ", algorithm: ES256, pkcs11: {module: /usr/lib/softhsm/libsofthsm2.so, pin_file: " +
        (dir / "pin") + "}";
    startWith(std::move(options));
    ::unsetenv("SOFTHSM2_CONF");
    auto b = browser();
    const auto email = fresh();
    signUp(b, email);
    EXPECT_EQ(b.post("cert_key", certificateRequest(email)).status, 200U);
    std::filesystem::rename(tokens, dir / "away");
    EXPECT_EQ(b.post("cert_key", certificateRequest(email)).text(),
              "500 Server Error: certification generation error");
    EXPECT_EQ(b.get("/wsapi/list_emails").status, 200U) << "all else goes on";
}

/// Between the look at who has the address and the write there is a question to its provider.
TEST_P(Api, AnAddressThatLeavesMeanwhileIsNotUsed) {
    auto& providers = ProviderServer::shared();
    start(providers.configuration());  // which has asked nobody yet
    auto owner = browser();
    const auto email = fresh(), held = fresh("pam", "held.example");
    signUp(owner, email);
    EXPECT_EQ(
        owner.post("stage_email", R"({"email":")" + held + R"(","site":"https://site.example"})")
            .text(),
        kOk);
    EXPECT_EQ(tokenCall(owner, "complete_email_confirmation", token(held)).text(), kOk);
    auto other_window = owner;
    std::string removed = "nobody asked the provider";
    providers.meanwhile([&] {
        removed = other_window.post("remove_email", R"({"email":")" + held + "\"}").text();
    });
    EXPECT_EQ(owner.post("used_address_as_primary", R"({"email":")" + held + "\"}").text(),
              "500 Server Error: Unable to update database");
    EXPECT_EQ(removed, kOk);
    EXPECT_EQ(owner.get("/wsapi/list_emails").text(),
              R"(200 {"success":true,"emails":[")" + email + R"("]})");
}

}  // namespace
}  // namespace persona::api
