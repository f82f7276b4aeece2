#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <persona/testing/harness.hpp>

#include "plugins/antiabuse/heuristics/acl/lists.h"

namespace persona::testing {
namespace {

using ::testing::HasSubstr;

const std::string kFile = PERSONA_PLUGIN_DIR "/antiabuse/acl.so";

class Acl : public ::testing::Test {
  protected:
    Acl() {
        std::string pattern = std::filesystem::temp_directory_path() / "persona-acl-XXXXXX";
        dir_ = ::mkdtemp(pattern.data());
    }
    ~Acl() override { std::filesystem::remove_all(dir_); }
    std::string put(const std::string& name, const std::string& text) const {
        auto file = dir_ + "/" + name;
        // As an operator should do it: the file is replaced as a whole.
        std::ofstream(file + ".new") << text;
        std::filesystem::rename(file + ".new", file);
        return file;
    }
    std::string dir_;
};

std::uint32_t kindFor(Harness& h, const std::string& from) {
    return h.facts().from(from).evaluate().kind;
}

TEST_F(Acl, AllowGoesBeforeDenyAndDenyBeforeSuspect) {
    Harness h(kFile, "allow: " + put("allow", "10.1.0.0/16\n") +
                         "\ndeny: " + put("deny", "10.0.0.0/8 # all of it\n2001:db8::/32\n") +
                         "\nsuspect: " + put("suspect", "10.0.0.0/7\n"));
    EXPECT_EQ(kindFor(h, "10.1.2.3"), PSN_VERDICT_ALLOW);
    EXPECT_EQ(kindFor(h, "10.2.2.3"), PSN_VERDICT_DENY);
    EXPECT_EQ(kindFor(h, "2001:db8::7"), PSN_VERDICT_DENY);
    EXPECT_EQ(kindFor(h, "11.2.2.3"), PSN_VERDICT_TAG);
    EXPECT_EQ(h.facts().from("11.2.2.3").evaluate().weight, 10U);
    EXPECT_EQ(kindFor(h, "12.2.2.3"), PSN_VERDICT_ABSTAIN);
    EXPECT_THAT(h.command("show"), HasSubstr("\"deny\":2"));
    EXPECT_EQ(h.command("nonsense"), "");
}

TEST_F(Acl, WithoutListsItSaysNothing) {
    Harness h(kFile);
    EXPECT_EQ(kindFor(h, "192.0.2.1"), PSN_VERDICT_ABSTAIN);
}

TEST_F(Acl, AMistakeAtTheStartIsSaid) {
    EXPECT_THROW(Harness(kFile, "deny: " + dir_ + "/none"), std::runtime_error);
    try {
        const Harness h(kFile, "deny: " + put("deny", "10.0.0.0/8\nmy house\n"));
        FAIL();
    } catch (const std::runtime_error& e) {
        EXPECT_THAT(e.what(), HasSubstr("deny: line 2: expected a network"));
    }
}

TEST_F(Acl, AFileThatChangesIsReadAndABadOneIsNot) {
    const auto deny = put("deny", "10.0.0.0/8\n");
    Harness h(kFile, "trial: 0s\ndeny: " + deny);
    put("deny", "10.0.0.0/8\n172.16.0.0/12\n");
    h.clock().advance(std::chrono::seconds(5));
    EXPECT_EQ(kindFor(h, "172.16.0.1"), PSN_VERDICT_DENY);
    put("deny", "10.0.0.0/33\n");
    h.clock().advance(std::chrono::seconds(5));
    EXPECT_EQ(kindFor(h, "172.16.0.1"), PSN_VERDICT_DENY) << "the one before stays";
    EXPECT_EQ(h.metric("list_refused"), 1);
    std::filesystem::remove(deny);
    h.clock().advance(std::chrono::seconds(5));
    EXPECT_EQ(kindFor(h, "172.16.0.1"), PSN_VERDICT_DENY);
    put("deny", "192.0.2.0/24\n");
    h.clock().advance(std::chrono::seconds(5));
    EXPECT_EQ(kindFor(h, "172.16.0.1"), PSN_VERDICT_ABSTAIN);
    EXPECT_EQ(kindFor(h, "192.0.2.1"), PSN_VERDICT_DENY);
}

TEST_F(Acl, AListThatWouldRefuseTooManyPeopleIsNotTaken) {
    const auto deny = put("deny", "203.0.113.0/24\n");
    Harness h(kFile, "deny: " + deny);
    const auto people = [&] {
        for (int i = 0; i < 200; ++i)
            (void)h.facts()
                .from((i % 4 == 0 ? "198.51.100." : "192.0.2.") + std::to_string(i))
                .credit(1)
                .evaluate();
    };
    put("deny", "198.51.100.0/24\n");
    h.clock().advance(std::chrono::seconds(5));
    EXPECT_EQ(kindFor(h, "198.51.100.4"), PSN_VERDICT_ABSTAIN) << "on trial, not in force";
    people();
    EXPECT_THAT(h.command("show"), HasSubstr("trial"));
    h.clock().advance(std::chrono::seconds(65));
    EXPECT_EQ(kindFor(h, "198.51.100.4"), PSN_VERDICT_ABSTAIN) << "a quarter of the people there";
    EXPECT_EQ(kindFor(h, "203.0.113.4"), PSN_VERDICT_DENY);
    EXPECT_EQ(h.metric("list_refused"), 1);

    put("deny", "198.51.100.0/28\n203.0.113.0/24\n");
    h.clock().advance(std::chrono::seconds(5));
    people();
    h.clock().advance(std::chrono::seconds(65));
    EXPECT_EQ(kindFor(h, "198.51.100.4"), PSN_VERDICT_DENY) << "a few of them are no mistake";
}

TEST(Distinct, CountsRoughly) {
    auto d = std::make_unique<antiabuse::Distinct>();
    std::uint64_t x = 88172645463325252ULL;
    for (int i = 0; i < 1'000; ++i) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        d->add(x);
        d->add(x);
    }
    EXPECT_NEAR(static_cast<double>(d->count()), 1'000, 60);
    d->clear();
    EXPECT_EQ(d->count(), 0U);
}

}  // namespace
}  // namespace persona::testing
