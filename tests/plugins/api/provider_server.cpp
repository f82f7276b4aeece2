#include "tests/plugins/api/provider_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <utility>

#include "libs/protocol/token.h"

namespace persona::api {

namespace {

protocol::SecretKey makeKey() {
    auto key = protocol::SecretKey::generate(protocol::Algorithm::ES256);
    if (!key) throw std::runtime_error(key.error());
    return std::move(*key);
}

std::int64_t nowMs() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

}  // namespace

ProviderServer& ProviderServer::shared() {
    static ProviderServer server;
    return server;
}

ProviderServer::ProviderServer() : key_(makeKey()) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof a;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&a), size) != 0 ||
        ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&a), &size) != 0)
        throw std::runtime_error("no port for the providers");
    port_ = ntohs(a.sin_port);
    thread_ = std::thread([this] { serve(); });
}

ProviderServer::~ProviderServer() {
    stop_ = true;
    thread_.join();
    ::close(listener_);
}

void ProviderServer::serve() {
    while (!stop_) {
        pollfd p{listener_, POLLIN, 0};
        if (::poll(&p, 1, 50) != 1) continue;
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        const timeval limit{2, 0};
        ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        std::string request;
        char piece[4'096];
        while (request.find("\r\n\r\n") == std::string::npos) {
            const auto n = ::recv(fd, piece, sizeof piece, 0);
            if (n <= 0) break;
            request.append(piece, static_cast<std::size_t>(n));
        }
        const auto slash = request.find('/'), end = request.find_first_of("? ", slash);
        const auto path = request.substr(slash + 1, end - slash - 1);
        if (path == "held") {
            std::unique_lock lock(mutex_);
            const auto act = std::exchange(meanwhile_, nullptr);
            lock.unlock();
            if (act) act();
        }
        const auto out = answer(path);
        (void)!::send(fd, out.data(), out.size(), MSG_NOSIGNAL);
        ::close(fd);
    }
}

void ProviderServer::meanwhile(std::function<void()> act) {
    const std::lock_guard lock(mutex_);
    meanwhile_ = std::move(act);
}

std::string ProviderServer::answer(const std::string& path) const {
    if (path == "down") return "HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    if (path == "moved")
        return "HTTP/1.1 302 Found\r\nLocation: /live\r\nContent-Length: 0\r\nConnection: "
               "close\r\n\r\n";
    const bool is_long = path == "huge" || path == "endless";
    const auto body = path == "disabled" ? std::string(R"({"disabled":true})")
                      : path == "delegated"
                          ? std::string(R"({"authority":"live.example"})")
                          : R"({"authentication":"/auth","provisioning":"/prov","public-key":)" +
                                key_.publicKey()->canonical() +
                                (is_long ? R"(,"more":")" + std::string(80'000, 'x') + "\"" : "") +
                                "}";
    return std::string("HTTP/1.1 200 OK\r\nContent-Type: ") +
           (path == "plain" ? "text/plain" : "application/json") +
           (path == "endless" ? "" : "\r\nContent-Length: " + std::to_string(body.size())) +
           "\r\nConnection: close\r\n\r\n" + body;
}

std::vector<std::string> ProviderServer::configuration() const {
    std::string map = "discovery_overrides: {";
    for (const std::string name :
         {"live", "disabled", "down", "delegated", "huge", "plain", "moved", "endless", "held"})
        map += (name == "live" ? "" : ", ") + name +
               ".example: \"http://127.0.0.1:" + std::to_string(port_) + "/" + name + "\"";
    return {"disable_primary_support: false", "http_proxy: \"http://127.0.0.1:1\"", map + "}"};
}

std::string ProviderServer::assertion(const std::string& email, const std::string& audience,
                                      const std::string& issuer) const {
    const auto user = makeKey();
    const auto now = nowMs();
    const auto certificate = protocol::signToken(
        key_, protocol::certificatePayload({issuer, email, false, now - 1'000, now + 600'000},
                                           *user.publicKey()));
    const auto assertion = protocol::signToken(
        user, "{\"exp\":" + std::to_string(now + 120'000) + ",\"aud\":\"" + audience + "\"}");
    if (!certificate || !assertion) throw std::runtime_error("cannot sign");
    return *certificate + "~" + *assertion;
}

}  // namespace persona::api
