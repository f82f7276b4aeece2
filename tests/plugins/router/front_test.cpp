#include "plugins/router/front.h"

#include <gtest/gtest.h>

namespace persona::router {
namespace {

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
