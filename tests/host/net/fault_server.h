#pragma once

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>

#include "host/net/socket.h"
#include "tests/host/net/test_ca.h"

namespace persona::host::net::testing {

/// A TLS server on a free loopback port which does to each connection what it is told to: the other
/// end of tests of clients. One thread for each connection; all end with the server.
class FaultServer {
  public:
    class Connection {
      public:
        Connection(FaultServer& server, SSL* ssl) : server_(server), ssl_(ssl) {}
        /// The head of the request; empty when the peer has gone.
        std::string readHead() {
            std::string head;
            char data[4096];
            while (head.find("\r\n\r\n") == std::string::npos) {
                const int n = ::SSL_read(ssl_, data, sizeof data);
                if (n <= 0) return "";
                head.append(data, static_cast<std::size_t>(n));
            }
            return head;
        }
        /// False: the peer has gone, or the server is to end.
        bool write(std::string_view text) {
            if (server_.stopping_) return false;
            const int n = ::SSL_write(ssl_, text.data(), static_cast<int>(text.size()));
            if (n > 0) server_.octets += static_cast<std::uint64_t>(n);
            return n > 0;
        }
        /// Until the peer goes, or the server is to end.
        void stayIdle() {
            char data[256];
            while (::SSL_read(ssl_, data, sizeof data) > 0) {
            }
        }

      private:
        FaultServer& server_;
        SSL* ssl_;
    };
    using Behaviour = std::function<void(Connection&)>;

    FaultServer(const TestCa::Files& files, Behaviour behaviour)
        : behaviour_(std::move(behaviour)), context_(::SSL_CTX_new(::TLS_server_method())) {
        ::signal(SIGPIPE, SIG_IGN);  // peers go away in the middle of a write, by design
        EXPECT_EQ(::SSL_CTX_use_certificate_chain_file(context_, files.certificate.c_str()), 1);
        EXPECT_EQ(::SSL_CTX_use_PrivateKey_file(context_, files.key.c_str(), SSL_FILETYPE_PEM), 1);
        SocketAddress a;
        std::string error;
        EXPECT_TRUE(parseSocketAddress("127.0.0.1:0", a, error)) << error;
        listener_ = listenOn(a, "test", false, 0, error);
        EXPECT_TRUE(listener_.valid()) << error;
        socklen_t size = sizeof a.storage;
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&a.storage), &size);
        port = a.port();
        acceptor_ = std::thread([this] { accept(); });
    }
    ~FaultServer() {
        stopping_ = true;
        ::shutdown(listener_.get(), SHUT_RDWR);
        acceptor_.join();
        {
            const std::lock_guard lock(mutex_);
            for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
        }
        for (auto& t : threads_) t.join();
        ::SSL_CTX_free(context_);
    }
    FaultServer(const FaultServer&) = delete;
    FaultServer& operator=(const FaultServer&) = delete;

    unsigned short port = 0;
    std::atomic<int> connections{0};       ///< TCP connections accepted
    std::atomic<int> requests{0};          ///< handshakes that the client finished
    std::atomic<std::uint64_t> octets{0};  ///< written, as far as the kernel took them

  private:
    void accept() {
        while (!stopping_) {
            pollfd p{listener_.get(), POLLIN, 0};
            if (::poll(&p, 1, 100) != 1) continue;
            const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
            if (fd < 0) continue;
            ++connections;
            const std::lock_guard lock(mutex_);
            if (stopping_) ::shutdown(fd, SHUT_RDWR);
            open_.push_back(fd);
            threads_.emplace_back([this, fd] { serve(fd); });
        }
    }
    void serve(int fd) {
        SSL* ssl = ::SSL_new(context_);
        ::SSL_set_fd(ssl, fd);
        if (::SSL_accept(ssl) == 1) {
            ++requests;
            Connection connection(*this, ssl);
            behaviour_(connection);
            ::SSL_shutdown(ssl);
        }
        ::SSL_free(ssl);
        const std::lock_guard lock(mutex_);
        open_.remove(fd);
        ::close(fd);
    }
    Behaviour behaviour_;
    SSL_CTX* context_;
    Fd listener_;
    std::atomic<bool> stopping_{false};
    std::mutex mutex_;
    std::list<int> open_;
    std::list<std::thread> threads_;
    std::thread acceptor_;
};

/// Reads a request and answers it.
inline FaultServer::Behaviour answering(std::string response) {
    return [response = std::move(response)](FaultServer::Connection& c) {
        if (!c.readHead().empty()) c.write(response);
    };
}
inline std::string http(const std::string& status, const std::string& fields,
                        const std::string& body) {
    return "HTTP/1.1 " + status + "\r\n" + fields +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace persona::host::net::testing
