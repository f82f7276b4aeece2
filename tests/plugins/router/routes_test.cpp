#include "plugins/router/routes.h"

#include <gtest/gtest.h>

namespace persona::router {
namespace {

TEST(Routes, EveryCallGoesToItsRole) {
    for (const auto& c : wsapi::endpoints()) {
        const auto path = "/wsapi/" + std::string(c.name);
        const auto choice = choose(c.method, path);
        EXPECT_EQ(choice.kind, c.internal()                ? Choice::Internal
                               : wsapi::servedBy(c, false) ? Choice::Read
                                                           : Choice::Write)
            << c.name;
        EXPECT_EQ(choice.call, &c);
        for (const auto* wrong : {"HEAD", "OPTIONS", "PUT", "get"})
            EXPECT_EQ(choose(wrong, path).kind, Choice::Unknown) << c.name << " " << wrong;
        EXPECT_EQ(choose(c.method == "GET" ? "POST" : "GET", path).kind, Choice::Unknown) << c.name;
        EXPECT_EQ(choose(c.method, path + "/").kind, Choice::Unknown) << c.name;
        EXPECT_EQ(choose(c.method, path + "/x").kind, Choice::Unknown) << c.name;
    }
}

TEST(Routes, WhatIsNoApiGoesToStatic) {
    for (const auto* path : {"/", "/wsapi", "/wsapi/", "/wsapix", "/wsapi-x", "/WSAPI/ping",
                             "/include.js", "/%77sapi/ping"})
        EXPECT_EQ(choose("GET", path).kind, Choice::Static) << path;
}

TEST(Routes, UnknownCallsAreRefused) {
    for (const auto* path :
         {"/wsapi/nope", "/wsapi/PING", "/wsapi.ping", "/wsapi//ping", "/wsapi/session_contex"})
        EXPECT_EQ(choose("GET", path).kind, Choice::Unknown) << path;
}

}  // namespace
}  // namespace persona::router
