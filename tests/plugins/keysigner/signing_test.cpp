#include "plugins/keysigner/signing.h"

#include <gtest/gtest.h>

#include <functional>

#include "libs/protocol/token.h"
#include "tests/support/temp_dir.h"

/// Certificates while the domain's key changes or does not sign.
namespace persona::keysigner {
namespace {

using protocol::Algorithm;

constexpr std::int64_t kStart = 4'000'000'000'000, kLead = 1'000;

/// A key that does what a token's may: not sign, and be replaced at any moment.
struct Behaviour {
    bool signs = true;
    std::function<void()> before;  ///< once, when it is asked to sign
    int asked = 0;
};

class TokenKey final : public protocol::Signer {
  public:
    explicit TokenKey(std::shared_ptr<Behaviour> behaviour) : behaviour_(std::move(behaviour)) {}
    [[nodiscard]] Algorithm algorithm() const override { return key_.algorithm(); }
    [[nodiscard]] Result<protocol::PublicKey> publicKey() const override {
        return key_.publicKey();
    }
    [[nodiscard]] Result<std::string> sign(std::string_view message) const override {
        ++behaviour_->asked;
        if (const auto before = std::exchange(behaviour_->before, {})) before();
        if (!behaviour_->signs) return Error{"CKR_SESSION_HANDLE_INVALID"};
        return key_.sign(message);
    }

  private:
    const protocol::SecretKey key_ = *protocol::SecretKey::generate(Algorithm::ES256);
    const std::shared_ptr<Behaviour> behaviour_;
};

class TokenStore final : public domainkey::KeyStore {
  public:
    using Key = std::shared_ptr<const domainkey::DomainKey>;
    TokenStore() {
        current_ = make(behaviour);
        next_ = make(std::make_shared<Behaviour>());
    }
    Result<Key> load(domainkey::Slot slot, std::int64_t /*now_ms*/) override {
        return slot == domainkey::Slot::Current ? current_ : next_;
    }
    std::string generate(domainkey::Slot /*slot*/, Algorithm /*algorithm*/) override { return ""; }
    std::string promote() override {
        if (next_ != nullptr) current_ = std::exchange(next_, nullptr);
        behaviour->signs = false;
        return "";
    }
    bool takeRequest() override { return false; }

    const std::shared_ptr<Behaviour> behaviour = std::make_shared<Behaviour>();  ///< of the first

  private:
    static Key make(const std::shared_ptr<Behaviour>& behaviour) {
        const auto signer = std::make_shared<const TokenKey>(behaviour);
        return std::make_shared<const domainkey::DomainKey>(
            domainkey::DomainKey{signer, *signer->publicKey(), kStart});
    }
    Key current_, next_;
};

class KeyThatChanges : public ::testing::Test {
  protected:
    void SetUp() override {
        auto store = std::make_unique<TokenStore>();
        behaviour_ = store->behaviour;
        domainkey::RingOptions o;
        o.public_file = dir_ / "public.json";
        o.lead_ms = kLead;
        auto ring = domainkey::KeyRing::open(std::move(store), o, kStart);
        ASSERT_TRUE(ring.ok()) << ring.error();
        ring_ = std::move(*ring);
        signing_ = std::make_unique<Signing>(*ring_);
        options_.issuer = "login.example";
        options_.keys.allow_es256 = true;
    }
    void promote() const {
        const auto done = ring_->advance(kStart + kLead);
        ASSERT_TRUE(done.ok()) << done.error();
    }
    CertifyAnswer certify(const protocol::PublicKey& key) {
        return signing_->certify("application/json",
                                 protocol::Json::object()
                                     .add("email", "a@mail.example")
                                     .add("pubkey", key.canonical())
                                     .add("ephemeral", false)
                                     .dump(),
                                 options_, kStart);
    }
    CertifyAnswer certify() { return certify(*user_.publicKey()); }

    testing::TempDir dir_;
    std::shared_ptr<Behaviour> behaviour_;
    std::unique_ptr<domainkey::KeyRing> ring_;
    std::unique_ptr<Signing> signing_;
    CertifyOptions options_;
    const protocol::SecretKey user_ = *protocol::SecretKey::generate(Algorithm::ES256);
};

TEST_F(KeyThatChanges, ACallThatHoldsTheOldKeyIsSignedWithTheNewOne) {
    behaviour_->before = [&] { promote(); };
    const auto answer = certify();
    ASSERT_EQ(answer.status, 200U) << answer.body << answer.trouble;
    const auto token = protocol::Token::parse(answer.body);
    ASSERT_TRUE(token.has_value());
    EXPECT_EQ(token->verify(ring_->current()->public_key), protocol::Token::Check::Good);
    EXPECT_EQ(behaviour_->asked, 1);
}

TEST_F(KeyThatChanges, NoKeyOfTheDomainIsCertified) {
    const auto old = ring_->current()->public_key;
    const auto next = ring_->published()->others.at(0).key;
    for (const auto& key : {old, next}) EXPECT_EQ(certify(key).status, 400U) << key.canonical();
    promote();
    ASSERT_FALSE(ring_->published()->others.at(0).is_next);
    for (const auto& key : {old, next}) {
        const auto answer = certify(key);
        EXPECT_EQ(answer.status, 400U) << key.canonical();
        EXPECT_NE(answer.body.find("own key"), std::string::npos) << answer.body;
    }
    EXPECT_EQ(certify().status, 200U);
}

TEST_F(KeyThatChanges, AKeyThatDoesNotSignIsUnhealthy) {
    behaviour_->signs = false;
    for (int i = 0; i < 2; ++i) {
        const auto answer = certify();
        EXPECT_EQ(answer.status, 500U);
        EXPECT_EQ(answer.body.find("CKR"), std::string::npos) << "callers learn nothing of it";
        EXPECT_NE(answer.trouble.find("CKR_SESSION_HANDLE_INVALID"), std::string::npos);
        EXPECT_EQ(signing_->trouble(), "") << "it may be chance";
    }
    EXPECT_EQ(behaviour_->asked, 2) << "health costs no signature before there are failures";
    certify();
    const auto trouble = signing_->trouble();
    EXPECT_NE(trouble.find("CKR_SESSION_HANDLE_INVALID"), std::string::npos) << trouble;
    EXPECT_NE(trouble.find("restart keysigner"), std::string::npos) << trouble;
    // Callers may be kept away from what is unhealthy.
    behaviour_->signs = true;
    EXPECT_EQ(signing_->trouble(), "");
    behaviour_->signs = false;
    certify();
    EXPECT_EQ(signing_->trouble(), "") << "counted anew";
}

TEST_F(KeyThatChanges, FailuresCountInSuccession) {
    for (int i = 0; i < 5; ++i) {
        behaviour_->signs = false;
        certify();
        behaviour_->signs = true;
        EXPECT_EQ(certify().status, 200U);
    }
    behaviour_->signs = false;
    EXPECT_EQ(signing_->trouble(), "");
}

}  // namespace
}  // namespace persona::keysigner
