#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace persona::host::net {

/// Owns a file descriptor.
class Fd {
  public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        if (this != &other) {
            reset();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }
    ~Fd() { reset(); }
    void reset();
    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] bool valid() const { return fd_ >= 0; }

  private:
    int fd_ = -1;
};

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;
    [[nodiscard]] const sockaddr* get() const {
        return reinterpret_cast<const sockaddr*>(&storage);
    }
    [[nodiscard]] int family() const { return storage.ss_family; }
    /// Textual IP without port; "unix" for local sockets. IPv4-mapped IPv6 shows as IPv4.
    [[nodiscard]] std::string host() const;
    [[nodiscard]] unsigned short port() const;
    /// IPv4 /32 or IPv6 /64 as octets: the key of per-address caps; 0 for local sockets alone.
    [[nodiscard]] std::uint64_t prefixKey() const;
    /// Loopback, private, link-local, CGNAT, multicast, unspecified, or an IPv4-mapped form of
    /// these.
    [[nodiscard]] bool isSpecial() const;
};

/// "127.0.0.1:80", "[::1]:80", ":80", "unix:/path". Error text in `error` when empty.
[[nodiscard]] bool parseSocketAddress(std::string_view text, SocketAddress& out,
                                      std::string& error);

/// Bound and listening, non-blocking. Error text names the address and the remedy.
[[nodiscard]] Fd listenOn(const SocketAddress& address, std::string_view text, bool reuse_port,
                          std::uint32_t unix_mode, std::string& error);

/// Non-blocking connect in progress, or an invalid Fd with errno.
[[nodiscard]] Fd connectTo(const SocketAddress& address);

/// Network in CIDR form, "10.0.0.0/8", "::1".
class Cidr {
  public:
    static bool parse(std::string_view text, Cidr& out);
    [[nodiscard]] bool contains(std::string_view ip) const;

  private:
    std::uint8_t octets_[16] = {};
    int size_ = 4;
    int bits_ = 32;
};

/// True for a textual IPv4 or IPv6 address.
[[nodiscard]] bool isIpAddress(std::string_view text);

}  // namespace persona::host::net
