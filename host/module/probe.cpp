#include <dlfcn.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "host/module/module.h"
#include "host/module/refuse.h"

/// A plugin is loaded by a child first: what it does wrong there does not end the host.
namespace persona::host::module {

namespace {

constexpr auto kLimit = std::chrono::seconds(5);
constexpr int kTickMs = 5;  ///< between two looks at a child whose outputs say nothing
constexpr std::size_t kMostSaid = 2048;
/// "FD:NONCE". The child writes the nonce there as its last act; an exit status proves nothing, for
/// a plugin may call exit() itself.
constexpr char kProof[] = "PERSONA_PROBE_PROOF";

std::string sysError() {
    return std::strerror(errno);
}

std::string nonce() {
    std::array<unsigned char, 16> octets{};
    ::RAND_bytes(octets.data(), static_cast<int>(octets.size()));
    static constexpr char kHex[] = "0123456789abcdef";
    std::string out;
    for (const auto o : octets) out.append({kHex[o >> 4], kHex[o & 15]});
    return out;
}

struct Pipe {
    FdGuard from, to;
    [[nodiscard]] bool open() {
        int fds[2];
        if (::pipe2(fds, O_CLOEXEC) != 0) return false;
        from.fd = fds[0];
        to.fd = fds[1];
        return ::fcntl(from.fd, F_SETFL, O_NONBLOCK) == 0;
    }
};

/// Takes what there is by now.
void drain(FdGuard& from, std::string& into) {
    std::array<char, 512> buffer;
    while (from.fd >= 0) {
        const auto n = ::read(from.fd, buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) return from.close();
        if (into.size() < kMostSaid) into.append(buffer.data(), static_cast<std::size_t>(n));
    }
}

struct Probed {
    int status = 0;
    bool timed_out = false;
    std::string said, proof;
};

/// Waits for the process itself: a plugin may close its outputs and live on, or leave them to
/// children of its own.
Probed awaitEnd(pid_t pid, FdGuard& out, FdGuard& proof) {
    Probed p;
    const auto until = std::chrono::steady_clock::now() + kLimit;
    for (;;) {
        const auto ended = ::waitpid(pid, &p.status, WNOHANG);
        drain(out, p.said);
        drain(proof, p.proof);
        if (ended == pid || (ended < 0 && errno != EINTR)) break;
        if (std::chrono::steady_clock::now() >= until) {
            p.timed_out = true;
            ::kill(pid, SIGKILL);
            while (::waitpid(pid, &p.status, 0) < 0 && errno == EINTR) {
            }
            break;
        }
        std::array<pollfd, 2> fds{pollfd{out.fd, POLLIN, 0}, pollfd{proof.fd, POLLIN, 0}};
        ::poll(fds.data(), fds.size(), kTickMs);
    }
    while (!p.said.empty() && p.said.back() == '\n') p.said.pop_back();
    return p;
}

/// Between fork and exec: only what is safe in the child of a process with threads.
[[noreturn]] void becomeProbe(const std::string& program, const std::string& staged, int out,
                              int proof, char* const* environment) {
    ::dup2(out, 2);
    ::dup2(out, 1);
    ::fcntl(proof, F_SETFD, 0);
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
#ifndef PERSONA_SANITIZED
    const rlimit memory{2ULL << 30, 2ULL << 30};
    ::setrlimit(RLIMIT_AS, &memory);
#endif
    ::execle(program.c_str(), program.c_str(), "--probe-plugin", staged.c_str(), nullptr,
             environment);
    ::_exit(127);
}

std::vector<char*> environmentWith(std::string& variable) {
    std::vector<char*> all;
    for (char** e = environ; *e != nullptr; ++e) all.push_back(*e);
    all.push_back(variable.data());
    all.push_back(nullptr);
    return all;
}

/// True: the plugin was loaded and initialised.
bool judge(const Probed& p, const std::string& expected_proof, Refusal& r) {
    if (p.timed_out)
        return refuse(r, "probe", "init to return within 5 s", "a hang",
                      "init and static constructors must not block or loop");
    if (WIFSIGNALED(p.status))
        return refuse(r, "probe", "the plugin to load",
                      std::string("a crash (") + ::strsignal(WTERMSIG(p.status)) +
                          ") while it was loaded alone",
                      "look at its static constructors and init");
    const int code = WEXITSTATUS(p.status);
    if (p.proof != expected_proof && (code == 127 || code == 64))
        return refuse(r, "probe", "the probe to run",
                      "exit status " + std::to_string(code) + " " + p.said,
                      "is persona-host itself still in its place?");
    if (p.proof != expected_proof)
        return refuse(r, "probe", "the plugin to load",
                      "an end of the process (exit status " + std::to_string(code) +
                          ") while it was loaded alone",
                      "a plugin must not call exit: look at its static constructors and init");
    switch (code) {
        case 0:
            return true;
        case 2:
            return refuse(r, "probe", "a loadable shared object", p.said, hintForLoad(p.said));
        case 3:
            return refuse(r, "probe", "the function psn_plugin_entry_v1", p.said,
                          "export it with PSN_EXPORT; is this a Persona plugin?");
        case 4:
            return refuse(r, "handshake", "a table that fits this host", p.said, "");
        case 5:
            return refuse(r, "init", "PSN_OK", p.said, "the plugin's own reason stands before");
        default:
            return refuse(r, "init", "no exception across the border", p.said,
                          "catch everything in the plugin; the SDK's wrapper does");
    }
}

}  // namespace

std::string hintForLoad(const std::string& why) {
    if (why.find("undefined symbol") != std::string::npos)
        return "link the library that has the symbol into the plugin; the host exports nothing";
    if (why.find("Operation not permitted") != std::string::npos ||
        why.find("failed to map") != std::string::npos)
        return "the state directory seems to be mounted noexec: choose another state_dir or "
               "remount it with exec";
    if (why.find("invalid ELF") != std::string::npos ||
        why.find("file too short") != std::string::npos)
        return "the file is not a shared object: build it as a MODULE library";
    return "see the message of the loader";
}

bool Store::probe(const Image& image, Refusal& r) {
    // What a child has loaded once with this very content need not be tried again.
    const std::string mark = image.staged + ".probed";
    struct stat st {};
    if (::lstat(mark.c_str(), &st) == 0) {
        if (st.st_uid == ::geteuid()) return true;
        return refuse(r, "probe", "a mark of this user's own",
                      mark + " of uid " + std::to_string(st.st_uid), "delete that file");
    }
    Pipe out, proof;
    if (!out.open() || !proof.open())
        return refuse(r, "probe", "a pipe", sysError(), "raise the descriptor limit");
    const auto expected = nonce();
    std::string variable = std::string(kProof) + "=" + std::to_string(proof.to.fd) + ":" + expected;
    const auto environment = environmentWith(variable);
    const pid_t pid = ::fork();
    if (pid < 0)
        return refuse(r, "probe", "a child process", sysError(), "raise the process limit");
    if (pid == 0)
        becomeProbe(probe_program_, image.staged, out.to.fd, proof.to.fd, environment.data());
    out.to.close();
    proof.to.close();
    if (!judge(awaitEnd(pid, out.from, proof.from), expected, r)) return false;
    FdGuard made{::open(mark.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    return true;
}

// ---- the child ----------------------------------------------------------------------------------

namespace {

int complain(int code, const char* why) {
    std::fprintf(stderr, "%s\n", why);
    return code;
}

int tryLoading(const std::string& file) {
    void* image = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (image == nullptr) {
        const char* why = ::dlerror();
        return complain(2, ("dlopen: " + std::string(why == nullptr ? "unknown" : why)).c_str());
    }
    using Entry = const psn_plugin_entry* (*)();
    const auto entry = reinterpret_cast<Entry>(::dlsym(image, "psn_plugin_entry_v1"));
    if (entry == nullptr) return complain(3, "no symbol psn_plugin_entry_v1");
    const psn_plugin_entry* e = entry();
    Refusal r;
    if (!handshake(e, r))
        return complain(
            4, (r.step + ": expected " + r.expected + ", got " + r.got + "; " + r.hint).c_str());
    static const psn_host kHost{
        sizeof(psn_host), PSN_ABI_MAJOR,
        PSN_ABI_MINOR,    {"persona-probe", 13},
        {"", 0},          [](const psn_host*, psn_str) -> const void* { return nullptr; },
        nullptr};
    char text[512];
    psn_err err{text, sizeof text, 0};
    if (e->init(&kHost, &err) == PSN_OK) return 0;
    return complain(5, ("init failed: " + std::string(text, err.len)).c_str());
}

}  // namespace

int probeMain(const std::string& file) {
    const char* variable = ::getenv(kProof);
    const std::string proof = variable == nullptr ? "" : variable;
    ::unsetenv(kProof);
    int code = 0;
    try {
        code = tryLoading(file);
    } catch (...) {
        code = complain(6, "an exception left the plugin");
    }
    std::fflush(stderr);
    if (const auto colon = proof.find(':'); colon != std::string::npos) {
        const auto text = std::string_view(proof).substr(colon + 1);
        int fd = -1;
        std::from_chars(proof.data(), proof.data() + colon, fd);
        if (::write(fd, text.data(), text.size()) < 0) code = 7;
    }
    ::_Exit(code);
}

}  // namespace persona::host::module
