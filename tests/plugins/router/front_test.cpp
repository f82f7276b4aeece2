#include "plugins/router/front.h"

#include <gtest/gtest.h>

namespace persona::router {
namespace {

TEST(Front, AuthoritiesHaveOneSpelling) {
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

TEST(Front, NoClientSpeaksForTheRouter) {
    for (const auto* name :
         {"X-Persona-Role", "x-persona-signature", "X-PERSONA-ANYTHING", "X-Forwarded-For",
          "x-forwarded-proto", "X-Forwarded-Host", "X-Real-IP", "x-request-id", "Forwarded",
          "BID-AA-Outcome", "bid-aa-cost-us"})
        EXPECT_TRUE(isInternalField(name)) << name;
    for (const auto* name : {"", "X", "Host", "Cookie", "X-Persona", "X-Requested-With",
                             "X-Request-Identity", "BrowserID-git-sha", "From", "Forwarded-By"})
        EXPECT_FALSE(isInternalField(name)) << name;
}

TEST(Front, OnlyTheOriginOfARefererIsKept) {
    EXPECT_EQ(originOf("https://site.example/path?token=x#y"), "https://site.example");
    EXPECT_EQ(originOf("https://site.example"), "https://site.example");
    EXPECT_EQ(originOf("https://site.example?x"), "https://site.example");
    for (const auto* none : {"", "site.example/x", "https://", "about:blank"})
        EXPECT_EQ(originOf(none), "") << none;
}

TEST(Front, SignInPagesAreEvents) {
    EXPECT_EQ(signInEvent("/sign_in", ""), "signin");
    EXPECT_EQ(signInEvent("/sign_in", "AUTH_RETURN"), "idp.auth_return");
    EXPECT_EQ(signInEvent("/sign_in", "AUTH_RETURN_CANCEL"), "idp.auth_cancel");
    EXPECT_EQ(signInEvent("/sign_in", "other"), "");
    EXPECT_EQ(signInEvent("/sign_in/", ""), "");
    EXPECT_EQ(signInEvent("/", ""), "");
}

}  // namespace
}  // namespace persona::router
