#include "libs/wsapi/authority.h"

#include <gtest/gtest.h>

namespace persona::wsapi {
namespace {

TEST(Authority, HasOneSpelling) {
    EXPECT_EQ(authorityOf("https://Verifier.Example"), "verifier.example");
    EXPECT_EQ(authorityOf("https://verifier.example:443/x"), "verifier.example");
    EXPECT_EQ(authorityOf("http://verifier.example:443"), "verifier.example:443");
    EXPECT_EQ(authorityOf("http://127.0.0.1:10000"), "127.0.0.1:10000");
    EXPECT_EQ(authorityOf("verifier.example"), "");
    EXPECT_TRUE(sameAuthority("VERIFIER.example", "verifier.example", "https"));
    EXPECT_TRUE(sameAuthority("verifier.example:443", "verifier.example", "https"));
    EXPECT_FALSE(sameAuthority("verifier.example:443", "verifier.example", "http"));
    EXPECT_FALSE(sameAuthority("verifier.example.evil", "verifier.example", "https"));
    EXPECT_FALSE(sameAuthority("averifier.example", "verifier.example", "https"));
    EXPECT_FALSE(sameAuthority("", "verifier.example", "https"));
}

TEST(Authority, OfTheVerifierIsItsOwnOrNone) {
    const auto of = verifierAuthority;
    EXPECT_EQ(of("https://verifier.example", "https://login.example"), "verifier.example");
    EXPECT_EQ(of("https://login.example:8443", "https://login.example"), "login.example:8443");
    EXPECT_EQ(of("https://Login.example:443/", "https://login.example"), "");
    EXPECT_EQ(of("", "https://login.example"), "");
    EXPECT_EQ(of("https://verifier.example", ""), "verifier.example");
}

}  // namespace
}  // namespace persona::wsapi
