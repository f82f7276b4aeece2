#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <array>

#include "tests/host/bridge/host_fixture.h"

/// A state directory that goes bad under a running host: full, read-only, not executable. Each runs
/// in a child with a mount of its own.
namespace persona::host::testing {
namespace {

using ::testing::HasSubstr;

std::string inChild(const std::function<std::string()>& work) {
    int fds[2];
    if (::pipe(fds) != 0) return "no pipe";
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::close(fds[0]);
        std::string said;
        if (::unshare(CLONE_NEWNS) != 0 ||
            ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
            said = "no mount";
        else
            said = work();
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
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? said : "died: " + said;
}

/// A host on a small state directory; `spoil` makes it bad; what a reload then says, and whether
/// the first version still serves.
std::string reloadOn(const std::function<bool(const std::string& state)>& spoil) {
    return inChild([&]() -> std::string {
        HostUnderTest t;
        const auto state = t.dir + "/state";
        std::filesystem::create_directory(state);
        if (::mount("none", state.c_str(), "tmpfs", 0, "size=64m") != 0) return "no mount";
        t.write(sample());
        if (auto error = t.start(); !error.empty()) return error;
        if (!spoil(state)) return "no mount";
        t.write(sample("", "deny", "sample_v2.so"));
        const auto o = t.reload();
        std::string said = o.ok ? "reloaded" : o.error;
        said += t.ask().field("X-Sample") == "1" ? "; version 1 serves" : "; not served";
        if (t.metric("generation_refused_create_total") == 1) said += "; counted";
        if (t.logHas("refused at step 'create'")) said += "; written";
        t.stop();
        ::umount2(state.c_str(), MNT_DETACH);
        return said;
    });
}

#define SKIP_WITHOUT_MOUNTS(said) \
    if ((said) == "no mount") GTEST_SKIP() << "needs the right to mount"

TEST(StateDirectory, Full) {
    const auto said = reloadOn([](const std::string& state) {
        std::ofstream fill(state + "/fill", std::ios::binary);
        const std::string block(1 << 16, 'x');
        while (fill.write(block.data(), static_cast<std::streamsize>(block.size()))) fill.flush();
        return true;
    });
    SKIP_WITHOUT_MOUNTS(said);
    EXPECT_THAT(said, HasSubstr("free space"));
    EXPECT_THAT(said, HasSubstr("No space left"));
    EXPECT_THAT(said, HasSubstr("version 1 serves; counted; written"));
}

TEST(StateDirectory, ReadOnly) {
    const auto said = reloadOn([](const std::string& state) {
        return ::mount(nullptr, state.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY,
                       nullptr) == 0;
    });
    SKIP_WITHOUT_MOUNTS(said);
    EXPECT_THAT(said, HasSubstr("make state_dir writable"));
    EXPECT_THAT(said, HasSubstr("version 1 serves; counted; written"));
}

TEST(StateDirectory, NotExecutable) {
    const auto said = reloadOn([](const std::string& state) {
        return ::mount(nullptr, state.c_str(), nullptr, MS_REMOUNT | MS_NOEXEC, nullptr) == 0;
    });
    SKIP_WITHOUT_MOUNTS(said);
    EXPECT_THAT(said, HasSubstr("noexec"));
    EXPECT_THAT(said, HasSubstr("version 1 serves; counted; written"));
}

}  // namespace
}  // namespace persona::host::testing
