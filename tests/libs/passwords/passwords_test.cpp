#include "libs/passwords/passwords.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace persona::passwords {
namespace {

Options quick(Scheme scheme = Scheme::Bcrypt) {
    Options options;
    options.scheme = scheme;
    options.bcrypt_cost = 4;
    options.argon2_kib = 64;
    options.argon2_passes = 1;
    options.secret = std::string(32, 's');
    return options;
}

Hasher hasher(const Options& options = quick()) {
    auto made = Hasher::create(options);
    EXPECT_TRUE(made) << made.error();
    return std::move(*made);
}

TEST(Passwords, LengthIsCountedInUtf16Units) {
    EXPECT_EQ(problemOf("1234567"), "is not in range");
    EXPECT_EQ(problemOf("12345678"), "");
    EXPECT_EQ(problemOf(std::string(80, 'x')), "");
    EXPECT_EQ(problemOf(std::string(81, 'x')), "is not in range");
    std::string fours, threes;
    for (int i = 0; i < 4; ++i) fours += "\U0001F600";  // two units each
    EXPECT_EQ(problemOf(fours), "");
    EXPECT_EQ(problemOf(fours.substr(4)), "is not in range");
    for (int i = 0; i < 80; ++i) threes += "\u20ac";
    EXPECT_EQ(problemOf(threes), "");
    EXPECT_EQ(problemOf(threes + "x"), "is not in range");
    EXPECT_EQ(problemOf(""), "is not in range");
    std::string huge;
    huge.resize(10'000'000, 'x');
    EXPECT_EQ(problemOf(huge), "is not in range");
}

TEST(Passwords, OddOctetsAreRefusedWithoutTrouble) {  // W2
    EXPECT_EQ(problemOf(std::string_view("12345678\0", 9)), "has a NUL");
    for (const char* bad :
         {"1234567\x80", "1234567\xc0\xaf", "1234567\xe0\x80\x80", "1234567\xed\xa0\x80",
          "1234567\xf4\x90\x80\x80", "1234567\xf8", "12345678\xe2\x82", "12345678\xff"})
        EXPECT_EQ(problemOf(bad), "is not valid UTF-8") << bad;
    const auto h = hasher();
    EXPECT_FALSE(h.hash("1234567\xff!"));
    EXPECT_FALSE(h.hash("short"));
    for (const std::string& stored :
         {std::string(), std::string("$2a$"), std::string("$2b$99$") + std::string(53, 'a'),
          std::string("$2b$04$") + std::string(53, '!'), std::string(60, '$'), std::string("*0"),
          std::string("plain"), std::string("hmac-sha256:"),
          std::string("hmac-sha256:hmac-sha256:"),
          std::string("$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHQ$AAAA"),
          std::string("$argon2id$v=19$m=64,t=1,p=1$"), std::string("$argon2id$"),
          std::string(100'000, 'x'), std::string("$2b$04$a\0b", 10), std::string("$1$salt$hash")}) {
        EXPECT_FALSE(h.verify("a good password", stored)) << stored.substr(0, 60);
        (void)h.needsRehash(stored);
    }
}

class EachScheme : public testing::TestWithParam<Scheme> {};

TEST_P(EachScheme, HashesVerifyAndDifferEachTime) {
    const auto h = hasher(quick(GetParam()));
    for (const std::string& password :
         {std::string("correct horse"), std::string("p\u00e4ssw\u00f6rd \U0001F600"),
          std::string(80, 'x')}) {
        const auto one = h.hash(password);
        const auto two = h.hash(password);
        ASSERT_TRUE(one && two) << one.error();
        EXPECT_NE(*one, *two);
        EXPECT_LE(one->size(), 200U);
        EXPECT_TRUE(one->starts_with("hmac-sha256:$"));
        EXPECT_TRUE(h.verify(password, *one));
        EXPECT_FALSE(h.verify(password.substr(0, password.size() - 1) + "?", *one));
        EXPECT_FALSE(h.needsRehash(*one));
    }
}

TEST_P(EachScheme, AnotherDeploymentsSecretVerifiesNothing) {
    auto other = quick(GetParam());
    other.secret = std::string(32, 't');
    const auto stored = hasher(quick(GetParam())).hash("correct horse");
    EXPECT_FALSE(hasher(other).verify("correct horse", *stored));
}

TEST_P(EachScheme, WhatBcryptCannotSeeCountsAllTheSame) {  // W26
    const auto h = hasher(quick(GetParam()));
    std::string base;
    for (int i = 0; i < 30; ++i) base += "\u20ac";  // 90 octets
    const auto stored = h.hash(base + "1");
    EXPECT_TRUE(h.verify(base + "1", *stored));
    EXPECT_FALSE(h.verify(base + "2", *stored));
}

INSTANTIATE_TEST_SUITE_P(Passwords, EachScheme, testing::Values(Scheme::Bcrypt, Scheme::Argon2id));

TEST(Passwords, HashesOfTheOriginalVerifyAsTheyAre) {
    const auto h = hasher();
    // From the test suite of OpenBSD's implementation, and the same under the other prefixes.
    const std::string rest = "05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    for (const char* prefix : {"$2a$", "$2b$", "$2y$"}) {
        EXPECT_FALSE(h.verify("U*U-U*U-", prefix + rest));
    }
    const std::string longer = "05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui";
    const std::string octets =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    for (const char* prefix : {"$2a$", "$2b$", "$2y$"}) {
        EXPECT_TRUE(h.verify(octets, prefix + longer)) << prefix;
        // As the original does: of an old hash only 72 octets count.
        EXPECT_TRUE(h.verify(octets + "chars", prefix + longer)) << prefix;
        EXPECT_FALSE(h.verify(octets.substr(1), prefix + longer)) << prefix;
        EXPECT_TRUE(h.needsRehash(prefix + longer));
    }
}

TEST(Passwords, OtherSettingsAskForARehash) {
    auto costlier = quick();
    costlier.bcrypt_cost = 5;
    const auto bcrypt = *hasher().hash("correct horse");
    const auto argon = *hasher(quick(Scheme::Argon2id)).hash("correct horse");
    EXPECT_TRUE(hasher(costlier).needsRehash(bcrypt));
    EXPECT_TRUE(hasher(costlier).verify("correct horse", bcrypt));
    EXPECT_TRUE(hasher().needsRehash(argon));
    EXPECT_TRUE(hasher().verify("correct horse", argon));
    EXPECT_TRUE(hasher(quick(Scheme::Argon2id)).needsRehash(bcrypt));
    auto more = quick(Scheme::Argon2id);
    more.argon2_passes = 2;
    EXPECT_TRUE(hasher(more).needsRehash(argon));
}

TEST(Passwords, SettingsOutOfRangeAreRefusedByName) {
    const auto error = [](auto change) {
        auto options = quick();
        change(options);
        const auto made = Hasher::create(options);
        return made ? std::string("accepted") : made.error();
    };
    EXPECT_NE(error([](Options& o) { o.bcrypt_cost = 3; }).find("cost"), std::string::npos);
    EXPECT_NE(error([](Options& o) { o.bcrypt_cost = 32; }).find("cost"), std::string::npos);
    EXPECT_NE(error([](Options& o) { o.argon2_kib = 7; }).find("memory"), std::string::npos);
    EXPECT_NE(error([](Options& o) { o.argon2_passes = 0; }).find("passes"), std::string::npos);
    EXPECT_NE(error([](Options& o) { o.secret = "short"; }).find("secret"), std::string::npos);
}

TEST(Passwords, OneHasherServesManyThreads) {
    const auto h = hasher();
    const auto stored = *h.hash("correct horse");
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i)
        threads.emplace_back([&] {
            for (int n = 0; n < 5; ++n) {
                EXPECT_TRUE(h.verify("correct horse", stored));
                EXPECT_FALSE(h.verify("wrong horses", stored));
                h.verifyDummy("whatever it is");
                h.verifyDummy("\xff");
            }
        });
}

TEST(Passwords, TheDummyCostsWhatAVerifyCosts) {  // W6: counted in processor time, not by the wall
    auto options = quick();
    options.bcrypt_cost = 8;
    const auto h = hasher(options);
    const auto stored = *h.hash("correct horse");
    const auto ticks = [](auto act) {
        timespec from{}, to{};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
        for (int i = 0; i < 10; ++i) act();
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
        return static_cast<double>(to.tv_sec - from.tv_sec) +
               static_cast<double>(to.tv_nsec - from.tv_nsec) / 1e9;
    };
    const double real = ticks([&] { (void)h.verify("wrong horses", stored); });
    const double dummy = ticks([&] { h.verifyDummy("wrong horses"); });
    EXPECT_GT(dummy, real / 2);
    EXPECT_LT(dummy, real * 2);
}

}  // namespace
}  // namespace persona::passwords
