#include "tests/support/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace persona::testing {

namespace {

using Clock = std::chrono::steady_clock;

int leftOf(Clock::time_point deadline) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    return static_cast<int>(std::max<std::int64_t>(left, 0));
}

std::vector<std::string> environmentOf(const Child::Options& options) {
    std::vector<std::string> out = options.environment;
    // What the caller's environment sets would override the configuration of a test.
    for (char** e = environ; *e != nullptr; ++e)
        if (std::strncmp(*e, "PERSONA_", 8) != 0) out.emplace_back(*e);
    return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> out;
    out.reserve(texts.size() + 1);
    for (auto& text : texts) out.push_back(text.data());
    out.push_back(nullptr);
    return out;
}

}  // namespace

Child::Child(const Options& options) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    // Everything is made before fork(): the child of a program with threads may only call exec.
    auto arguments = options.arguments;
    auto environment = environmentOf(options);
    const auto argv = pointers(arguments);
    const auto envp = pointers(environment);
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(125);
        ::dup2(ends[1], STDOUT_FILENO);
        if (!options.stderr_file.empty()) {
            const int log =
                ::open(options.stderr_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
            if (log < 0) ::_exit(126);
            ::dup2(log, STDERR_FILENO);
        }
        ::execvpe(argv[0], argv.data(), envp.data());
        ::_exit(127);
    }
    ::close(ends[1]);
    out_ = ends[0];
    if (pid_ < 0) throw std::runtime_error("no fork");
}

Child::~Child() {
    kill();
    ::close(out_);
}

std::optional<std::string> Child::readLine(std::chrono::milliseconds limit) {
    const auto deadline = Clock::now() + limit;
    for (;;) {
        if (const auto end = buffer_.find('\n'); end != std::string::npos) {
            auto line = buffer_.substr(0, end);
            buffer_.erase(0, end + 1);
            return line;
        }
        pollfd wait{out_, POLLIN, 0};
        if (::poll(&wait, 1, leftOf(deadline)) <= 0) return std::nullopt;
        char chunk[4096];
        const auto n = ::read(out_, chunk, sizeof chunk);
        if (n <= 0) return std::nullopt;
        buffer_.append(chunk, static_cast<std::size_t>(n));
    }
}

void Child::signal(int number) const {
    if (pid_ > 0 && !code_) ::kill(pid_, number);
}

std::optional<int> Child::wait(std::chrono::milliseconds limit) {
    if (code_) return code_;
    const int handle = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
    pollfd ended{handle, POLLIN, 0};
    const int ready = ::poll(&ended, 1, static_cast<int>(limit.count()));
    ::close(handle);
    if (ready <= 0) return std::nullopt;
    int status = 0;
    ::waitpid(pid_, &status, 0);
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return code_;
}

void Child::kill() {
    if (pid_ <= 0 || code_) return;
    ::kill(pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    code_ = -SIGKILL;
}

Child::Finished Child::run(const Options& options, std::chrono::milliseconds limit) {
    const auto deadline = Clock::now() + limit;
    Child child(options);
    Finished out;
    while (const auto line = child.readLine(std::chrono::milliseconds(leftOf(deadline))))
        out.out += *line + "\n";
    out.out += child.buffer_;
    out.code = child.wait(std::chrono::milliseconds(leftOf(deadline)));
    return out;
}

}  // namespace persona::testing
