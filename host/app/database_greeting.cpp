#include "host/app/database_greeting.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace persona::host::app {

namespace {

constexpr timeval kPatience{5, 0};
constexpr std::size_t kHeader = 4;  // length and number of a packet
constexpr unsigned char kProtocol = 10, kError = 0xff;

/// -1: `error` says why.
int connectTo(const std::string& host, const std::string& port, std::string& error) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int rc = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); rc != 0) {
        error = "cannot resolve " + host + ": " + ::gai_strerror(rc);
        return -1;
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(found, ::freeaddrinfo);
    for (const auto* a = found; a != nullptr; a = a->ai_next) {
        const int fd = ::socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd < 0) continue;
        // The limit for sending is that for connecting too.
        ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
        ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
        if (::connect(fd, a->ai_addr, a->ai_addrlen) == 0) return fd;
        error = errno == EINPROGRESS ? "no connection within 5 s" : std::strerror(errno);
        ::close(fd);
    }
    return -1;
}

/// The first packet's octets, header and all; fewer when the server says no more.
std::string firstPacket(int fd) {
    std::string out;
    char piece[512];
    std::size_t wanted = kHeader;
    while (out.size() < wanted) {
        const auto n = ::recv(fd, piece, sizeof piece, 0);
        if (n <= 0) break;
        out.append(piece, static_cast<std::size_t>(n));
        if (out.size() >= kHeader)
            wanted = kHeader + static_cast<unsigned char>(out[0]) +
                     (std::size_t{static_cast<unsigned char>(out[1])} << 8);
    }
    return out;
}

}  // namespace

DatabaseGreeting greetDatabase(const std::string& host, const std::string& port) {
    DatabaseGreeting out;
    const auto begin = std::chrono::steady_clock::now();
    const int fd = connectTo(host, port, out.error);
    if (fd < 0) return out;
    const auto packet = firstPacket(fd);
    ::close(fd);
    out.elapsed_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                         std::chrono::steady_clock::now() - begin)
                         .count();
    const auto kind = packet.size() > kHeader ? static_cast<unsigned char>(packet[kHeader]) : 0;
    if (kind == kProtocol)
        out.version = packet.c_str() + kHeader + 1;
    else if (kind == kError && packet.size() > kHeader + 3)
        out.error = "the server refuses: " + packet.substr(kHeader + 3);
    else
        out.error = "what listens there does not speak MariaDB's protocol";
    return out;
}

std::string tooOld(const std::string& version) {
    // Before MariaDB 11 it calls itself 5.5.5-10.x towards some.
    const auto own = version.starts_with("5.5.5-") ? version.substr(6) : version;
    if (own.find("TiDB") != std::string::npos || own.find("Vitess") != std::string::npos) return "";
    const auto dot = own.find('.');
    if (dot == std::string::npos) return "";
    const auto major = std::strtoul(own.c_str(), nullptr, 10);
    const auto minor = std::strtoul(own.c_str() + dot + 1, nullptr, 10);
    if (own.find("MariaDB") != std::string::npos)
        return major < 10 || (major == 10 && minor < 6) ? "10.6" : "";
    return major < 8 ? "8.0" : "";
}

}  // namespace persona::host::app
