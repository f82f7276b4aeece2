#include "host/net/client_call.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace persona::host::net {

namespace {
constexpr std::size_t kMaxAddresses = 4;  ///< of one name that are tried
}  // namespace

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

void ClientCall::startEndpoint(const Endpoint& endpoint, std::shared_ptr<TlsContext> tls) {
    loop_.reactor.wheel().set(*this, loop_.reactor.now() + request_.deadline.count() * 1'000'000);
    connection_ = new UpstreamConnection(loop_, nullptr, endpoint, std::move(tls));
    connection_->open(*this, request_.deadline);
}

void ClientCall::startUrl(UrlParts url, Resolver& resolver, std::shared_ptr<TlsContext> tls) {
    url_ = std::move(url);
    tls_ = std::move(tls);
    const auto deadline_ns = request_.deadline.count() * 1'000'000;
    until_ns_ = loop_.reactor.now() + deadline_ns;
    // At least half of the time is the name's own: what it lacks then is not for want of room here.
    const auto begin_by_ns = until_ns_ - deadline_ns / 2;
    loop_.reactor.wheel().set(*this, begin_by_ns);
    lookup_begun_ =
        resolver.resolve(url_.host, url_.port, begin_by_ns,
                         [&loop = loop_, weak = std::weak_ptr(self_)](
                             std::vector<SocketAddress> found, std::string error) {
                             loop.post([weak, found = std::move(found), error = std::move(error)] {
                                 if (const auto self = weak.lock()) (*self)->resolved(found, error);
                             });
                         });
    if (!lookup_begun_) fail(ClientError::QueueFull, "no room for another lookup");
}

void ClientCall::resolved(std::vector<SocketAddress> found, const std::string& error) {
    if (finished_) return;
    if (found.empty())
        return fail(ClientError::Unreachable, "cannot resolve " + url_.host + ": " + error);
    // Any special address among the answers refuses all: a name that mixes them is rebinding.
    if (!request_.allow_private &&
        std::any_of(found.begin(), found.end(), [](const auto& a) { return a.isSpecial(); }))
        return fail(ClientError::Denied, url_.host + " resolves to an address that is not public");
    found.resize(std::min(found.size(), kMaxAddresses));
    std::reverse(found.begin(), found.end());
    addresses_ = std::move(found);
    connectNext();
}

void ClientCall::connectNext() {
    Endpoint e;
    e.address = addresses_.back();
    e.text = url_.host + " (" + e.address.host() + ")";
    e.host_name = url_.host;
    e.tls = url_.tls;
    // An address that is silent leaves time for the ones after it.
    const auto left = std::chrono::milliseconds(std::max<std::int64_t>(
        1, (until_ns_ - monotonicNs()) / 1'000'000 / static_cast<std::int64_t>(addresses_.size())));
    addresses_.pop_back();
    connection_ = new UpstreamConnection(loop_, nullptr, e, tls_);  // buried by itself at its end
    connection_->open(*this, left);
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
    loop_.calls.erase(this);
    done_(std::move(result_));
    loop_.reactor.defer([this] { delete this; });
}

void ClientCall::onDeadline() {
    if (const auto begun = std::exchange(lookup_begun_, nullptr)) {
        if (!*begun)
            return cancel(ClientError::QueueFull, "too many lookups before that of " + url_.host);
        return loop_.reactor.wheel().set(*this, until_ns_);
    }
    cancel(ClientError::Timeout,
           "no complete answer within " + std::to_string(request_.deadline.count()) + " ms");
}

void ClientCall::cancel(ClientError error, const std::string& detail) {
    if (finished_) return;
    if (connection_ != nullptr)
        std::exchange(connection_, nullptr)->cancel();
    else if (waiting_ && pool_ != nullptr)
        pool_->forget(*this);
    fail(error, detail);
}

void ClientCall::onUpstreamReady(UpstreamConnection& connection) {
    waiting_ = false;
    sent_ = true;
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
        pieces.data(), request_.body.empty() ? 1 : 2, true, request_.method == "HEAD",
        pool_ != nullptr ? pool_->settings().first_byte_timeout : request_.deadline);
}

bool ClientCall::onUpstreamHead(ResponseHead& head) {
    result_.status = head.status;
    result_.fields = head.fields;
    if (request_.method != "HEAD" &&
        head.content_length > static_cast<std::int64_t>(request_.max_body)) {
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

void ClientCall::onUpstreamError(const UpstreamError& error) {
    connection_ = nullptr;
    waiting_ = false;
    const auto meaning = meaningOf(error.fault);
    if (!sent_ && meaning.error == ClientError::Unreachable && !addresses_.empty())
        return connectNext();
    fail(meaning.error, error.detail);
}

}  // namespace persona::host::net
