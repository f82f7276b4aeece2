#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "plugins/verifier/verifier_api.h"

/// The verifier's API without a network: its table of statuses and reasons (protocol.md 3.1).
namespace persona::verifier {
namespace {

class VerifierApi : public ::testing::Test {
  protected:
    ApiAnswer ask(std::string_view path, std::string_view type, std::string_view body,
                  std::string_view query = "", std::string_view method = "POST") {
        const auto read = readRequest({method, path, query, type, body});
        if (const auto* a = std::get_if<ApiAnswer>(&read)) return *a;
        const auto& q = std::get<Question>(read);
        return answerOf(verify(q.request, q.api, protocol::VerifyOptions{}, 1'400'000'000'000,
                               [](const std::string&) { return protocol::Discovered{}; }),
                        q.api);
    }
};

constexpr const char* kForm = "application/x-www-form-urlencoded";
constexpr const char* kJson = "application/json";

TEST_F(VerifierApi, OnlyPost) {
    for (const auto* method : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}) {
        const auto a = ask("/verify", "", "", "", method);
        EXPECT_EQ(a.status, 405u) << method;
        EXPECT_TRUE(a.allow_post) << method;
    }
}

TEST_F(VerifierApi, Version1MissingParameters) {
    EXPECT_EQ(ask("/verify", kForm, "").status, 400u);
    EXPECT_EQ(ask("/verify", kForm, "assertion=a").body,
              R"({"status":"failure","reason":"need assertion and audience"})");
    EXPECT_EQ(ask("/verify", "Application/JSON; charset=x", "{}").status, 400u);
    const auto a = ask("/verify", "text/plain", "assertion=a&audience=b");
    EXPECT_EQ(a.status, 415u);
    EXPECT_EQ(
        a.body,
        R"({"status":"failure","reason":"Content-Type expected to be one of: application/x-www-form-urlencoded, application/json"})");
}

TEST_F(VerifierApi, Version1QueryWinsAndNeedsNoContentType) {
    EXPECT_EQ(ask("/verify", "", "", "assertion=a&audience=b").body,
              R"({"status":"failure","reason":"no certificates provided"})");
    EXPECT_EQ(ask("/verify", kJson, R"({"assertion":"a~b","audience":"b"})", "assertion=a").body,
              R"({"status":"failure","reason":"no certificates provided"})");
}

TEST_F(VerifierApi, BadBodies) {
    for (const auto* body : {"{", "[]", "\"x\"", "{\"a\":1,\"a\":2}", "nul"})
        EXPECT_EQ(ask("/verify", kJson, body).status, 400u) << body;
    EXPECT_EQ(ask("/verify", kForm, "assertion=%zz").status, 400u);
    EXPECT_EQ(ask("/verify", kForm, std::string(kMaxBody + 1, 'a')).status, 413u);
    EXPECT_EQ(ask("/verify", kJson, R"({"assertion":777,"audience":"x"})").body,
              R"({"status":"failure","reason":"malformed backed assertion"})");
}

TEST_F(VerifierApi, Version2) {
    EXPECT_EQ(ask("/v2", kForm, "assertion=a").status, 415u);
    EXPECT_EQ(
        ask("/v2", "", "{}").body,
        R"x({"status":"failure","reason":"Unsupported Content-Type: none (expected application/json)"})x");
    EXPECT_EQ(
        ask("/v2", "text/\xff\n", "{}").body,
        R"x({"status":"failure","reason":"Unsupported Content-Type: text/?? (expected application/json)"})x");
    EXPECT_EQ(ask("/v2", kJson, "{}").body,
              R"({"status":"failure","reason":"missing assertion parameter"})");
    EXPECT_EQ(ask("/v2", kJson, R"({"assertion":"a"})").body,
              R"({"status":"failure","reason":"missing audience parameter"})");
    EXPECT_EQ(ask("/v2", kJson, R"({"assertion":"a","audience":"b","trustedIssuers":"x"})").body,
              R"({"status":"failure","reason":"trusted issuers must be an array"})");
    EXPECT_EQ(ask("/v2", kJson, R"({"assertion":"a","audience":"b","trustedIssuers":[1]})").body,
              R"({"status":"failure","reason":"trusted issuers must be an array of strings"})");
    EXPECT_EQ(ask("/v2", kJson, R"({"assertion":"a","audience":"b"})").body,
              R"({"status":"failure","reason":"no certificates provided"})");
}

}  // namespace
}  // namespace persona::verifier
