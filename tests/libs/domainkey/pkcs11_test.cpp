#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "libs/domainkey/files.h"
#include "libs/domainkey/key_ring.h"
#include "libs/protocol/token.h"

/// Signing with a PKCS#11 token: SoftHSM, with a token of this test's own.
namespace persona::domainkey {
namespace {

using protocol::Algorithm;

constexpr const char *kModule = "/usr/lib/softhsm/libsofthsm2.so", *kPin = "5823-secret";
constexpr std::int64_t kStart = 4'000'000'000'000;

/// One token for the program: a module is initialised once in a process.
class Token : public ::testing::Test {
  protected:
    static void SetUpTestSuite() {
        char pattern[] = "/tmp/persona-hsm-XXXXXX";
        directory_ = ::mkdtemp(pattern);
        ASSERT_EQ(::mkdir((directory_ + "/tokens").c_str(), 0700), 0);
        std::ofstream(directory_ + "/conf")
            << "directories.tokendir = " << directory_ << "/tokens\nobjectstore.backend = file\n";
        ::setenv("SOFTHSM2_CONF", (directory_ + "/conf").c_str(), 1);
        const std::string command =
            "softhsm2-util --init-token --free --label persona --so-pin "
            "12345678 --pin " +
            std::string(kPin) + " > " + directory_ + "/out 2>&1";
        ASSERT_EQ(std::system(command.c_str()), 0) << *readFile(directory_ + "/out");
    }
    static void TearDownTestSuite() {
        const std::string command = "rm -rf " + directory_;
        EXPECT_EQ(std::system(command.c_str()), 0);
    }
    static Pkcs11Options options(const std::string& label) {
        return {kModule, "persona", label, directory_ + "/" + label + ".rotate"};
    }
    static Result<std::unique_ptr<KeyRing>> open(const std::string& label, Algorithm algorithm,
                                                 std::int64_t now) {
        auto store = pkcs11KeyStore(options(label), kPin);
        if (!store) return Error{store.error()};
        RingOptions ring;
        ring.public_file = directory_ + "/" + label + ".json";
        ring.algorithm = algorithm;
        ring.lead_ms = 1'000;
        ring.keep_ms = 10'000;
        return KeyRing::open(std::move(*store), ring, now);
    }
    static inline std::string directory_;
};

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
