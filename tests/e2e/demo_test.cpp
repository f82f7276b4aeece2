#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/shapes.h"
#include "tests/support/child.h"
#include "tests/support/temp_dir.h"

/// persona-cli against the running service, in both shapes; README.md shows `persona-cli demo`.
namespace persona::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kSite = "http://127.0.0.1:10001";

class Demo : public ::testing::TestWithParam<Shape> {
  protected:
    void SetUp() override {
        service_ = std::make_unique<Service>(inShape(GetParam()));
        service_->start();
    }
    /// One command of persona-cli; stdout, then stderr.
    std::string cli(int expected, const std::vector<std::string>& words) {
        std::vector<std::string> arguments = {
            std::string(PERSONA_BUILD_DIR) + "/bin/persona-cli", "--url=" + service_->url(),
            "--mail-dir=" + service_->dir() + "/mail", "--state=" + dir_ / "state.json"};
        arguments.insert(arguments.end(), words.begin(), words.end());
        const auto log = dir_ / "stderr";
        const auto before = readText(log).size();
        const auto done = Child::run({arguments, log, {}}, 60s);
        auto text = done.out + readText(log).substr(before);
        EXPECT_EQ(done.code, expected) << words.back() << ": " << text;
        return text;
    }
    std::string certified() {
        cli(0, {"sign-up", "ann@mail.example"});
        return cli(0, {"certify"});
    }

    TempDir dir_;
    std::unique_ptr<Service> service_;
};

INSTANTIATE_TEST_SUITE_P(Shapes, Demo, bothShapes(), shapeName);

TEST_P(Demo, PrintsTheVerifiedAddressForEveryKindOfKey) {
    for (const std::string key : {"es256", "rs256", "ds128"}) {
        const auto out = cli(0, {"--key=" + key, "demo", key + "@mail.example"});
        EXPECT_THAT(out, HasSubstr("\nverified   " + key + "@mail.example for " + kSite +
                                   ", certified by 127.0.0.1\n"));
    }
    const auto named = cli(0, {"demo"});
    EXPECT_THAT(named, HasSubstr("\nverified   demo-"));
}

TEST_P(Demo, StepByStepWithARememberedState) {
    EXPECT_THAT(certified(), HasSubstr("ES256 key certified for ann@mail.example"));
    EXPECT_THAT(cli(0, {"sign-in"}), HasSubstr("session    of ann@mail.example"));
    EXPECT_THAT(cli(0, {"assert", "https://site.example"}), HasSubstr("~"));
    EXPECT_THAT(cli(0, {"verify"}),
                StartsWith("verified   ann@mail.example for https://site.example"));
}

TEST_P(Demo, WhatIsWrongIsRefusedWithTheReasonOfTheProtocol) {
    certified();
    cli(0, {"assert", kSite});
    const auto refused = [&](const std::vector<std::string>& words, const char* reason) {
        EXPECT_EQ(cli(1, words), std::string("persona-cli: verify: ") + reason + "\n");
    };
    refused({"--verify-audience=http://other.example:10001", "verify"},
            "audience mismatch: domain mismatch");
    refused({"--verify-audience=https://127.0.0.1:10001", "verify"},
            "audience mismatch: scheme mismatch");
    refused({"--verify-audience=http://127.0.0.1:10009", "verify"},
            "audience mismatch: port mismatch");
    cli(0, {"--lifetime=-3600", "assert", kSite});
    refused({"verify"}, "assertion has expired");
    cli(0, {"--tamper=certificate", "assert", kSite});
    refused({"verify"}, "bad signature in chain");
    cli(0, {"--tamper=assertion", "assert", kSite});
    refused({"verify"}, "invalid signature");
    cli(0, {"assert", kSite});
    EXPECT_THAT(cli(0, {"verify"}), HasSubstr("verified   ann@mail.example"));
}

TEST_P(Demo, ErrorsSayWhatToDo) {
    EXPECT_THAT(cli(64, {"certify"}), HasSubstr("sign-up comes first"));
    EXPECT_THAT(cli(1, {"sign-up", "not-an-address"}), HasSubstr("Invalid email"));
    EXPECT_THAT(cli(75, {"--mail-dir=/nonexistent", "--timeout=1", "sign-up", "bob@mail.example"}),
                HasSubstr("see --mail-dir"));
}

}  // namespace
}  // namespace persona::testing
