#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include "libs/domainkey/files.h"
#include "libs/domainkey/key_ring.h"

namespace persona::domainkey::testing {

inline constexpr const char *kModule = "/usr/lib/softhsm/libsofthsm2.so", *kPin = "5823-secret";
inline constexpr std::int64_t kStart = 4'000'000'000'000;

/// A SoftHSM token of the test's own; one for the program, as a module is initialised once in a
/// process.
class Token : public ::testing::Test {
  protected:
    static void SetUpTestSuite() {
        char pattern[] = "/tmp/persona-hsm-XXXXXX";
        directory_ = ::mkdtemp(pattern);
        ASSERT_EQ(::mkdir((directory_ + "/tokens").c_str(), 0700), 0);
        std::ofstream(directory_ + "/conf")
            << "directories.tokendir = " << directory_ << "/tokens\nobjectstore.backend = file\n";
        ::setenv("SOFTHSM2_CONF", (directory_ + "/conf").c_str(), 1);
        const std::string command =
            "softhsm2-util --init-token --free --label persona --so-pin "
            "12345678 --pin " +
            std::string(kPin) + " > " + directory_ + "/out 2>&1";
        ASSERT_EQ(std::system(command.c_str()), 0) << *readFile(directory_ + "/out");
    }
    static void TearDownTestSuite() {
        const std::string command = "rm -rf " + directory_;
        EXPECT_EQ(std::system(command.c_str()), 0);
    }
    static Pkcs11Options options(const std::string& label) {
        return {kModule, "persona", label, directory_ + "/" + label + ".rotate"};
    }
    static Result<std::unique_ptr<KeyRing>> open(const std::string& label,
                                                 protocol::Algorithm algorithm, std::int64_t now) {
        auto store = pkcs11KeyStore(options(label), kPin);
        if (!store) return Error{store.error()};
        RingOptions ring;
        ring.public_file = directory_ + "/" + label + ".json";
        ring.algorithm = algorithm;
        ring.lead_ms = 1'000;
        ring.keep_ms = 10'000;
        return KeyRing::open(std::move(*store), ring, now);
    }
    static inline std::string directory_;
};

}  // namespace persona::domainkey::testing
