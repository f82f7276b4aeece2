#include "host/net/socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace persona::host::net {

namespace {

bool toOctets(std::string_view text, std::uint8_t (&out)[16], int& size) {
    const std::string s(text);
    if (s.find('\0') != std::string::npos) return false;
    if (::inet_pton(AF_INET, s.c_str(), out) == 1) {
        size = 4;
        return true;
    }
    if (::inet_pton(AF_INET6, s.c_str(), out) != 1) return false;
    size = 16;
    static constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (std::memcmp(out, kMapped, 12) == 0) {
        std::memmove(out, out + 12, 4);
        size = 4;
    }
    return true;
}

bool isSpecial4(const std::uint8_t* a) {
    return a[0] == 0 || a[0] == 10 || a[0] == 127 || a[0] >= 224 ||
           (a[0] == 100 && (a[1] & 0xc0) == 64) || (a[0] == 169 && a[1] == 254) ||
           (a[0] == 172 && (a[1] & 0xf0) == 16) || (a[0] == 192 && a[1] == 168) ||
           (a[0] == 192 && a[1] == 0 && (a[2] == 0 || a[2] == 2)) ||
           (a[0] == 192 && a[1] == 88 && a[2] == 99) || (a[0] == 198 && (a[1] & 0xfe) == 18) ||
           (a[0] == 198 && a[1] == 51 && a[2] == 100) || (a[0] == 203 && a[1] == 0 && a[2] == 113);
}

}  // namespace

void Fd::reset() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

std::string SocketAddress::host() const {
    char text[INET6_ADDRSTRLEN] = {};
    if (family() == AF_INET) {
        ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr, text,
                    sizeof text);
        return text;
    }
    if (family() == AF_INET6) {
        const auto& a = reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(&a))
            ::inet_ntop(AF_INET, &a.s6_addr[12], text, sizeof text);
        else
            ::inet_ntop(AF_INET6, &a, text, sizeof text);
        return text;
    }
    return "unix";
}

unsigned short SocketAddress::port() const {
    if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
    if (family() == AF_INET6)
        return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port);
    return 0;
}

std::uint64_t SocketAddress::prefixKey() const {
    if (family() == AF_INET)
        return reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr.s_addr | (1ULL << 63);
    if (family() == AF_INET6) {
        const auto& a = reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr;
        std::uint64_t key = 0;
        if (IN6_IS_ADDR_V4MAPPED(&a)) {
            std::uint32_t v4 = 0;
            std::memcpy(&v4, &a.s6_addr[12], 4);
            return v4 | (1ULL << 63);
        }
        std::memcpy(&key, a.s6_addr, 8);
        return key == 0 ? 1 : key;  // ::1
    }
    return 0;
}

bool SocketAddress::isSpecial() const {
    if (family() == AF_INET) {
        std::uint8_t a[4];
        std::memcpy(a, &reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr, 4);
        return isSpecial4(a);
    }
    if (family() == AF_INET6) {
        const auto& a = reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(&a) || IN6_IS_ADDR_V4COMPAT(&a)) return isSpecial4(&a.s6_addr[12]);
        // 64:ff9b::/96 reaches IPv4 through NAT64, 2002::/16 through 6to4.
        if (a.s6_addr[0] == 0 && a.s6_addr[1] == 0x64) return true;
        if (a.s6_addr[0] == 0x20 && a.s6_addr[1] == 0x02) return isSpecial4(&a.s6_addr[2]);
        // Of global unicast 2000::/3, what is not ordinary: 2001::/23 (Teredo, which carries IPv4,
        // and other protocols' own), documentation 2001:db8::/32 and 3fff::/20.
        if (a.s6_addr[0] == 0x20 && a.s6_addr[1] == 0x01)
            return (a.s6_addr[2] & 0xfe) == 0 || (a.s6_addr[2] == 0x0d && a.s6_addr[3] == 0xb8);
        if (a.s6_addr[0] == 0x3f && a.s6_addr[1] == 0xff && (a.s6_addr[2] & 0xf0) == 0) return true;
        return (a.s6_addr[0] & 0xe0) != 0x20;
    }
    return true;
}

