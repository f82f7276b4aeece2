#include "persona/testing/harness.hpp"

#include <gmock/gmock.h>

#include "persona/testing/conformance.hpp"

namespace persona::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;

const std::string kFilter = PERSONA_BUILD_DIR "/tests/modules/harness_filter.so";

Script post(std::size_t octets) {
    Script s;
    s.method = "POST";
    s.target = "/x?y";
    s.body = {std::string(octets, 'x')};
    s.upstream_status = 201;
    s.upstream_body = {"made"};
    return s;
}

Outcome runWith(const std::string& what, const Script& script) {
    Harness h(kFilter, "do: " + what);
    return h.run(script);
}

TEST(Harness, aFilterThatLetsPass) {
    const auto o = runWith("header", post(10));
    EXPECT_EQ(o.status, 201u);
    EXPECT_EQ(o.response_body, "made");
    EXPECT_EQ(o.request_body, std::string(10, 'x'));
    EXPECT_THAT(o.request_headers, Contains(Pair("x-seen", "yes")));
    EXPECT_THAT(o.response_headers, Contains(Pair("x-passed", "yes")));
    EXPECT_EQ(o.local_reply, "");
    EXPECT_EQ(o.fault, "");
    EXPECT_TRUE(o.completed);
}

TEST(Harness, aFilterThatReplies) {
    for (const auto* what : {"reply", "pause-reply"}) {
        const auto o = runWith(what, post(10));
        EXPECT_EQ(o.status, 418u) << what;
        EXPECT_EQ(o.response_body, "short and stout") << what;
        EXPECT_EQ(o.local_reply, "filter") << what;
        EXPECT_EQ(o.fault, "") << what;
    }
}

TEST(Harness, aPauseEndsFromAnotherThreadAndAStaleResumeDoesNothing) {
    const auto o = runWith("pause", post(10));
    EXPECT_EQ(o.status, 201u);
    EXPECT_EQ(o.fault, "");
}

TEST(Harness, aPauseCanBeLeftByTheClientAndByTheDeadline) {
    Harness h(kFilter, "do: pause-long");
    auto left = h.open(post(1));
    EXPECT_TRUE(left.isPaused());
    left.cancel();
    EXPECT_EQ(left.outcome().status, 0u);
    EXPECT_TRUE(left.outcome().completed);
    auto denied = h.open(post(1));
    denied.passPauseDeadline(false);
    EXPECT_EQ(denied.outcome().status, 503u);
    auto allowed = h.open(post(1));
    allowed.passPauseDeadline(true);
    EXPECT_EQ(allowed.outcome().status, 201u);
    auto forgotten = h.open(post(1));
    EXPECT_FALSE(forgotten.finish(std::chrono::milliseconds(20)));
}

TEST(Harness, whatAFilterDoesWrongIsNamed) {
    const std::pair<const char*, const char*> kCases[] = {
        {"fail", "returned FAIL"},
        {"unknown", "unknown result"},
        {"no-reply", "without respond()"},
        {"reply-and-go-on", "returned CONTINUE"},
        {"pause-without-token", "without pause_token()"}};
    for (const auto& [what, says] : kCases) {
        const auto o = runWith(what, post(1));
        EXPECT_THAT(o.fault, HasSubstr(says)) << what;
        EXPECT_TRUE(o.completed) << what;
    }
    EXPECT_EQ(runWith("fail", post(1)).status, 503u);
}

TEST(Harness, aBodyOverTheDeclaredBoundIs413) {
    EXPECT_EQ(runWith("continue", post(1024)).status, 201u);
    const auto o = runWith("continue", post(1025));
    EXPECT_EQ(o.status, 413u);
    EXPECT_EQ(o.local_reply, "host");
}

TEST(Harness, optionsAreCheckedAsTheHostDoes) {
    const std::pair<const char*, const char*> kCases[] = {{"do: dance", "expected one of"},
                                                          {"dont: x", "unknown"},
                                                          {"limit: 3kb", "a size such as"},
                                                          {"do: fail\ndo: fail", "twice"},
                                                          {"do", "name: value"}};
    for (const auto& [text, says] : kCases) try {
            Harness h(kFilter, text);
            ADD_FAILURE() << text << " was taken";
        } catch (const std::runtime_error& e) {
            EXPECT_THAT(e.what(), HasSubstr(says)) << text;
        }
    EXPECT_THROW(Harness("/nonexistent.so"), std::runtime_error);
    EXPECT_THROW(Harness(PERSONA_BUILD_DIR "/tests/modules/bad_magic.so"), std::runtime_error);
}

TEST(Conformance, aSoundPluginPasses) {
    for (const auto& c : conformance(kFilter, "do: pause"))
        EXPECT_TRUE(c.ok) << c.name << ": " << c.detail;
}

TEST(Conformance, aBadOneFailsByName) {
    for (const auto* options : {"do: fail", "do: no-reply", "do: reply-and-go-on"}) {
        bool any = false;
        for (const auto& c : conformance(kFilter, options)) any = any || !c.ok;
        EXPECT_TRUE(any) << options;
    }
    const auto missing = conformance("/nonexistent.so", "");
    ASSERT_FALSE(missing.empty());
    EXPECT_FALSE(missing.front().ok);
    EXPECT_THAT(wrongExports(PERSONA_BUILD_DIR "/tests/modules/bad_no_entry.so"),
                HasSubstr("psn_plugin_entry_v1 alone"));
}

}  // namespace
}  // namespace persona::testing
