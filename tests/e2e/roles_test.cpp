#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "libs/wsapi/credentials.h"
#include "tests/e2e/shapes.h"

/// Issue 2: calls between roles without valid credentials, replayed, or late: refused, in both
/// shapes. The roles are called on their own listeners, past the router.
namespace persona::testing {
namespace {

using wsapi::CredentialSigner;
using wsapi::KeyRing;

constexpr const char* kTarget = "/wsapi/saw_idp";
constexpr const char* kBody = R"({"domain":"idp.example"})";

std::int64_t nowMs() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

class Roles : public ::testing::TestWithParam<Shape> {
  protected:
    void SetUp() override {
        service_ = std::make_unique<Service>(inShape(GetParam()));
        service_->start();
    }
    unsigned ask(const wsapi::CredentialFields& fields, const std::string& role = "dbwriter",
                 const std::string& target = kTarget, const std::string& body = kBody) {
        Browser browser(service_->port(role));
        std::vector<std::pair<std::string, std::string>> all = {
            {"Content-Type", "application/json"}};
        for (const auto& field : fields)
            if (!field.first.empty()) all.push_back(field);
        return browser.send("POST", target, body, all).status;
    }
    [[nodiscard]] CredentialSigner signer(const std::string& own_role = "browserid") const {
        auto keys = wsapi::loadOrCreateKeyRing(service_->dir() + "/s/roles");
        EXPECT_TRUE(keys) << keys.error();
        return {*keys, own_role};
    }
    static wsapi::RoleCall call(std::string_view body = kBody) {
        return {"dbwriter", "POST", kTarget, body};
    }

    std::unique_ptr<Service> service_;
};

INSTANTIATE_TEST_SUITE_P(Shapes, Roles, bothShapes(), shapeName);

TEST_P(Roles, ACallCountsOnceAndInItsTime) {
    const auto by = signer();
    const auto good = by.sign(call(), nowMs());
    EXPECT_EQ(ask(good), 200U);
    EXPECT_EQ(ask(good), 403U) << "replayed";
    EXPECT_EQ(ask(by.sign(call(), nowMs() - 31'000)), 403U) << "late";
    EXPECT_EQ(ask(by.sign(call(), nowMs() + 31'000)), 403U) << "early";
    EXPECT_EQ(ask(by.sign(call(), nowMs() - 20'000)), 200U) << "within the window";
}

TEST_P(Roles, ACredentialIsForOneCall) {
    const auto by = signer();
    EXPECT_EQ(ask(by.sign(call(R"({"domain":"other.example"})"), nowMs())), 403U) << "another body";
    EXPECT_EQ(ask(by.sign({"dbwriter", "POST", "/wsapi/forget_idp", kBody}, nowMs())), 403U)
        << "another path";
    EXPECT_EQ(ask(by.sign({"dbwriter", "GET", kTarget, kBody}, nowMs())), 403U) << "another method";
    EXPECT_EQ(ask(by.sign({"keysigner", "POST", kTarget, kBody}, nowMs())), 403U)
        << "another receiver";
}

TEST_P(Roles, OtherSecretsAndSpoiltFieldsAreRefused) {
    auto fields = signer().sign(call(), nowMs());
    for (std::size_t i = 0; i < fields.size(); ++i) {
        auto spoilt = fields;
        spoilt[i].second += "x";
        EXPECT_EQ(ask(spoilt), 403U) << fields[i].first;
        spoilt[i].second.clear();
        EXPECT_EQ(ask(spoilt), 403U) << fields[i].first;
    }
    const auto other = wsapi::loadOrCreateKeyRing(service_->dir() + "/s/cookie");
    ASSERT_TRUE(other) << other.error();
    EXPECT_EQ(ask(CredentialSigner(*other, "browserid").sign(call(), nowMs())), 403U);
    EXPECT_EQ(ask(fields), 200U) << "none of these used it up";
}

TEST_P(Roles, KeysignerAsksForThemToo) {
    const std::string body = "{}";
    const auto fields = signer().sign({"keysigner", "POST", "/wsapi/cert_key", body}, nowMs());
    EXPECT_EQ(ask(fields, "keysigner", "/wsapi/cert_key", body), 400U)
        << "known as a role, but without arguments";
    EXPECT_EQ(ask(fields, "keysigner", "/wsapi/cert_key", body), 403U) << "replayed";
    EXPECT_EQ(ask({}, "keysigner", "/wsapi/cert_key", body), 403U);
}

TEST_P(Roles, TheRouterTakesNoCredentialsFromOutside) {
    EXPECT_EQ(ask(signer().sign(call(), nowMs()), "router"), 404U);
}

}  // namespace
}  // namespace persona::testing