bool parseSocketAddress(std::string_view text, SocketAddress& out, std::string& error) {
    if (text.starts_with("unix:")) {
        const auto path = text.substr(5);
        auto& un = reinterpret_cast<sockaddr_un&>(out.storage);
        if (path.empty() || path.size() >= sizeof un.sun_path) {
            error = "expected unix:/path of 1 to 107 octets";
            return false;
        }
        un.sun_family = AF_UNIX;
        std::memcpy(un.sun_path, path.data(), path.size());
        un.sun_path[path.size()] = '\0';
        out.size = sizeof(sockaddr_un);
        return true;
    }
    const auto colon = text.rfind(':');
    unsigned port = 0;
    if (colon != std::string_view::npos) {
        const auto digits = text.substr(colon + 1);
        const auto r = std::from_chars(digits.data(), digits.data() + digits.size(), port);
        if (digits.empty() || r.ec != std::errc{} || r.ptr != digits.data() + digits.size() ||
            port > 65535)
            port = 65536;
    }
    if (colon == std::string_view::npos || port > 65535) {
        error = "expected HOST:PORT such as 127.0.0.1:10002, or unix:/path";
        return false;
    }
    std::string host(text.substr(0, colon));
    if (host.empty() || host == "*") host = "[::]";
    if (host == "localhost") host = "127.0.0.1";
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        auto& in6 = reinterpret_cast<sockaddr_in6&>(out.storage);
        in6.sin6_family = AF_INET6;
        in6.sin6_port = htons(static_cast<std::uint16_t>(port));
        out.size = sizeof(sockaddr_in6);
        if (::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &in6.sin6_addr) == 1)
            return true;
    } else {
        auto& in = reinterpret_cast<sockaddr_in&>(out.storage);
        in.sin_family = AF_INET;
        in.sin_port = htons(static_cast<std::uint16_t>(port));
        out.size = sizeof(sockaddr_in);
        if (::inet_pton(AF_INET, host.c_str(), &in.sin_addr) == 1) return true;
    }
    error = "'" + host + "' is not an IP address (names are not resolved here)";
    return false;
}

Fd listenOn(const SocketAddress& address, std::string_view text, bool reuse_port,
            std::uint32_t unix_mode, std::string& error) {
    const auto fail = [&](const char* step) {
        const int e = errno;
        error = std::string("cannot listen on ") + std::string(text) + ": " + step + ": " +
                std::strerror(e);
        if (e == EADDRINUSE)
            error += "; another process has this address: stop it, or choose another one";
        if (e == EACCES) error += "; the address is not allowed to this user";
        return Fd();
    };
    Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd.valid()) return fail("socket");
    const int one = 1, zero = 0;
    if (address.family() == AF_UNIX) {
        const auto* path = reinterpret_cast<const sockaddr_un*>(&address.storage)->sun_path;
        struct stat st {};
        if (::lstat(path, &st) == 0) {
            // A socket file that nobody answers on is left over from a process that was killed.
            const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
            if (S_ISSOCK(st.st_mode) && ::connect(probe.get(), address.get(), address.size) != 0 &&
                errno == ECONNREFUSED)
                ::unlink(path);
        }
    } else {
        ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (reuse_port) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
        if (address.family() == AF_INET6)
            ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
        ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    if (::bind(fd.get(), address.get(), address.size) != 0) return fail("bind");
    if (address.family() == AF_UNIX)
        ::chmod(reinterpret_cast<const sockaddr_un*>(&address.storage)->sun_path, unix_mode);
    if (::listen(fd.get(), 4096) != 0) return fail("listen");
    return fd;
}

Fd connectTo(const SocketAddress& address) {
    Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd.valid()) return fd;
    if (address.family() != AF_UNIX) {
        const int one = 1;
        ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    if (::connect(fd.get(), address.get(), address.size) != 0 && errno != EINPROGRESS) {
        const int e = errno;
        fd.reset();
        errno = e;
    }
    return fd;
}

bool Cidr::parse(std::string_view text, Cidr& out) {
    const auto slash = text.find('/');
    if (!toOctets(text.substr(0, slash), out.octets_, out.size_)) return false;
    out.bits_ = out.size_ * 8;
    if (slash == std::string_view::npos) return true;
    const auto digits = text.substr(slash + 1);
    int bits = -1;
    const auto r = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (r.ec != std::errc{} || r.ptr != digits.data() + digits.size() || bits < 0 ||
        bits > out.bits_)
        return false;
    out.bits_ = bits;
    return true;
}

bool Cidr::contains(std::string_view ip) const {
    std::uint8_t octets[16];
    int size = 0;
    if (!toOctets(ip, octets, size) || size != size_) return false;
    const int whole = bits_ / 8, rest = bits_ % 8;
    if (std::memcmp(octets, octets_, static_cast<std::size_t>(whole)) != 0) return false;
    if (rest == 0) return true;
    const int mask = 0xff << (8 - rest);
    return ((octets[whole] ^ octets_[whole]) & mask) == 0;
}

bool isIpAddress(std::string_view text) {
    std::uint8_t octets[16];
    int size = 0;
    return toOctets(text, octets, size);
}

}  // namespace persona::host::net
