#include "host/net/inherited.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace persona::host::net {

namespace {

constexpr int kFirst = 3;  // SD_LISTEN_FDS_START
constexpr int kMost = 4'096;

/// -1: not set, or no number.
long numberOf(const char* name) {
    const char* text = std::getenv(name);
    if (text == nullptr) return -1;
    const std::string_view view(text);
    long value = -1;
    const auto r = std::from_chars(view.data(), view.data() + view.size(), value);
    return r.ec == std::errc() && r.ptr == view.data() + view.size() ? value : -1;
}

bool isListening(int fd) {
    int value = 0;
    socklen_t size = sizeof value;
    return ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value != 0;
}

}  // namespace

Fd duplicate(int fd) {
    return Fd(::fcntl(fd, F_DUPFD_CLOEXEC, kFirst));
}

InheritedSockets InheritedSockets::fromEnvironment(std::string& error) {
    InheritedSockets out;
    const long pid = numberOf("LISTEN_PID"), count = numberOf("LISTEN_FDS");
    const char* all = std::getenv("LISTEN_FDNAMES");
    std::string names = all != nullptr ? all : "";
    for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(name);
    if (pid != ::getpid() || count <= 0 || count > kMost) return out;
    for (int fd = kFirst; fd < kFirst + count; ++fd) {
        const auto end = names.find(':');
        const std::string name = names.substr(0, end);
        names.erase(0, end == std::string::npos ? end : end + 1);
        out.sockets_.emplace_back(name, Fd(fd));
        ::fcntl(fd, F_SETFD, FD_CLOEXEC);
        ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
        if (error.empty() && !isListening(fd))
            error = "descriptor " + std::to_string(fd) + " ('" + name +
                    "') was handed over and is no listening socket: expected ListenStream= in the "
                    "socket unit, and Accept=no";
    }
    return out;
}

std::vector<Fd> InheritedSockets::take(std::string_view name) {
    std::vector<Fd> out;
    for (auto& [of, fd] : sockets_)
        if (of == name) out.push_back(std::move(fd));
    std::erase_if(sockets_, [](const auto& s) { return !s.second.valid(); });
    return out;
}

std::string InheritedSockets::rest() const {
    std::string out;
    for (const auto& [name, fd] : sockets_)
        if (out.find("'" + name + "'") == std::string::npos)
            out += (out.empty() ? "'" : ", '") + name + "'";
    return out;
}

}  // namespace persona::host::net
