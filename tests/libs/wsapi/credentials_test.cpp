#include "libs/wsapi/credentials.h"

#include <gtest/gtest.h>

#include <thread>

namespace persona::wsapi {
namespace {

constexpr std::int64_t kNow = 1'750'000'000'000;
const KeyRing kSecret{std::string(32, 's')};

Credential of(const CredentialFields& f) {
    return {f[0].second, f[1].second, f[2].second, f[3].second};
}

TEST(Credentials, CountOnce) {
    const CredentialSigner signer(kSecret, "browserid");
    CredentialChecker checker(kSecret, "dbwriter");
    const RoleCall call{"dbwriter", "POST", "/wsapi/saw_idp", R"({"domain":"a.example"})"};
    const auto fields = signer.sign(call, kNow);
    EXPECT_EQ(fields[0].first, "X-Persona-Role");
    EXPECT_EQ(checker.check(of(fields), call, kNow + 10), "");
    EXPECT_EQ(checker.check(of(fields), call, kNow + 10), "replayed");
    EXPECT_EQ(checker.check(of(signer.sign(call, kNow)), call, kNow), "");
}

TEST(Credentials, EveryPartIsBound) {
    const CredentialSigner signer(kSecret, "browserid");
    CredentialChecker checker(kSecret, "dbwriter");
    const RoleCall call{"dbwriter", "POST", "/wsapi/saw_idp", "body"};
    const auto f = signer.sign(call, kNow);
    const std::vector<RoleCall> others{{"dbwriter", "GET", "/wsapi/saw_idp", "body"},
                                       {"dbwriter", "POST", "/wsapi/forget_idp", "body"},
                                       {"dbwriter", "POST", "/wsapi/saw_idp?x", "body"},
                                       {"dbwriter", "POST", "/wsapi/saw_idp", "bodY"}};
    for (const auto& other : others)
        EXPECT_EQ(checker.check(of(f), other, kNow), "wrong signature") << other.target;
    auto c = of(f);
    c.role = "router";
    EXPECT_EQ(checker.check(c, call, kNow), "wrong signature");
    c = of(f);
    const auto later = std::to_string(kNow + 1);
    c.time = later;
    EXPECT_EQ(checker.check(c, call, kNow), "wrong signature");
    c = of(f);
    c.nonce = "AAAAAAAAAAAAAAAAAAAAAA";
    EXPECT_EQ(checker.check(c, call, kNow), "wrong signature");
    for (const auto* junk : {"", "x", "1e9", "-1", "99999999999999999999"}) {
        c = of(f);
        c.time = junk;
        EXPECT_EQ(checker.check(c, call, kNow), "wrong signature") << junk;
    }
    EXPECT_EQ(checker.check({}, call, kNow), "no credentials");
    CredentialChecker keysigner(kSecret, "keysigner");
    EXPECT_EQ(keysigner.check(of(f), call, kNow), "wrong signature") << "meant for another role";
    CredentialChecker foreign({std::string(32, 't')}, "dbwriter");
    EXPECT_EQ(foreign.check(of(f), call, kNow), "wrong signature");
    EXPECT_EQ(checker.check(of(f), call, kNow), "") << "refusals use nothing up";
}

TEST(Credentials, ThirtySecondsEitherWay) {
    const CredentialSigner signer(kSecret, "a");
    CredentialChecker checker(kSecret, "b");
    const RoleCall call{"b", "POST", "/x", ""};
    EXPECT_EQ(checker.check(of(signer.sign(call, kNow - 30'000)), call, kNow), "");
    EXPECT_EQ(checker.check(of(signer.sign(call, kNow + 30'000)), call, kNow), "");
    EXPECT_EQ(checker.check(of(signer.sign(call, kNow - 30'001)), call, kNow), "late");
    EXPECT_EQ(checker.check(of(signer.sign(call, kNow + 30'001)), call, kNow), "late");
}

TEST(Credentials, ANonceIsRememberedForAsLongAsItsTimeIsTaken) {
    const CredentialSigner signer(kSecret, "a");
    CredentialChecker checker(kSecret, "b");
    const RoleCall call{"b", "POST", "/x", ""};
    auto now = kNow;
    // Other calls keep the generations turning while the first is tried again and again.
    const auto early = signer.sign(call, kNow + 30'000);
    ASSERT_EQ(checker.check(of(early), call, now), "");
    for (; now <= kNow + 60'000; now += 1'000) {
        EXPECT_EQ(checker.check(of(early), call, now), "replayed") << now - kNow;
        EXPECT_EQ(checker.check(of(signer.sign(call, now)), call, now), "");
    }
    EXPECT_EQ(checker.check(of(early), call, kNow + 60'001), "late");
}

TEST(Credentials, MemoryIsBoundedAndClosesWhenFull) {
    const CredentialSigner signer(kSecret, "a");
    CredentialChecker checker(kSecret, "b", 10);
    const RoleCall call{"b", "POST", "/x", ""};
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(checker.check(of(signer.sign(call, kNow)), call, kNow), "");
    EXPECT_EQ(checker.check(of(signer.sign(call, kNow)), call, kNow), "too many calls");
    EXPECT_EQ(checker.check(of(signer.sign(call, kNow + 70'000)), call, kNow + 70'000), "");
}

TEST(Credentials, OneOfManyReplaysAtOnceWins) {
    const CredentialSigner signer(kSecret, "a");
    CredentialChecker checker(kSecret, "b");
    const RoleCall call{"b", "POST", "/x", ""};
    const auto f = signer.sign(call, kNow);
    std::atomic<int> taken{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i)
        threads.emplace_back([&] { taken += checker.check(of(f), call, kNow).empty() ? 1 : 0; });
    for (auto& t : threads) t.join();
    EXPECT_EQ(taken, 1);
}

TEST(Credentials, SecretsRotate) {
    const std::string old_key(32, 'o'), new_key(32, 'n');
    const RoleCall call{"b", "POST", "/x", ""};
    CredentialChecker both({new_key, old_key}, "b");
    EXPECT_EQ(both.check(of(CredentialSigner({old_key}, "a").sign(call, kNow)), call, kNow), "");
    EXPECT_EQ(both.check(of(CredentialSigner({new_key}, "a").sign(call, kNow)), call, kNow), "");
}

}  // namespace
}  // namespace persona::wsapi
