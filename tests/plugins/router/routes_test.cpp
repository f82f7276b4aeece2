#include "plugins/router/routes.h"

#include <gtest/gtest.h>

#include <set>

namespace persona::router {
namespace {

TEST(Routes, EveryCallGoesToItsRole) {
    std::set<std::string_view> names;
    for (const auto& c : calls()) {
        EXPECT_TRUE(names.insert(c.name).second) << c.name;
        const auto path = "/wsapi/" + std::string(c.name);
        EXPECT_EQ(choose(c.method, path).kind, c.internal ? Choice::Internal
                                               : c.writes ? Choice::Write
                                                          : Choice::Read)
            << c.name;
        for (const auto* wrong : {"HEAD", "OPTIONS", "PUT", "get"})
            EXPECT_EQ(choose(wrong, path).kind, Choice::Unknown) << c.name << " " << wrong;
        EXPECT_EQ(choose(c.method == "GET" ? "POST" : "GET", path).kind, Choice::Unknown) << c.name;
        EXPECT_EQ(choose(c.method, path + "/").kind, Choice::Unknown) << c.name;
        EXPECT_EQ(choose(c.method, path + "/x").kind, Choice::Unknown) << c.name;
    }
    EXPECT_EQ(names.size(), 41u);
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
