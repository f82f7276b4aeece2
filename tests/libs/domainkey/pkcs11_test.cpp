#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "libs/protocol/token.h"
#include "tests/libs/domainkey/token_fixture.h"

/// Signing with a PKCS#11 token: SoftHSM, with a token of this test's own.
namespace persona::domainkey {
namespace {

using protocol::Algorithm;
using testing::kModule;
using testing::kPin;
using testing::kStart;
using testing::Token;

TEST_F(Token, SignsAsAKeyInMemoryWould) {
    for (const auto a : {Algorithm::RS256, Algorithm::ES256}) {
        const std::string label = "sign-" + std::string(nameOf(a));
        const auto ring = open(label, a, kStart);
        ASSERT_TRUE(ring.ok()) << ring.error();
        const auto key = (*ring)->current();
        EXPECT_EQ(key->signer->algorithm(), a);
        const auto token = protocol::signToken(*key->signer, "{\"a\":1}");
        ASSERT_TRUE(token.ok()) << token.error();
        const auto parsed = protocol::Token::parse(*token);
        ASSERT_TRUE(parsed.has_value());
        EXPECT_EQ(parsed->verify(key->public_key), protocol::Token::Check::Good);
        // What is published is the same key, and the next start finds it.
        const auto again = open(label, a, kStart + 500);
        ASSERT_TRUE(again.ok()) << again.error();
        EXPECT_EQ((*again)->current()->public_key.canonical(), key->public_key.canonical());
        EXPECT_EQ((*again)->current()->created_ms, kStart) << "the public file remembers";
        EXPECT_EQ(
            parsePublicKeys(*readFile(directory_ + "/" + label + ".json"))->current.canonical(),
            key->public_key.canonical());
    }
}

TEST_F(Token, ManyThreadsSign) {
    const auto ring = open("threads", Algorithm::ES256, kStart);
    ASSERT_TRUE(ring.ok()) << ring.error();
    std::vector<std::thread> threads;
    std::atomic<int> good{0};
    for (int t = 0; t < 8; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 20; ++i) {
                const auto message = std::to_string(t * 100 + i);
                const auto signature = (*ring)->current()->signer->sign(message);
                if (signature && (*ring)->current()->public_key.verify(message, *signature) ==
                                     protocol::PublicKey::Verdict::Good)
                    ++good;
            }
        });
    for (auto& t : threads) t.join();
    EXPECT_EQ(good, 160);
}

TEST_F(Token, Rotates) {
    const auto ring = open("rotate", Algorithm::ES256, kStart);
    ASSERT_TRUE(ring.ok()) << ring.error();
    const auto first = (*ring)->current()->public_key.canonical();
    const auto old = (*ring)->current();
    std::ofstream request(options("rotate").request_file);
    request.close();
    ASSERT_NE(*(*ring)->advance(kStart + 1), "");
    const auto promoted = (*ring)->advance(kStart + 2'000);
    ASSERT_TRUE(promoted.ok()) << promoted.error();
    EXPECT_NE(*promoted, "");
    EXPECT_NE((*ring)->current()->public_key.canonical(), first);
    EXPECT_EQ((*ring)->published()->others.at(0).key.canonical(), first);
    const auto signature = (*ring)->current()->signer->sign("x");
    ASSERT_TRUE(signature.ok()) << signature.error();
    EXPECT_EQ((*ring)->current()->public_key.verify("x", *signature),
              protocol::PublicKey::Verdict::Good);
    EXPECT_FALSE(old->signer->sign("x").ok()) << "the old key is destroyed";
}

TEST_F(Token, ErrorsNameTheRemedyAndNeverThePin) {
    auto o = options("errors");
    const auto wrong = pkcs11KeyStore(o, "9999-wrong");
    ASSERT_FALSE(wrong.ok());
    EXPECT_NE(wrong.error().find("CKR_PIN_INCORRECT"), std::string::npos) << wrong.error();
    EXPECT_EQ(wrong.error().find("9999"), std::string::npos);
    o.token = "no such token";
    const auto missing = pkcs11KeyStore(o, kPin);
    ASSERT_FALSE(missing.ok());
    EXPECT_NE(missing.error().find("its tokens are: persona"), std::string::npos)
        << missing.error();
    o.module = "/nowhere/module.so";
    EXPECT_NE(pkcs11KeyStore(o, kPin).error().find("/nowhere/module.so"), std::string::npos);
    o.module = "libcrypto.so.3";
    EXPECT_NE(pkcs11KeyStore(o, kPin).error().find("not a PKCS#11 module"), std::string::npos);
}

}  // namespace
}  // namespace persona::domainkey
