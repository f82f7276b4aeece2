#include "plugins/antiabuse/args.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "libs/protocol/json.h"
#include "libs/wsapi/form.h"

namespace persona::antiabuse {
namespace {

struct Read {
    Args args;
    bool ok = false;
    static Read form(std::string_view text) {
        Read r;
        r.args.begin(text.size());
        r.ok = r.args.readForm(text);
        return r;
    }
    static Read json(std::string_view text) {
        Read r;
        r.args.begin(text.size());
        r.ok = r.args.readJson(text);
        return r;
    }
};

TEST(Args, FormsAreDecoded) {
    const std::string text = "email=a%2Bb%40c.org&pass=x+y&&empty=&bare";
    const auto r = Read::form(text);
    ASSERT_TRUE(r.ok);
    EXPECT_EQ(r.args.size(), 4U);
    EXPECT_EQ(r.args.find("email"), "a+b@c.org");
    EXPECT_EQ(r.args.find("pass"), "x y");
    EXPECT_EQ(r.args.find("none"), "");
    for (const auto* bad : {"a=%4", "a=%zz", "a=1&a=2", "%=1"}) EXPECT_FALSE(Read::form(bad).ok);
}

TEST(Args, JsonIsDecoded) {
    const std::string text =
        R"( {"email":"a\u0040b.org","n":12.5e3,"t":true,"deep":{"a":[1,{"b":"}"}]},"s":"\ud83d\ude00\n\""} )";
    const auto r = Read::json(text);
    ASSERT_TRUE(r.ok);
    EXPECT_EQ(r.args.find("email"), "a@b.org");
    EXPECT_EQ(r.args.find("n"), "12.5e3");
    EXPECT_EQ(r.args.find("t"), "true");
    EXPECT_EQ(r.args.find("deep"), "");
    EXPECT_EQ(r.args.find("s"), "\xf0\x9f\x98\x80\n\"");
    EXPECT_TRUE(Read::json("").ok);
    EXPECT_TRUE(Read::json("{}").ok);
    EXPECT_EQ(Read::json(R"({"\u0065mail":"x"})").args.find("email"), "x");
}

TEST(Args, WhatIsNoObjectIsNotTaken) {
    for (const auto* bad :
         {"[]", "1", "{", "{\"a\"}", "{\"a\":}", "{\"a\":\"b}", "{\"a\":1,}", "{\"a\":1}x",
          "{\"a\":1,\"a\":2}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}", "{\"a\":\"\\ud800\"}",
          "{\"a\":\"\\udc00\"}", "{\"a\":\"\n\"}", "{a:1}", "{\"a\":1 \"b\":2}", "{,}", "\"\\",
          "{\"a\":\"\\"})
        EXPECT_FALSE(Read::json(bad).ok) << bad;
}

TEST(Args, BoundsAreKept) {
    std::string form, object = "{", deep = "{\"a\":";
    for (int i = 0; i < 33; ++i) {
        form += "k" + std::to_string(i) + "=1&";
        object += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":1";
        if (i == 31) {
            EXPECT_TRUE(Read::form(form).ok);
            EXPECT_TRUE(Read::json(object + "}").ok);
        }
    }
    EXPECT_FALSE(Read::form(form).ok);
    EXPECT_FALSE(Read::json(object + "}").ok);
    EXPECT_TRUE(Read::json(deep + std::string(7, '[') + std::string(7, ']') + "}").ok);
    EXPECT_FALSE(Read::json(deep + std::string(8, '[') + std::string(8, ']') + "}").ok);
    EXPECT_FALSE(Read::json(deep + std::string(9'000, '[')).ok);
}

/// Whatever a role takes and we do too, we read as the role does: nobody shows the one an address
/// and the other another one.
TEST(Args, NeverReadsSomethingElseThanTheRoles) {
    std::mt19937 random(11);
    const std::string seeds[] = {R"({"email":"a\u0040b.org","x":[1,{"y":null}],"pass":"\\\"p"})",
                                 "email=a%40b.org&pass=x+y&csrf=1"};
    const std::string octets = "{}[]\",:\\u0041%+&=ae \n\x01\x80\xff";
    int both = 0;
    for (int i = 0; i < 60'000; ++i) {
        const bool is_json = i % 2 == 0;
        auto text = seeds[is_json ? 0 : 1];
        for (auto n = random() % 4; n-- > 0;) {
            const auto where = random() % text.size();
            switch (random() % 3) {
                case 0:
                    text[where] = octets[random() % octets.size()];
                    break;
                case 1:
                    text.erase(where, 1 + random() % 3);
                    break;
                default:
                    text.insert(where, 1, octets[random() % octets.size()]);
            }
            if (text.empty()) text = " ";
        }
        const auto r = is_json ? Read::json(text) : Read::form(text);
        if (is_json) {
            const auto theirs = protocol::Json::parse(text);
            if (!theirs || !theirs->isObject()) continue;
            ASSERT_TRUE(r.ok) << text;
            for (const auto& [name, value] : theirs->members())
                ASSERT_TRUE(!value.isString() || r.args.find(name) == value.text()) << text;
            ASSERT_EQ(r.args.size(), theirs->members().size()) << text;
        } else {
            const auto theirs = wsapi::parseForm(text);
            if (!theirs) {
                ASSERT_FALSE(r.ok) << text;
                continue;
            }
            if (!r.ok) continue;
            for (const auto& [name, value] : *theirs) ASSERT_EQ(r.args.find(name), value) << text;
        }
        ++both;
    }
    EXPECT_GT(both, 10'000);
}

}  // namespace
}  // namespace persona::antiabuse
