#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "host/app/doctor.h"
#include "host/app/host.h"
#include "host/module/crash_log.h"

/// What a process owes its supervisor and its operator.
namespace persona::host::app {

namespace {

/// Connected to NOTIFY_SOCKET; -1: there is none.
int openNotifySocket() {
    const char* path = std::getenv("NOTIFY_SOCKET");
    if (path == nullptr || (path[0] != '/' && path[0] != '@')) return -1;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::size_t size = std::strlen(path);
    if (size >= sizeof address.sun_path) return -1;
    std::memcpy(address.sun_path, path, size);
    if (path[0] == '@') address.sun_path[0] = '\0';
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&address),
                             static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size)) != 0) {
        ::close(fd);
        return -1;
    }
    return fd;
}

}  // namespace

void notifySupervisor(const std::string& state) {
    // Kept open: a process that is locked down can open no other.
    static const int fd = openNotifySocket();
    if (fd >= 0) ::send(fd, state.data(), state.size(), MSG_NOSIGNAL);
}

std::string becomeOwnerOf(const std::string& directory) {
    struct stat st {};
    if (::geteuid() != 0 || ::stat(directory.c_str(), &st) != 0 || st.st_uid == 0) return "";
    const passwd* user = ::getpwuid(st.st_uid);
    if (user == nullptr)
        return directory + " belongs to a user without a name: give it to the role's user";
    if (::initgroups(user->pw_name, user->pw_gid) != 0 || ::setgid(user->pw_gid) != 0 ||
        ::setuid(user->pw_uid) != 0)
        return std::string("cannot become ") + user->pw_name + ": " + std::strerror(errno);
    return "";
}

namespace {

char crash_modules[8192];
[[maybe_unused]] int crash_log_fd = -1;

[[maybe_unused]] void put(const char* text) {
    // Async-signal-safe: nothing but write.
    [[maybe_unused]] const auto n = ::write(2, text, std::strlen(text));
}

#ifndef PERSONA_SANITIZED
void onCrash(int signal) {
    put("persona-host: fatal signal ");
    put(::sigabbrev_np(signal) != nullptr ? ::sigabbrev_np(signal) : "?");
    put(" in plugin ");
    const auto* tag = bridge::current_plugin.load(std::memory_order_relaxed);
    put(tag != nullptr ? tag->id.c_str() : "(none: the host itself)");
    if (tag != nullptr && !tag->hash.empty()) {
        put(" sha256 ");
        put(tag->hash.c_str());
        timespec now{};
        ::clock_gettime(CLOCK_REALTIME, &now);
        if (tag->swappable)
            module::CrashLog::record(crash_log_fd, now.tv_sec, tag->hash.c_str(), tag->id.c_str());
    }
    put("\nmodules:\n");
    put(crash_modules);
    ::signal(signal, SIG_DFL);
    ::raise(signal);
}
#endif

}  // namespace

void setCrashModules(const std::vector<std::string>& lines) {
    std::string all;
    for (const auto& l : lines) all += "  " + l + "\n";
    std::strncpy(crash_modules, all.c_str(), sizeof crash_modules - 1);
}

void setCrashLog(int fd) {
    crash_log_fd = fd;
}

void installCrashHandler() {
#ifndef PERSONA_SANITIZED
    for (const int s : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) ::signal(s, onCrash);
#endif
}

}  // namespace persona::host::app
