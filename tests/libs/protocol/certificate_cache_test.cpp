#include "libs/protocol/certificate_cache.h"

#include <gtest/gtest.h>

#include "libs/protocol/token.h"
#include "libs/protocol/verify.h"

namespace persona::protocol {
namespace {

constexpr std::int64_t kNow = 1'400'000'000'000;

class CertificateCacheTest : public ::testing::Test {
  protected:
    void SetUp() override {
        idp_ = make();
        user_ = make();
        options_.hostname = "login.example.org";
        options_.keys.allow_es256 = true;
        options_.certificates = std::make_shared<CertificateCache>(64);
    }
    static SecretKey make() {
        auto key = SecretKey::generate(Algorithm::ES256);
        EXPECT_TRUE(key.ok());
        return *key;
    }
    static PublicKey publicOf(const SecretKey& key) {
        auto half = key.publicKey();
        EXPECT_TRUE(half.ok());
        return *half;
    }
    std::string bundle(const SecretKey& idp, std::int64_t cert_expires = kNow + 3'600'000) {
        return bundleOf(
            idp, certificatePayload({"idp.example", "a@idp.example", false, kNow, cert_expires},
                                    publicOf(user_)));
    }
    std::string bundleOf(const SecretKey& idp, const std::string& payload) {
        const auto cert = signToken(idp, payload);
        const auto assertion =
            signToken(user_, R"({"aud":"https://rp.example","exp":1400000060000})");
        EXPECT_TRUE(cert.ok() && assertion.ok());
        return *cert + "~" + *assertion;
    }
    VerifyResult ask(const std::string& text, const std::vector<SecretKey>& published,
                     std::int64_t now = kNow) {
        return verify({text, "https://rp.example", "", false, {}}, Api::V1, options_, now,
                      [&](const std::string& domain) {
                          Discovered d;
                          d.type = Discovered::Type::Primary;
                          d.authority = domain;
                          for (const auto& k : published) d.keys.push_back(publicOf(k));
                          return d;
                      });
    }
    SecretKey idp_, user_;
    VerifyOptions options_;
};

TEST_F(CertificateCacheTest, SameAnswerFromMemory) {
    const auto text = bundle(idp_);
    const auto first = ask(text, {idp_});
    ASSERT_TRUE(first.ok) << first.reason;
    EXPECT_EQ(options_.certificates->size(), 1u);
    const auto second = ask(text, {idp_});
    ASSERT_TRUE(second.ok) << second.reason;
    EXPECT_EQ(second.email, first.email);
    EXPECT_EQ(second.issuer, first.issuer);
    EXPECT_EQ(second.expires, first.expires);
    // What is remembered is the certificate alone: the assertion is judged each time.
    auto forged = text;
    forged[forged.size() - 10] = forged[forged.size() - 10] == 'A' ? 'B' : 'A';
    EXPECT_EQ(ask(forged, {idp_}).reason, "invalid signature");
    EXPECT_EQ(ask(text, {idp_}, kNow + 60'001).reason, "assertion has expired");
}

TEST_F(CertificateCacheTest, AKeyThatTheIssuerNoLongerHasIsNoLongerGood) {
    const auto text = bundle(idp_);
    ASSERT_TRUE(ask(text, {idp_}).ok);
    const auto other = make();
    EXPECT_TRUE(ask(text, {other, idp_}).ok);  // rotation: both are published
    EXPECT_EQ(ask(text, {other}).reason, "bad signature in chain");
    EXPECT_EQ(options_.certificates->size(), 0u);
    EXPECT_EQ(ask(text, {}).reason, "bad signature in chain");
}

TEST_F(CertificateCacheTest, OrdinaryOnesOfEveryKindOfKeyAreKept) {
    const auto idp = SecretKey::generate(Algorithm::RS256);
    ASSERT_TRUE(idp.ok());
    std::size_t kept = 0;
    for (const auto a : {Algorithm::ES256, Algorithm::RS256, Algorithm::DS128, Algorithm::DS256}) {
        user_ = *SecretKey::generate(a);
        const auto email = std::string(64, 'a') + "@idp.example";
        ASSERT_TRUE(ask(bundleOf(*idp, certificatePayload(
                                           {"idp.example", email, false, kNow, kNow + 3'600'000},
                                           publicOf(user_))),
                        {*idp})
                        .ok);
        EXPECT_EQ(options_.certificates->size(), ++kept) << nameOf(a);
    }
}

TEST_F(CertificateCacheTest, ALongOneIsJudgedAnewEachTime) {
    // Small values take many times their text's size in memory, so the text is bounded.
    auto payload = certificatePayload(
        {"idp.example", "a@idp.example", false, kNow, kNow + 3'600'000}, publicOf(user_));
    const auto certificateOf = [](const std::string& bundle) {
        return bundle.substr(0, bundle.find('~'));
    };
    payload.insert(1, R"("claim":[[0]],)");
    while (certificateOf(bundleOf(idp_, payload)).size() < 3'070) payload.insert(10, "[0],");
    const auto longest = bundleOf(idp_, payload);
    payload.insert(10, "[0],");
    const auto longer = bundleOf(idp_, payload);
    ASSERT_LE(certificateOf(longest).size(), 3'072u);
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(ask(longer, {idp_}).ok);
    EXPECT_EQ(options_.certificates->size(), 0u);
    EXPECT_TRUE(ask(longest, {idp_}).ok);
    EXPECT_EQ(options_.certificates->size(), 1u);
}

TEST_F(CertificateCacheTest, NothingBadIsKept) {
    EXPECT_FALSE(ask(bundle(make()), {idp_}).ok);
    EXPECT_FALSE(ask(bundle(idp_, kNow - 1), {idp_}).ok);
    EXPECT_EQ(options_.certificates->size(), 0u);
}

TEST_F(CertificateCacheTest, NeverBeyondExpiry) {
    CertificateCache cache(64);
    cache.put("c", {Json::object(), publicOf(user_), "k", kNow}, kNow);
    EXPECT_NE(cache.find("c", kNow), nullptr);
    EXPECT_EQ(cache.find("c", kNow + 1), nullptr);
    EXPECT_EQ(cache.size(), 0u);
    cache.put("c", {Json::object(), publicOf(user_), "k", kNow}, kNow + 1);
    EXPECT_EQ(cache.size(), 0u);
}

TEST_F(CertificateCacheTest, Bounded) {
    CertificateCache cache(64);
    const auto key = publicOf(user_);
    for (int i = 0; i < 1000; ++i)
        cache.put(std::to_string(i), {Json::object(), key, "k", kNow + 1}, kNow);
    EXPECT_LE(cache.size(), 64u);
    EXPECT_NE(cache.find("999", kNow), nullptr);
}

TEST_F(CertificateCacheTest, AsksForEachDomainOnceAndOnlyWhenNeeded) {
    Verification v({bundle(idp_), "https://rp.example", "", false, {}}, Api::V2, options_, kNow);
    const auto first = v.advance();
    ASSERT_TRUE(first.has_value());
    EXPECT_EQ(*first, "idp.example");
    auto found = std::make_shared<Discovered>();
    found->type = Discovered::Type::Primary;
    found->authority = "idp.example";
    found->keys = {publicOf(idp_)};
    v.provide(found);
    EXPECT_FALSE(v.advance().has_value());  // issuer and address have one domain
    EXPECT_TRUE(v.result().ok);
    Verification garbage({"a~b", "x", "", false, {}}, Api::V2, options_, kNow);
    EXPECT_FALSE(garbage.advance().has_value());
}

}  // namespace
}  // namespace persona::protocol
