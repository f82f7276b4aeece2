#include "host/net/client_call.h"

#include <array>
#include <charconv>

namespace persona::host::net {

bool parseUrl(std::string_view url, UrlParts& out) {
    if (url.starts_with("https://")) {
        out.tls = true;
        url.remove_prefix(8);
    } else if (url.starts_with("http://")) {
        out.tls = false;
        url.remove_prefix(7);
    } else {
        return false;
    }
    const auto slash = url.find_first_of("/?#");
    out.authority = url.substr(0, slash);
    out.target = slash == std::string_view::npos ? "/" : std::string(url.substr(slash));
    if (out.target.front() != '/') out.target.insert(0, "/");
    if (const auto hash = out.target.find('#'); hash != std::string::npos) out.target.resize(hash);
    for (const char c : out.authority + out.target)
        if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f)
            return false;
    std::string_view host = out.authority;
    if (host.empty() || host.find('@') != std::string_view::npos) return false;
    out.port = out.tls ? 443 : 80;
    out.default_port = true;
    const auto bracket = host.rfind(']');
    const auto colon = host.rfind(':');
    if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
        unsigned port = 0;
        const auto digits = host.substr(colon + 1);
        const auto r = std::from_chars(digits.data(), digits.data() + digits.size(), port);
        if (r.ec != std::errc{} || r.ptr != digits.data() + digits.size() || port == 0 ||
            port > 65535)
            return false;
        out.port = static_cast<unsigned short>(port);
        out.default_port = false;
        host = host.substr(0, colon);
    }
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    out.host = host;
    return !out.host.empty();
}

void ClientCall::startPool(UpstreamPool& pool) {
    pool_ = &pool;
    loop_.reactor.wheel().set(*this, loop_.reactor.now() + request_.deadline.count() * 1'000'000);
    waiting_ = true;
    pool.acquire(*this);
}

void ClientCall::startEndpoint(Endpoint endpoint, std::shared_ptr<TlsContext> tls) {
    loop_.reactor.wheel().set(*this, loop_.reactor.now() + request_.deadline.count() * 1'000'000);
    auto* connection = new UpstreamConnection(loop_, nullptr, endpoint, std::move(tls));
    connection_ = connection;  // buried by itself when it ends
    connection->open(*this, request_.deadline);
}

void ClientCall::fail(ClientError error, const std::string& detail) {
    result_.error = error;
    result_.detail = detail;
    result_.status = 0;
    finish();
}

void ClientCall::finish() {
    if (finished_) return;
    finished_ = true;
    loop_.reactor.wheel().cancel(*this);
    done_(std::move(result_));
    loop_.reactor.defer([this] { delete this; });
}

void ClientCall::onDeadline() {
    if (finished_) return;
    if (connection_ != nullptr)
        std::exchange(connection_, nullptr)->cancel();
    else if (waiting_ && pool_ != nullptr)
        pool_->forget(*this);
    fail(ClientError::Timeout,
         "no complete answer within " + std::to_string(request_.deadline.count()) + " ms");
}

void ClientCall::onUpstreamReady(UpstreamConnection& connection) {
    waiting_ = false;
    connection_ = &connection;
    std::string out = request_.method + " " + request_.target + " HTTP/1.1\r\n";
    bool host = false;
    for (std::size_t i = 0; i < request_.fields.size(); ++i) {
        const auto f = request_.fields[i];
        if (isHopByHop(f.name)) continue;
        host = host || equalsNoCase(f.name, "host");
        out.append(f.name).append(": ").append(f.value).append("\r\n");
    }
    if (!host) out.append("Host: ").append(connection.endpoint().host_name).append("\r\n");
    if (pool_ == nullptr) out.append("Connection: close\r\n");
    if (!request_.body.empty() || request_.method == "POST")
        out.append("Content-Length: ").append(std::to_string(request_.body.size())).append("\r\n");
    out.append("\r\n");
    std::array<iovec, 2> pieces{iovec{out.data(), out.size()},
                                iovec{request_.body.data(), request_.body.size()}};
    connection.sendRequest(
        pieces.data(), 2, request_.method == "HEAD",
        pool_ != nullptr ? pool_->settings().first_byte_timeout : request_.deadline);
}

bool ClientCall::onUpstreamHead(ResponseHead& head) {
    result_.status = head.status;
    result_.fields = head.fields;
    if (head.content_length > static_cast<std::int64_t>(request_.max_body)) {
        if (connection_ != nullptr) std::exchange(connection_, nullptr)->cancel();
        fail(ClientError::TooLarge,
             "the answer is larger than " + std::to_string(request_.max_body) + " octets");
        return false;
    }
    return true;
}

bool ClientCall::onUpstreamBody(std::string_view piece) {
    if (result_.body.size() + piece.size() > request_.max_body) {
        if (connection_ != nullptr) std::exchange(connection_, nullptr)->cancel();
        fail(ClientError::TooLarge,
             "the answer is larger than " + std::to_string(request_.max_body) + " octets");
        return true;
    }
    result_.body.append(piece);
    return true;
}

void ClientCall::onUpstreamEnd() {
    connection_ = nullptr;
    finish();
}

void ClientCall::onUpstreamError(ClientError error, const std::string& detail) {
    connection_ = nullptr;
    waiting_ = false;
    fail(error, detail);
}

}  // namespace persona::host::net
