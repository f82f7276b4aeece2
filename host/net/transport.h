#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>

#include "host/net/settings.h"
#include "host/net/socket.h"

struct ssl_st;
struct ssl_ctx_st;

namespace persona::host::net {

/// OpenSSL context of a listener or upstream; replaced as a whole when certificates change.
class TlsContext {
  public:
    /// nullptr and `error` when a file cannot be used.
    static std::shared_ptr<TlsContext> server(const TlsServerSettings&, std::string& error);
    static std::shared_ptr<TlsContext> client(const TlsClientSettings&, std::string& error);
    explicit TlsContext(ssl_ctx_st* ctx) : ctx_(ctx) {}
    ~TlsContext();
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;
    [[nodiscard]] ssl_ctx_st* get() const { return ctx_; }

  private:
    ssl_ctx_st* ctx_;
};

enum class Io { Done, Again, Closed, Error };

/// A non-blocking socket, plain or TLS, with the same calls for both. [loop]
class Transport {
  public:
    Transport() = default;
    explicit Transport(Fd fd) : fd_(std::move(fd)) {}
    ~Transport();
    Transport(Transport&&) noexcept;
    Transport& operator=(Transport&&) noexcept;

    /// Wraps the socket. `verify_name`: client only, the name that the certificate must carry.
    bool startTls(TlsContext& context, bool server, const std::string& verify_name);
    /// Drives the handshake; Done when finished (at once for plain sockets).
    Io handshake();
    Io read(char* data, std::size_t size, std::size_t& got);
    Io write(const iovec* pieces, int count, std::size_t& sent);
    void shutdownWrite();
    /// close() will reset the connection: the peer must not take what it has for all.
    void resetOnClose();
    void close();
    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] bool isTls() const { return ssl_ != nullptr; }
    /// TLS: octets decrypted but not read, for which no event will come.
    [[nodiscard]] bool hasBuffered() const;
    /// An idle socket that is readable was closed by the peer, or speaks out of turn.
    [[nodiscard]] bool isStale() const;
    [[nodiscard]] const std::string& tlsError() const { return tls_error_; }

  private:
    Io tlsResult(int r);
    Fd fd_;
    ssl_st* ssl_ = nullptr;
    std::string tls_error_;
};

}  // namespace persona::host::net
