#include "host/net/transport.h"

#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace persona::host::net {

namespace {

std::string lastTlsError(const std::string& what) {
    char text[256] = "unknown";
    if (const auto e = ::ERR_peek_last_error(); e != 0) ::ERR_error_string_n(e, text, sizeof text);
    ::ERR_clear_error();
    return what + ": " + text;
}

std::shared_ptr<TlsContext> fresh(const SSL_METHOD* method) {
    auto context = std::make_shared<TlsContext>(::SSL_CTX_new(method));
    SSL_CTX* ctx = context->get();
    ::SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    // An end of stream without close_notify stays an error: the network could cut an answer short.
    ::SSL_CTX_set_options(
        ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    // A key with a passphrase is an error, not a question on the terminal.
    ::SSL_CTX_set_default_passwd_cb(ctx, [](char*, int, int, void*) { return 0; });
    ::SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
    ::SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20");
    return context;
}

bool useCertificate(SSL_CTX* ctx, const std::string& certificate, const std::string& key,
                    std::string& error) {
    if (::SSL_CTX_use_certificate_chain_file(ctx, certificate.c_str()) != 1) {
        error = lastTlsError("cannot use certificate file " + certificate);
        return false;
    }
    if (::SSL_CTX_use_PrivateKey_file(ctx, key.c_str(), SSL_FILETYPE_PEM) != 1 ||
        ::SSL_CTX_check_private_key(ctx) != 1) {
        error = lastTlsError("cannot use key file " + key + " with certificate " + certificate);
        return false;
    }
    return true;
}

}  // namespace

TlsContext::~TlsContext() {
    ::SSL_CTX_free(ctx_);
}

std::shared_ptr<TlsContext> TlsContext::server(const TlsServerSettings& s, std::string& error) {
    auto context = fresh(::TLS_server_method());
    SSL_CTX* ctx = context->get();
    if (!useCertificate(ctx, s.certificate_file, s.key_file, error)) return nullptr;
    static constexpr unsigned char kId[] = "persona";
    ::SSL_CTX_set_session_id_context(ctx, kId, sizeof kId - 1);
    if (!s.client_ca_file.empty()) {
        if (::SSL_CTX_load_verify_locations(ctx, s.client_ca_file.c_str(), nullptr) != 1) {
            error = lastTlsError("cannot use CA file " + s.client_ca_file);
            return nullptr;
        }
        ::SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
    return context;
}

std::shared_ptr<TlsContext> TlsContext::client(const TlsClientSettings& s, std::string& error) {
    auto context = fresh(::TLS_client_method());
    SSL_CTX* ctx = context->get();
    ::SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
    const bool system = s.ca_file.empty() || s.system_too;
    if ((system && ::SSL_CTX_set_default_verify_paths(ctx) != 1) ||
        (!s.ca_file.empty() &&
         ::SSL_CTX_load_verify_locations(ctx, s.ca_file.c_str(), nullptr) != 1)) {
        error = lastTlsError("cannot use CA file " + s.ca_file);
        return nullptr;
    }
    if (!s.certificate_file.empty() && !useCertificate(ctx, s.certificate_file, s.key_file, error))
        return nullptr;
    return context;
}

Transport::~Transport() {
    close();
}

Transport::Transport(Transport&& o) noexcept
    : fd_(std::move(o.fd_)),
      ssl_(std::exchange(o.ssl_, nullptr)),
      tls_error_(std::move(o.tls_error_)) {}

Transport& Transport::operator=(Transport&& o) noexcept {
    if (this != &o) {
        close();
        fd_ = std::move(o.fd_);
        ssl_ = std::exchange(o.ssl_, nullptr);
        tls_error_ = std::move(o.tls_error_);
    }
    return *this;
}

void Transport::close() {
    if (ssl_ != nullptr) {
        ::SSL_free(ssl_);
        ssl_ = nullptr;
    }
    fd_.reset();
}

bool Transport::startTls(TlsContext& context, bool server, const std::string& verify_name) {
    ssl_ = ::SSL_new(context.get());
    if (ssl_ == nullptr || ::SSL_set_fd(ssl_, fd_.get()) != 1) return false;
    if (server) {
        ::SSL_set_accept_state(ssl_);
        return true;
    }
    ::SSL_set_connect_state(ssl_);
    if (isIpAddress(verify_name))
        return ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl_), verify_name.c_str()) == 1;
    ::SSL_set_hostflags(ssl_, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return ::SSL_set1_host(ssl_, verify_name.c_str()) == 1 &&
           ::SSL_set_tlsext_host_name(ssl_, verify_name.c_str()) == 1;
}

Io Transport::tlsResult(int r) {
    switch (::SSL_get_error(ssl_, r)) {
        case SSL_ERROR_WANT_READ:
        case SSL_ERROR_WANT_WRITE:
            return Io::Again;
        case SSL_ERROR_ZERO_RETURN:
            return Io::Closed;
        default:
            if (const long v = ::SSL_get_verify_result(ssl_); v != X509_V_OK)
                tls_error_ =
                    std::string("certificate refused: ") + ::X509_verify_cert_error_string(v);
            else
                tls_error_ = lastTlsError("TLS");
            ::ERR_clear_error();
            return Io::Error;
    }
}

Io Transport::handshake() {
    if (ssl_ == nullptr || ::SSL_is_init_finished(ssl_)) return Io::Done;
    ::ERR_clear_error();
    const int r = ::SSL_do_handshake(ssl_);
    return r == 1 ? Io::Done : tlsResult(r);
}

Io Transport::read(char* data, std::size_t size, std::size_t& got) {
    got = 0;
    if (ssl_ != nullptr) {
        ::ERR_clear_error();
        const int r = ::SSL_read_ex(ssl_, data, size, &got);
        return r == 1 ? Io::Done : tlsResult(r);
    }
    for (;;) {
        const auto n = ::recv(fd_.get(), data, size, 0);
        if (n > 0) {
            got = static_cast<std::size_t>(n);
            return Io::Done;
        }
        if (n == 0) return Io::Closed;
        if (errno == EINTR) continue;
        return errno == EAGAIN || errno == EWOULDBLOCK ? Io::Again : Io::Error;
    }
}

Io Transport::write(const iovec* pieces, int count, std::size_t& sent) {
    sent = 0;
    if (ssl_ != nullptr) {
        // One call writes one record at most. Stopping before the socket itself says no would wait
        // for an event that does not come.
        for (int i = 0; i < count; ++i) {
            const auto* data = static_cast<const char*>(pieces[i].iov_base);
            for (std::size_t at = 0, n = 0; at < pieces[i].iov_len; at += n, sent += n) {
                ::ERR_clear_error();
                const int r = ::SSL_write_ex(ssl_, data + at, pieces[i].iov_len - at, &n);
                if (r != 1) return tlsResult(r);
            }
        }
        return Io::Done;
    }
    std::size_t total = 0;
    for (int i = 0; i < count; ++i) total += pieces[i].iov_len;
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces);
    message.msg_iovlen = static_cast<std::size_t>(count);
    for (;;) {
        // One piece is the usual case, and the kernel takes it more cheaply without a list.
        const auto n = count == 1
                           ? ::send(fd_.get(), pieces->iov_base, pieces->iov_len, MSG_NOSIGNAL)
                           : ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
        if (n >= 0) {
            sent = static_cast<std::size_t>(n);
            return sent == total ? Io::Done : Io::Again;
        }
        if (errno == EINTR) continue;
        return errno == EAGAIN || errno == EWOULDBLOCK ? Io::Again : Io::Error;
    }
}

void Transport::shutdownWrite() {
    if (ssl_ != nullptr) ::SSL_shutdown(ssl_);
    ::shutdown(fd_.get(), SHUT_WR);
}

void Transport::resetOnClose() {
    const linger now{1, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

bool Transport::hasBuffered() const {
    return ssl_ != nullptr && ::SSL_pending(ssl_) > 0;
}

bool Transport::isStale() const {
    pollfd p{fd_.get(), POLLIN | POLLRDHUP, 0};
    return ::poll(&p, 1, 0) != 0;
}

}  // namespace persona::host::net
