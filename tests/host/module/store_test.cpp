#include "host/module/module.h"

#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <functional>

namespace persona::host::module {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const psn_host kHost{
    sizeof(psn_host), PSN_ABI_MAJOR,
    PSN_ABI_MINOR,    {"test", 4},
    {"0", 1},         [](const psn_host*, psn_str) -> const void* { return nullptr; },
    nullptr};

std::string modulePath(const std::string& name) {
    return std::string(MODULES_DIR) + "/" + name + ".so";
}

class StoreTest : public ::testing::Test {
  protected:
    StoreTest() {
        std::string name = (fs::temp_directory_path() / "persona-module-XXXXXX").string();
        state_ = ::mkdtemp(name.data());
    }
    ~StoreTest() override {
        std::error_code ignored;
        fs::remove_all(state_, ignored);
    }
    /// Runs in a child, which may change its uid or mounts; what it says, or "died".
    static std::string inChild(const std::function<std::string()>& work) {
        int fds[2];
        if (::pipe(fds) != 0) return "no pipe";
        const pid_t pid = ::fork();
        if (pid == 0) {
            ::close(fds[0]);
            const std::string said = work();
            const auto n = ::write(fds[1], said.data(), said.size());
            ::_exit(n == static_cast<ssize_t>(said.size()) ? 0 : 1);
        }
        ::close(fds[1]);
        std::string said;
        std::array<char, 1024> buffer;
        for (ssize_t n; (n = ::read(fds[0], buffer.data(), buffer.size())) > 0;)
            said.append(buffer.data(), static_cast<std::size_t>(n));
        ::close(fds[0]);
        int status = 0;
        ::waitpid(pid, &status, 0);
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? said : "died";
    }
    std::string state_;
};

struct Bad {
    const char *name, *step, *says, *hint;
};
class BadModule : public StoreTest, public ::testing::WithParamInterface<Bad> {};

TEST_P(BadModule, isRefusedWithTheRemedyAndTheHostStaysUp) {
    Store store(state_, MODULE_PROBE, "beta");
    Refusal refusal;
    const auto path = modulePath(GetParam().name);
    EXPECT_EQ(store.load(path, kHost, refusal), nullptr);
    EXPECT_THAT(refusal.text(), HasSubstr(path));
    EXPECT_EQ(refusal.hash.size(), 64u);
    EXPECT_EQ(refusal.step, GetParam().step) << refusal.text();
    EXPECT_THAT(refusal.text(), HasSubstr(GetParam().says));
    EXPECT_THAT(refusal.text(), HasSubstr(GetParam().hint));
    // A second try says the same: what was mapped once does not turn into another error.
    const auto first = refusal.text();
    EXPECT_EQ(store.load(path, kHost, refusal), nullptr);
    EXPECT_EQ(refusal.text(), first);
    const auto good = store.load(modulePath("good"), kHost, refusal);
    ASSERT_NE(good, nullptr) << refusal.text();
    EXPECT_EQ(good->manifest.id, "sample");
}

INSTANTIATE_TEST_SUITE_P(
    All, BadModule,
    ::testing::Values(
        Bad{"bad_magic", "handshake", "got 0x12345678", "PSN_ABI_MAGIC"},
        Bad{"bad_major", "handshake", "got 2.0", "rebuild with the SDK"},
        Bad{"bad_newer_minor", "handshake", "got 1.1", "update the host"},
        Bad{"bad_size", "handshake", "got 16", "sizeof(psn_plugin_entry)"},
        Bad{"bad_null_function", "handshake", "NULL function", "fill in all three"},
        Bad{"bad_no_entry", "probe", "psn_plugin_entry_v1", "PSN_EXPORT"},
        Bad{"bad_undefined_symbol", "probe", "persona_test_nobody_has_this", "link the library"},
        Bad{"bad_constructor", "probe", "a crash", "static constructors"},
        Bad{"bad_hang", "probe", "a hang", "must not block"},
        Bad{"bad_exit", "probe", "an end of the process", "must not call exit"},
        Bad{"bad_exit_in_init", "probe", "an end of the process", "must not call exit"},
        Bad{"bad_quiet_hang", "probe", "a hang", "must not block"},
        Bad{"bad_init_fails", "init", "no such disk", "own reason"},
        Bad{"bad_throws", "init", "no exception", "catch everything"},
        Bad{"bad_manifest", "manifest", "a JSON object", "plugin.h"},
        Bad{"bad_id", "manifest id", "Sample Plugin", "change \"id\""},
        Bad{"bad_maturity", "maturity", "experimental", "modules_maturity"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_F(StoreTest, duplicateIdNamesBothFiles) {
    Store store(state_, MODULE_PROBE, "beta");
    Refusal refusal;
    Ids ids;
    const auto first = store.load(modulePath("good"), kHost, refusal);
    ASSERT_NE(first, nullptr) << refusal.text();
    EXPECT_TRUE(ids.claim(*first, refusal));
    EXPECT_TRUE(ids.claim(*first, refusal)) << "two blocks of one plugin are no conflict";
    const auto second = store.load(modulePath("bad_duplicate_id"), kHost, refusal);
    ASSERT_NE(second, nullptr) << refusal.text();
    EXPECT_FALSE(ids.claim(*second, refusal));
    EXPECT_THAT(refusal.text(), HasSubstr(modulePath("good")));
    EXPECT_THAT(refusal.text(), HasSubstr(modulePath("bad_duplicate_id")));
}

TEST_F(StoreTest, equalContentIsOneImage) {
    Store store(state_, MODULE_PROBE, "beta");
    Refusal refusal;
    fs::copy_file(modulePath("good"), state_ + "/copy.so");
    const auto first = store.load(modulePath("good"), kHost, refusal);
    ASSERT_NE(first, nullptr) << refusal.text();
    EXPECT_EQ(store.load(state_ + "/copy.so", kHost, refusal), first);
}

TEST_F(StoreTest, stagedCopyIsNamedByItsHashInAPrivateDirectory) {
    Store store(state_, MODULE_PROBE, "beta");
    Refusal refusal;
    const auto image = store.load(modulePath("good"), kHost, refusal);
    ASSERT_NE(image, nullptr) << refusal.text();
    EXPECT_EQ(image->staged, state_ + "/modules/good-" + image->hash.substr(0, 16) + ".so");
    struct stat st {};
    ASSERT_EQ(::stat((state_ + "/modules").c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777u, 0700u);
}

TEST_F(StoreTest, notASharedObject) {
    std::ofstream(state_ + "/text.so")
        << "this is a text, long enough to be read as an ELF header and be none";
    Store store(state_, MODULE_PROBE, "beta");
    Refusal refusal;
    EXPECT_EQ(store.load(state_ + "/text.so", kHost, refusal), nullptr);
    EXPECT_THAT(refusal.text(), HasSubstr("not a shared object"));
}

TEST_F(StoreTest, missingFileAndSymbolicLink) {
    Store store(state_, MODULE_PROBE, "beta");
    Refusal refusal;
    EXPECT_EQ(store.load(state_ + "/none.so", kHost, refusal), nullptr);
    EXPECT_THAT(refusal.text(), HasSubstr("check the path and plugin_dir"));
    fs::create_symlink(modulePath("good"), state_ + "/link.so");
    EXPECT_EQ(store.load(state_ + "/link.so", kHost, refusal), nullptr);
    EXPECT_THAT(refusal.text(), HasSubstr("symbolic links are not followed"));
}

TEST_F(StoreTest, changedStagedCopyIsNotLoaded) {
    Refusal refusal;
    std::string staged;
    {
        Store store(state_, MODULE_PROBE, "beta");
        // Refused after staging, so that the copy is there and not mapped.
        EXPECT_EQ(store.load(modulePath("bad_magic"), kHost, refusal), nullptr);
        for (const auto& entry : fs::directory_iterator(state_ + "/modules"))
            staged = entry.path().string();
    }
    fs::permissions(staged, fs::perms::owner_all);
    std::ofstream(staged, std::ios::app) << "x";
    Store store(state_, MODULE_PROBE, "beta");
    EXPECT_EQ(store.load(modulePath("bad_magic"), kHost, refusal), nullptr);
    EXPECT_EQ(refusal.step, "stage");
    EXPECT_THAT(refusal.text(), HasSubstr("delete that file"));
}

TEST_F(StoreTest, aStagingDirectoryThatOthersMayWriteToIsNotTrusted) {
    Store store(state_, MODULE_PROBE, "beta");
    fs::create_directory(state_ + "/modules");
    for (const mode_t mode : {0777U, 0720U, 0702U}) {
        ASSERT_EQ(::chmod((state_ + "/modules").c_str(), mode), 0);
        Refusal refusal;
        EXPECT_EQ(store.load(modulePath("good"), kHost, refusal), nullptr) << mode;
        EXPECT_EQ(refusal.step, "stage");
        EXPECT_THAT(refusal.text(), HasSubstr(state_ + "/modules"));
        EXPECT_THAT(refusal.text(), HasSubstr("chmod go-w"));
    }
    ASSERT_EQ(::chmod((state_ + "/modules").c_str(), 0755), 0);
    Refusal refusal;
    EXPECT_NE(store.load(modulePath("good"), kHost, refusal), nullptr) << refusal.text();
}

TEST_F(StoreTest, aStagingDirectoryBehindALinkIsNotTrusted) {
    fs::create_directory(state_ + "/elsewhere");
    fs::create_directory_symlink(state_ + "/elsewhere", state_ + "/modules");
    Store store(state_, MODULE_PROBE, "beta");
    Refusal refusal;
    EXPECT_EQ(store.load(modulePath("good"), kHost, refusal), nullptr);
    EXPECT_EQ(refusal.step, "stage");
}

TEST_F(StoreTest, whatAnotherUserHasStagedIsNotTrusted) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to give files away";
    const auto refusalOf = [&](const char* what) {
        // In a child, for an image that is mapped already is not looked at again.
        return inChild([&] {
            Store store(state_, MODULE_PROBE, "beta");
            Refusal refusal;
            const auto image = store.load(modulePath("good"), kHost, refusal);
            if (image == nullptr) return refusal.text();
            return ::chown((*what == '/' ? state_ + what : image->staged + what).c_str(), 65534,
                           65534) == 0
                       ? std::string("loaded")
                       : std::string("no chown");
        });
    };
    EXPECT_EQ(refusalOf(""), "loaded");
    EXPECT_THAT(refusalOf(""), HasSubstr("delete that file"));
    fs::remove_all(state_ + "/modules");
    EXPECT_EQ(refusalOf(".probed"), "loaded");
    EXPECT_THAT(refusalOf(".probed"), HasSubstr("delete that file"));
    fs::remove_all(state_ + "/modules");
    EXPECT_EQ(refusalOf("/modules"), "loaded");
    EXPECT_THAT(refusalOf("/modules"), HasSubstr("chown"));
}

TEST_F(StoreTest, noReadPermissionAsAnotherUser) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
    fs::copy_file(modulePath("good"), state_ + "/secret.so");
    ::chmod((state_ + "/secret.so").c_str(), 0600);
    ::chmod(state_.c_str(), 0755);
    const auto said = inChild([&] {
        if (::setgid(65534) != 0 || ::setuid(65534) != 0) return std::string("cannot change user");
        Store store(state_, MODULE_PROBE, "beta");
        Refusal refusal;
        return store.load(state_ + "/secret.so", kHost, refusal) == nullptr ? refusal.text()
                                                                            : "loaded";
    });
    EXPECT_THAT(said, HasSubstr("chmod a+r"));
}

TEST_F(StoreTest, stateDirectoryThatMayNotBeWrittenAsAnotherUser) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
    fs::copy_file(modulePath("good"), state_ + "/good.so");
    ::chmod((state_ + "/good.so").c_str(), 0644);
    ::chmod(state_.c_str(), 0755);
    const auto said = inChild([&] {
        if (::setgid(65534) != 0 || ::setuid(65534) != 0) return std::string("cannot change user");
        Store store(state_, MODULE_PROBE, "beta");
        Refusal refusal;
        return store.load(state_ + "/good.so", kHost, refusal) == nullptr ? refusal.text()
                                                                          : "loaded";
    });
    EXPECT_THAT(said, HasSubstr("make state_dir writable"));
}

TEST_F(StoreTest, noexecStateDirectoryOnAMountOfItsOwn) {
    const auto said = inChild([&] {
        if (::unshare(CLONE_NEWNS) != 0 ||
            ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            ::mount("none", state_.c_str(), "tmpfs", MS_NOEXEC, nullptr) != 0)
            return std::string("no mount");
        Store store(state_, MODULE_PROBE, "beta");
        Refusal refusal;
        return store.load(modulePath("good"), kHost, refusal) == nullptr ? refusal.text()
                                                                         : "loaded";
    });
    if (said == "no mount") GTEST_SKIP() << "needs the right to mount";
    EXPECT_THAT(said, HasSubstr("noexec"));
}

}  // namespace
}  // namespace persona::host::module
