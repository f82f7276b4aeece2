#include "libs/wsapi/arguments.h"

#include <gtest/gtest.h>

namespace persona::wsapi {
namespace {

using protocol::Json;

const std::string kInteger = "7";

std::string check(Type type, const std::string& json) {
    const auto value = Json::parse(json);
    EXPECT_TRUE(value) << json;
    return value ? checkType(type, *value) : "not JSON";
}
std::string text(const std::string& s) {
    std::string out;
    protocol::appendJsonString(out, s);
    return out;
}

TEST(ArgumentTypes, TextsOfTheSpecification) {
    struct Row {
        Type type;
        std::string json, error;
    };
    const std::string a8(8, 'a'),
        range = "ValidatorError: String is not in range",
        chars = "ValidatorError: Invalid characters", email = "ValidatorError: Invalid email",
        origin = "Error: not a valid origin", color = "ValidatorError: Invalid hexcolor";
    const std::vector<Row> rows{
        {Type::Email, text("a.b+c@mail.example"), ""},
        {Type::Email, text("a@b"), email},
        {Type::Email, text("a b@mail.example"), email},
        {Type::Email, text("a@[127.0.0.1]"), email},
        {Type::Email,
         text(std::string(64, 'a') + "@" + std::string(61, 'b') + "." + std::string(61, 'c') + "." +
              std::string(61, 'd') + ".eee"),
         ""},
        {Type::Email,
         text(std::string(64, 'a') + "@" + std::string(61, 'b') + "." + std::string(61, 'c') + "." +
              std::string(61, 'd') + ".eeee"),
         email},
        {Type::Email, "7", email},
        {Type::Email, "[\"a@mail.example\"]", email},
        {Type::Email, "null", email},
        {Type::EmailType, text("primary"), ""},
        {Type::EmailType, text("tertiary"), "ValidatorError: Unexpected value or invalid argument"},
        {Type::UserId, "1", ""},
        {Type::UserId, "9007199254740991", ""},
        {Type::UserId, "9007199254740992", "ValidatorError: Invalid integer"},
        {Type::UserId, "0", "ValidatorError: Invalid integer"},
        {Type::UserId, "1.5", "ValidatorError: Invalid integer"},
        {Type::UserId, text("1"), "ValidatorError: Invalid integer"},
        {Type::Password, text(a8), ""},
        {Type::Password, text("1234567"), range},
        {Type::Password, text(std::string(80, 'x')), ""},
        {Type::Password, text(std::string(81, 'x')), range},
        {Type::Password, "12345678", range},
        {Type::Password, "[\"12345678\"]", range},
        // Four astral characters are eight UTF-16 units; forty-one are too many.
        {Type::Password, text("\xF0\x9F\x94\x91\xF0\x9F\x94\x91\xF0\x9F\x94\x91\xF0\x9F\x94\x91"),
         ""},
        {Type::Password, text("\xF0\x9F\x94\x91\xF0\x9F\x94\x91\xF0\x9F\x94\x91"), range},
        {Type::Password, "\"1234567\\u0000\"", chars},
        {Type::Boolean, "true", ""},
        {Type::Boolean, text("true"), "boolean required"},
        {Type::Boolean, "1", "boolean required"},
        {Type::Token, text(std::string(48, 'a')), ""},
        {Type::Token, text(std::string(47, 'a')), range},
        {Type::Token, text(std::string(47, 'a') + "-"), chars},
        {Type::Assertion, text(std::string(50, 'a')), ""},
        {Type::Assertion, text(std::string(49, 'a')), range},
        {Type::Assertion, text(std::string(10'241, 'a')), range},
        {Type::Assertion, text(std::string(50, '!')), chars},
        {Type::PublicKey, text("{\"algorithm\":\"RS\",\"n\":\"" + std::string(30, '1') + "\"}"),
         ""},
        {Type::PublicKey, text(std::string(60, 'x')), "SyntaxError: Unexpected token x"},
        {Type::PublicKey, text("{}"), range},
        {Type::HostName, text("localhost"), ""},
        {Type::HostName, text("a-b.example"), ""},
        {Type::HostName, text("127.0.0.1"), ""},
        {Type::HostName, text("127.0.0.256"), chars},
        {Type::HostName, text("127.0.1"), chars},
        {Type::HostName, text("a.example:80"), chars},
        {Type::HostName, text("a.example."), chars},
        {Type::HostName, text("-a.example"), chars},
        {Type::HostName, text(""), chars},
        {Type::Origin, text("https://site.example"), ""},
        {Type::Origin, text("HTTP://Site.example:8080"), ""},
        {Type::Origin, text("app://site"), ""},
        {Type::Origin, text("https://site.example/"), origin},
        {Type::Origin, text("ftp://site.example"), origin},
        {Type::Origin, text("https://site.example:"), origin},
        {Type::Origin, text("https://site.example:8x"), origin},
        {Type::Origin, text("https://-site.example"), origin},
        {Type::Origin, text("https://site..example"), origin},
        {Type::Origin, text("javascript:alert(1)"), origin},
        {Type::Origin, kInteger, origin},
        {Type::Color, text("#fff"), ""},
        {Type::Color, text("A0b1C2"), ""},
        {Type::Color, text("#ffff"), color},
        {Type::Color, text("ggg"), color},
        {Type::Image, text("https://site.example/logo.png"), ""},
        {Type::Image, text("http://site.example/logo.png"),
         "Error: images must be served over https."},
        {Type::Image, text("logo.png"), "Error: not a valid image"},
        {Type::Image, text("https://a\" onload=x"), "Error: not a valid image"},
        {Type::Image, "true", "Error: not a valid image"},
    };
    for (const auto& row : rows) EXPECT_EQ(check(row.type, row.json), row.error) << row.json;
}

TEST(Arguments, DeclaredOrderThenLeftOvers) {
    const auto& e = *findEndpoint("authenticate_user");
    const auto why = [&](const std::string& json) { return checkArguments(e, *Json::parse(json)); };
    EXPECT_EQ(why("{}"), "missing required parameter: 'email'");
    EXPECT_EQ(why(R"({"email":"x","pass":7,"foo":1})"), "email: ValidatorError: Invalid email");
    EXPECT_EQ(why(R"({"email":"a@b.example","pass":null})"),
              "pass: ValidatorError: String is not in range");
    EXPECT_EQ(why(R"({"email":"a@b.example","pass":"12345678"})"),
              "missing required parameter: 'ephemeral'");
    const std::string good = R"("email":"a@b.example","pass":"12345678","ephemeral":false)";
    EXPECT_EQ(why("{" + good + R"(,"csrf":"x"})"), "");
    EXPECT_EQ(why("{" + good + R"(,"foo":1,"bar":2})"),
              "extra parameters are not allowed: foo, bar");
    EXPECT_EQ(checkArguments(*findEndpoint("list_emails"), *Json::parse(R"({"any":1})")), "");
}

TEST(Arguments, BodiesAndQueries) {
    const auto read = [](const char* method, const char* query, const char* type,
                         const std::string& body) {
        const auto p = readParameters(method, query, type, body);
        return p ? p->dump() : "error: " + p.error();
    };
    EXPECT_EQ(read("GET", "email=a%40b.example&x=", "application/json", "{\"y\":1}"),
              R"({"email":"a@b.example","x":""})");
    EXPECT_EQ(read("POST", "q=1", "application/json; charset=utf-8", R"({"a":true})"),
              R"({"a":true})");
    EXPECT_EQ(read("POST", "", "application/x-www-form-urlencoded", "a=true&b=x+y"),
              R"({"a":"true","b":"x y"})");
    EXPECT_EQ(read("POST", "", "text/plain", "a=1"), "{}");
    EXPECT_EQ(read("POST", "", "application/json", ""), "{}");
    for (const auto* bad : {"null", "[]", "{", "7", "{\"a\":1,\"a\":2}", "{\"a\":1} x"})
        EXPECT_EQ(read("POST", "", "application/json", bad), "error: the body is not a JSON object")
            << bad;
    EXPECT_EQ(read("POST", "", "application/x-www-form-urlencoded", "a=%zz"),
              "error: malformed form");
    EXPECT_EQ(read("GET", "a=1&a=2", "", ""), "error: a parameter is given twice");
}

}  // namespace
}  // namespace persona::wsapi
