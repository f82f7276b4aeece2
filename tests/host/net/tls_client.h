#pragma once

#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <string>

#include "tests/host/net/net_fixture.h"

namespace persona::host::net::testing {

/// A blocking TLS client that checks nothing but what the test asks it to.
class TlsClient {
  public:
    struct Options {
        int max_version = 0;
        std::string certificate, key;
    };
    explicit TlsClient(unsigned short port) : TlsClient(port, Options{}) {}
    TlsClient(unsigned short port, const Options& o)
        : raw_(port), context_(::SSL_CTX_new(::TLS_client_method())) {
        ::SSL_CTX_set_security_level(context_, 0);
        ::SSL_CTX_set_min_proto_version(context_, TLS1_VERSION);
        if (o.max_version != 0) ::SSL_CTX_set_max_proto_version(context_, o.max_version);
        if (!o.certificate.empty()) {
            ::SSL_CTX_use_certificate_chain_file(context_, o.certificate.c_str());
            ::SSL_CTX_use_PrivateKey_file(context_, o.key.c_str(), SSL_FILETYPE_PEM);
        }
        const timeval bound{20, 0};
        ::setsockopt(raw_.fd(), SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
        ssl_ = ::SSL_new(context_);
        ::SSL_set_fd(ssl_, raw_.fd());
        connected_ = ::SSL_connect(ssl_) == 1;
    }
    ~TlsClient() {
        ::SSL_free(ssl_);
        ::SSL_CTX_free(context_);
    }
    TlsClient(const TlsClient&) = delete;
    TlsClient& operator=(const TlsClient&) = delete;
    [[nodiscard]] bool connected() const { return connected_; }
    [[nodiscard]] std::string version() const { return ::SSL_get_version(ssl_); }
    [[nodiscard]] long serial() const {
        X509* x = ::SSL_get1_peer_certificate(ssl_);
        const long n = x == nullptr ? -1 : ::ASN1_INTEGER_get(::X509_get0_serialNumber(x));
        ::X509_free(x);
        return n;
    }
    std::string ask(const std::string& request) {
        ::SSL_write(ssl_, request.data(), static_cast<int>(request.size()));
        std::string all;
        char buffer[16384];
        for (int n = 0; (n = ::SSL_read(ssl_, buffer, sizeof buffer)) > 0;)
            all.append(buffer, static_cast<std::size_t>(n));
        return all;
    }
    /// After ask(): the server said close_notify.
    [[nodiscard]] bool endedCleanly() const {
        return (::SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0;
    }
    bool renegotiate() { return ::SSL_renegotiate(ssl_) == 1 && ::SSL_do_handshake(ssl_) == 1; }
    [[nodiscard]] SSL* get() const { return ssl_; }

  private:
    RawClient raw_;
    SSL_CTX* context_;
    SSL* ssl_ = nullptr;
    bool connected_ = false;
};

}  // namespace persona::host::net::testing
