#include "host/app/successor.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "host/net/inherited.h"

extern char** environ;

namespace persona::host::app {

namespace {

constexpr int kFirst = 3;  // as sd_listen_fds(3) has it
/// Not PERSONA_...: those are configuration.
constexpr const char* kReadyVariable = "LISTEN_READY_FD";
constexpr std::size_t kPidDigits = 12;

std::string whyEnded(int status) {
    if (WIFSIGNALED(status)) return "was ended by signal " + std::to_string(WTERMSIG(status));
    return "ended with status " + std::to_string(WEXITSTATUS(status));
}

/// The environment of the child; LISTEN_PID is left open, as only the child knows it.
std::vector<std::string> environmentFor(const std::vector<std::pair<std::string, int>>& sockets,
                                        int ready) {
    std::vector<std::string> out;
    for (char** e = environ; *e != nullptr; ++e)
        if (std::strncmp(*e, "LISTEN_", 7) != 0) out.emplace_back(*e);
    std::string names;
    for (const auto& [name, fd] : sockets) names += (names.empty() ? "" : ":") + name;
    out.push_back("LISTEN_FDS=" + std::to_string(sockets.size()));
    out.push_back("LISTEN_FDNAMES=" + names);
    out.push_back(kReadyVariable + ("=" + std::to_string(ready)));
    out.push_back("LISTEN_PID=" + std::string(kPidDigits, '\0'));
    return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (auto& t : texts) out.push_back(t.data());
    out.push_back(nullptr);
    return out;
}

}  // namespace

Successor startSuccessor(const std::string& program, const std::vector<std::string>& arguments,
                         const std::vector<std::pair<std::string, int>>& sockets, int deadline_ms) {
    Successor out;
    const auto count = static_cast<int>(sockets.size());
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
        out.error = std::string("cannot make a pipe: ") + std::strerror(errno);
        return out;
    }
    const net::Fd told(ends[0]);
    net::Fd tells(ends[1]);
    // Copies above the places where they will stand, so that none is overwritten by another.
    std::vector<net::Fd> high;
    const auto lift = [&](int fd) {
        high.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, kFirst + count + 1));
    };
    for (const auto& [name, fd] : sockets) lift(fd);
    lift(tells.get());
    for (const auto& fd : high)
        if (!fd.valid()) {
            out.error = std::string("cannot copy a socket: ") + std::strerror(errno);
            return out;
        }
    auto environment = environmentFor(sockets, kFirst + count);
    char* const pid_digits = environment.back().data() + std::strlen("LISTEN_PID=");
    auto words = arguments;
    words.insert(words.begin(), program);
    const auto argv = pointers(words), envp = pointers(environment);
    const pid_t pid = ::fork();
    if (pid == 0) {
        // Other threads' locks may be held for ever here: system calls, and nothing else.
        *std::to_chars(pid_digits, pid_digits + kPidDigits - 1, ::getpid()).ptr = '\0';
        for (int i = 0; i <= count; ++i)
            if (::dup2(high[static_cast<std::size_t>(i)].get(), kFirst + i) < 0) ::_exit(71);
        ::close_range(static_cast<unsigned>(kFirst + count + 1), ~0U, 0);
        ::execve(program.c_str(), argv.data(), envp.data());
        ::_exit(71);
    }
    if (pid < 0) {
        out.error = std::string("cannot start a process: ") + std::strerror(errno);
        return out;
    }
    tells.reset();
    high.clear();
    pollfd waits{told.get(), POLLIN, 0};
    int polled = 0;
    while ((polled = ::poll(&waits, 1, deadline_ms)) < 0 && errno == EINTR) {
    }
    char octet = 0;
    if (polled > 0 && ::read(told.get(), &octet, 1) == 1) {
        out.pid = pid;
        return out;
    }
    if (polled == 0) ::kill(pid, SIGKILL);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    out.error = polled == 0 ? "the new process did not serve within " +
                                  std::to_string(deadline_ms / 1000) + " s and was ended"
                            : "the new process " + whyEnded(status) + " before it served";
    out.error += "; its messages are in the log of the old one, which goes on";
    return out;
}

void announceReady() {
    const char* text = std::getenv(kReadyVariable);
    if (text == nullptr) return;
    int fd = -1;
    std::from_chars(text, text + std::strlen(text), fd);
    ::unsetenv(kReadyVariable);
    if (fd < kFirst) return;
    [[maybe_unused]] const auto n = ::write(fd, "1", 1);
    ::close(fd);
}

}  // namespace persona::host::app
