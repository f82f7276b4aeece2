#include "host/net/upstream.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "host/net/upstream_pool.h"

/// The sending half of a connection to an upstream; upstream_answer.cpp has the other one.
namespace persona::host::net {

namespace {
constexpr std::uint32_t kEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
/// A connection that rested longer than this is looked at before it is used: its end may be among
/// the events that this turn of the loop has not come to yet. To look always would cost every
/// forwarded request a system call and close nothing: octets that nobody asked for can arrive right
/// after the look as well. What keeps one request's answer from being taken for another's is that
/// each head that is written here is one request (checked where plugins hand it over) and that the
/// roles behind it are the operator's own.
constexpr std::int64_t kRested = 20'000'000;
}  // namespace

FaultMeaning meaningOf(UpstreamFault fault) {
    switch (fault) {
        case UpstreamFault::Connect:
            return {502, "engine.upstream.unreachable", ClientError::Unreachable};
        case UpstreamFault::ConnectTimeout:
            return {502, "engine.upstream.connect_timeout", ClientError::Unreachable};
        case UpstreamFault::Tls:
            return {502, "engine.upstream.tls", ClientError::Unreachable};
        case UpstreamFault::Closed:
            return {502, "engine.upstream.closed", ClientError::Unreachable};
        case UpstreamFault::FirstByte:
            return {504, "engine.upstream.first_byte_timeout", ClientError::Timeout};
        case UpstreamFault::Malformed:
            return {502, "engine.upstream.protocol", ClientError::Protocol};
        case UpstreamFault::QueueFull:
            return {503, "engine.upstream.queue_full", ClientError::QueueFull};
    }
    return {502, "engine.upstream.unreachable", ClientError::Unreachable};
}

UpstreamConnection::UpstreamConnection(LoopImpl& loop, UpstreamPool* pool, const Endpoint& endpoint,
                                       std::shared_ptr<TlsContext> tls)
    : loop_(loop), pool_(pool), endpoint_(endpoint), tls_(std::move(tls)) {}

UpstreamConnection::~UpstreamConnection() {
    if (transport_.fd() >= 0) loop_.reactor.remove(transport_.fd(), *this);
}

void UpstreamConnection::open(UpstreamUser& user, milliseconds connect_timeout) {
    user_ = &user;
    Fd fd = connectTo(endpoint_.address);
    if (!fd.valid() && (errno == EMFILE || errno == ENFILE) && loop_.makeRoom())
        fd = connectTo(endpoint_.address);
    if (!fd.valid())
        return fail(UpstreamFault::Connect,
                    "connect to " + endpoint_.text + ": " + std::strerror(errno));
    transport_ = Transport(std::move(fd));
    if (!loop_.reactor.add(transport_.fd(), *this, kEvents))
        return fail(UpstreamFault::Connect,
                    "connect to " + endpoint_.text + ": " + std::strerror(errno));
    loop_.reactor.wheel().set(*this, loop_.reactor.now() + connect_timeout.count() * 1'000'000);
}

bool UpstreamConnection::reuse(UpstreamUser& user) {
    if (loop_.reactor.now() - idle_since_ns_ > kRested && transport_.isStale()) return false;
    loop_.reactor.wheel().cancel(*this);
    phase_ = Phase::Busy;
    user_ = &user;
    reused_ = true;
    return true;
}

void UpstreamConnection::onEvents(std::uint32_t events) {
    if (phase_ == Phase::Dead) return;
    if (phase_ == Phase::Connecting || phase_ == Phase::Handshake) return proceedConnecting(events);
    const bool input = (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    if (phase_ == Phase::Idle) {
        // Whatever an idle upstream says, it is no answer of ours.
        if (!input) return;
        char octet = 0;
        if (::recv(transport_.fd(), &octet, 1, MSG_PEEK | MSG_DONTWAIT) > 0 && !transport_.isTls())
            loop_.fault("engine.upstream.surplus", endpoint_.text + " spoke without being asked");
        destroy();
        return;
    }
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) eof_pending_ = true;
    if ((events & EPOLLOUT) != 0 && !out_.empty()) flush();
    if (phase_ != Phase::Busy) return;
    if (input) readable_ = true;
    if (readable_) readSome();
}

void UpstreamConnection::proceedConnecting(std::uint32_t events) {
    if (phase_ == Phase::Connecting) {
        int error = 0;
        socklen_t size = sizeof error;
        ::getsockopt(transport_.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0)
            return fail(UpstreamFault::Connect,
                        "connect to " + endpoint_.text + ": " + std::strerror(error));
        if ((events & EPOLLOUT) == 0) return;
        phase_ = Phase::Handshake;
        if (endpoint_.tls && (!tls_ || !transport_.startTls(*tls_, false, endpoint_.host_name)))
            return fail(UpstreamFault::Tls, "TLS could not be set up for " + endpoint_.text);
    }
    switch (transport_.handshake()) {
        case Io::Again:
            return;
        case Io::Done:
            break;
        default:
            return fail(UpstreamFault::Tls,
                        "TLS handshake with " + endpoint_.text + ": " + transport_.tlsError());
    }
    phase_ = Phase::Busy;
    loop_.reactor.wheel().cancel(*this);
    reusable_ = true;
    user_->onUpstreamReady(*this);
}

void UpstreamConnection::onDeadline() {
    if (phase_ == Phase::Idle) return destroy();
    if (phase_ == Phase::Connecting || phase_ == Phase::Handshake)
        return fail(UpstreamFault::ConnectTimeout, "connect to " + endpoint_.text + ": timed out");
    fail(UpstreamFault::FirstByte, "no answer from " + endpoint_.text + " in time");
}

void UpstreamConnection::sendRequest(const iovec* pieces, int count, bool complete,
                                     bool head_request, milliseconds first_byte_timeout) {
    parser_.emplace();
    scanner_.reset();
    head_done_ = paused_ = sent_any_ = got_octet_ = request_done_ = write_failed_ = false;
    interim_ = 0;
    head_request_ = head_request;
    first_byte_timeout_ = first_byte_timeout;
    send(pieces, count, complete);
}

/// Runs from the last octet that went out: a long upload is not a slow answer.
void UpstreamConnection::awaitFirstByte() {
    if (!got_octet_)
        loop_.reactor.wheel().set(*this,
                                  loop_.reactor.now() + first_byte_timeout_.count() * 1'000'000);
}

void UpstreamConnection::send(const iovec* pieces, int count, bool end) {
    if (phase_ != Phase::Busy || write_failed_) return;
    if (end) request_done_ = true;
    std::size_t sent = 0;
    awaitFirstByte();
    if (out_.empty()) {
        const Io io = transport_.write(pieces, count, sent);
        if (sent > 0) sent_any_ = true;
        if (io == Io::Done) return;
        if (io != Io::Again) {
            reusable_ = false;
            write_failed_ = true;
            if (!sent_any_)
                return fail(UpstreamFault::Closed, "send to " + endpoint_.text + " failed");
            // The answer may have come before the upstream stopped reading: it is read first.
            readable_ = eof_pending_ = true;
            loop_.reactor.again(*this);
            return;
        }
    }
    for (int i = 0; i < count; ++i) {
        const auto skip = std::min(sent, pieces[i].iov_len);
        sent -= skip;
        out_.append(static_cast<const char*>(pieces[i].iov_base) + skip, pieces[i].iov_len - skip);
    }
}

void UpstreamConnection::flush() {
    const iovec rest{out_.data() + out_sent_, out_.size() - out_sent_};
    std::size_t sent = 0;
    const Io io = transport_.write(&rest, 1, sent);
    out_sent_ += sent;
    if (sent > 0) {
        sent_any_ = true;
        awaitFirstByte();
    }
    if (io != Io::Done && io != Io::Again) {
        reusable_ = false;
        write_failed_ = true;
        readable_ = eof_pending_ = true;
    }
    if (out_sent_ == out_.size() || write_failed_) {
        out_.clear();
        out_sent_ = 0;
    }
    if (!isBehind() && user_ != nullptr) user_->onUpstreamWritable();
}

void UpstreamConnection::cancel() {
    user_ = nullptr;
    destroy();
}

void UpstreamConnection::fail(UpstreamFault fault, const std::string& detail) {
    auto* user = std::exchange(user_, nullptr);
    const bool untouched = !sent_any_;
    if (pool_ != nullptr) pool_->failed(*this, fault);
    destroy();
    if (user != nullptr) user->onUpstreamError({fault, untouched, reused_, detail});
}

void UpstreamConnection::destroy() {
    if (phase_ == Phase::Dead) return;
    phase_ = Phase::Dead;
    loop_.reactor.wheel().cancel(*this);
    if (transport_.fd() >= 0) loop_.reactor.remove(transport_.fd(), *this);
    transport_.close();
    if (pool_ != nullptr)
        pool_->removed(*this);
    else
        loop_.graveyard.upstreams.emplace_back(this);
}

}  // namespace persona::host::net
