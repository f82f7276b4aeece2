#include "libs/wsapi/providers.h"

#include <gtest/gtest.h>

#include "libs/wsapi/roles.h"

namespace persona::wsapi {
namespace {

using protocol::Discovered;

/// Runs a step to its answer; what waits is resumed here.
std::string run(Step step) {
    Call call;
    while (!step.answer) {
        if (step.wait) {
            bool resumed = false;
            step.wait([&] { resumed = true; });
            EXPECT_TRUE(resumed);
        }
        step = step.next(call);
    }
    return std::to_string(step.answer->status) + " " + step.answer->body;
}

TEST(Providers, AreAwaitedWithoutAThread) {
    std::function<void(protocol::DiscoveredPtr)> later;
    const ProviderPort port = [&](const std::string& domain, bool at_hand, auto done) {
        EXPECT_EQ(domain, "idp.example");
        EXPECT_FALSE(at_hand);
        later = std::move(done);
    };
    Call call;
    auto step = withProvider(port, call, "idp.example", [](Call&, const Discovered& d) -> Step {
        return textAnswer(200, d.authority);
    });
    ASSERT_FALSE(step.answer);
    bool resumed = false;
    step.wait([&] { resumed = true; });
    EXPECT_FALSE(resumed) << "nothing goes on before the network has answered";
    auto found = std::make_shared<Discovered>();
    found->authority = "idp.example";
    later(found);
    EXPECT_TRUE(resumed);
    EXPECT_EQ(step.next(call).answer->body, "idp.example");
    EXPECT_EQ(call.outcomes.text(), "wk_miss");
}

TEST(Providers, WhatIsAtHandIsToldSoAndAskedFor) {
    bool asked_at_hand = false;
    const ProviderPort port = [&](const std::string&, bool at_hand, auto done) {
        asked_at_hand = at_hand;
        done(std::make_shared<const Discovered>());
    };
    Call call;
    call.request.ask = "untrusted, cached";
    auto step = withProvider(port, call, "idp.example",
                             [](Call&, const Discovered&) -> Step { return success(); });
    step.wait([] {});
    EXPECT_TRUE(asked_at_hand);
    EXPECT_EQ(step.next(call).answer->status, 200U);
    EXPECT_EQ(call.outcomes.text(), "wk_hit");
}

TEST(Providers, WhatWasNotJudgedIsBusy) {
    const ProviderPort port = [](const std::string&, bool, auto done) { done(nullptr); };
    EXPECT_EQ(run(withProvider(port, Call{}, "idp.example",
                               [](Call&, const Discovered&) -> Step { return success(); })),
              "503 Service Unavailable: server is too busy");
}

TEST(Providers, AProofNeedsPrimarySupport) {
    auto options = std::make_shared<ProofOptions>();
    options->disable_primary_support = true;
    const ProviderPort port = [](const std::string&, bool, auto) { FAIL(); };
    EXPECT_EQ(run(withProof(port, options, "x", 0,
                            [](Call&, const Proven& p) -> Step { return failure(p.reason); })),
              R"(200 {"success":false,"reason":"primary support disabled"})");
}

TEST(Roles, AnswersAreReadStrictly) {
    const auto answer = [](unsigned status, const char* body) {
        return RoleAnswer{status, "application/json", body, ""};
    };
    EXPECT_TRUE(answer(200, R"({"success":true})").succeeded());
    for (const auto* body : {"", "null", "{}", R"({"success":"true"})", R"({"success":false})"})
        EXPECT_FALSE(answer(200, body).succeeded()) << body;
    EXPECT_FALSE(answer(503, R"({"success":true})").succeeded());
    EXPECT_FALSE(answer(0, "").json());
}

TEST(Roles, CallsCarryCredentialsOfTheirReceiver) {
    const KeyRing secret{std::string(32, 's')};
    CredentialChecker checker(secret, "keysigner");
    std::string verdict = "not asked";
    const RoleClient client(
        secret, "browserid",
        [&](const std::string& upstream, const std::string& target, const auto& fields,
            const std::string& body) -> PendingAnswer {
            EXPECT_EQ(upstream, "signers");
            Credential c;
            for (const auto& [n, v] : fields) {
                if (n == "X-Persona-Role") c.role = v;
                if (n == "X-Persona-Time") c.time = v;
                if (n == "X-Persona-Nonce") c.nonce = v;
                if (n == "X-Persona-Signature") c.signature = v;
            }
            verdict = checker.check(c, {{}, "POST", target, body}, 1'000);
            return [] { return RoleAnswer{200, "text/plain", "made", ""}; };
        },
        [] { return std::int64_t{1'000}; });
    EXPECT_EQ(client.post("keysigner", "signers", "cert_key", protocol::Json::object()).body,
              "made");
    EXPECT_EQ(verdict, "");
}

}  // namespace
}  // namespace persona::wsapi
