#include "host/net/upstream.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace persona::host::net {

namespace {
constexpr std::uint32_t kEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
constexpr std::size_t kPiece = 16 * 1024;
constexpr unsigned kMaxInterim = 8;  ///< answers of status 1xx before the final one
const Limits kResponseLimits{};
}  // namespace

bool isHopByHop(std::string_view name) {
    switch (name.size()) {
        case 2:
            return equalsNoCase(name, "te");
        case 7:
            return equalsNoCase(name, "trailer") || equalsNoCase(name, "upgrade");
        case 10:
            return equalsNoCase(name, "connection") || equalsNoCase(name, "keep-alive");
        case 14:
            return equalsNoCase(name, "content-length");
        case 16:
            return equalsNoCase(name, "proxy-connection");
        case 17:
            return equalsNoCase(name, "transfer-encoding");
        default:
            return false;
    }
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
    if (!fd.valid())
        return fail(ClientError::Unreachable,
                    "connect to " + endpoint_.text + ": " + std::strerror(errno));
    transport_ = Transport(std::move(fd));
    loop_.reactor.add(transport_.fd(), *this, kEvents);
    loop_.reactor.wheel().set(*this, loop_.reactor.now() + connect_timeout.count() * 1'000'000);
}

bool UpstreamConnection::reuse(UpstreamUser& user) {
    if (transport_.isStale()) return false;
    user_ = &user;
    return true;
}

void UpstreamConnection::onEvents(std::uint32_t events) {
    if (phase_ == Phase::Dead) return;
    if (phase_ == Phase::Connecting) {
        int error = 0;
        socklen_t size = sizeof error;
        ::getsockopt(transport_.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0)
            return fail(ClientError::Unreachable,
                        "connect to " + endpoint_.text + ": " + std::strerror(error));
        if ((events & EPOLLOUT) == 0) return;
        phase_ = Phase::Handshake;
        if (endpoint_.tls && (!tls_ || !transport_.startTls(*tls_, false, endpoint_.host_name)))
            return fail(ClientError::Unreachable, "TLS could not be set up for " + endpoint_.text);
    }
    if (phase_ == Phase::Handshake) {
        switch (transport_.handshake()) {
            case Io::Again:
                return;
            case Io::Done:
                break;
            default:
                return fail(ClientError::Unreachable,
                            "TLS handshake with " + endpoint_.text + ": " + transport_.tlsError());
        }
        phase_ = Phase::Busy;
        loop_.reactor.wheel().cancel(*this);
        reusable_ = true;
        return user_->onUpstreamReady(*this);
    }
    if (phase_ == Phase::Idle) {
        // Whatever an idle upstream says, it is no answer of ours.
        if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) destroy();
        return;
    }
    if ((events & EPOLLOUT) != 0 && !out_.empty()) flush();
    if (phase_ != Phase::Busy) return;
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        readable_ = true;
        readSome();
    }
}

void UpstreamConnection::onDeadline() {
    if (phase_ == Phase::Idle) return destroy();
    if (phase_ == Phase::Connecting || phase_ == Phase::Handshake)
        return fail(ClientError::Unreachable, "connect to " + endpoint_.text + ": timed out");
    fail(ClientError::Timeout, "no answer from " + endpoint_.text);
}

void UpstreamConnection::sendRequest(const iovec* pieces, int count, bool head_request,
                                     milliseconds first_byte_timeout) {
    parser_.emplace();
    scanner_.reset();
    head_done_ = paused_ = sent_any_ = got_octet_ = false;
    interim_ = 0;
    head_request_ = head_request;
    loop_.reactor.wheel().set(*this, loop_.reactor.now() + first_byte_timeout.count() * 1'000'000);
    send(pieces, count);
}

void UpstreamConnection::send(const iovec* pieces, int count) {
    if (phase_ != Phase::Busy) return;
    std::size_t sent = 0;
    if (out_.empty()) {
        const Io io = transport_.write(pieces, count, sent);
        if (sent > 0) sent_any_ = true;
        if (io == Io::Done) return;
        if (io != Io::Again) {
            // The answer may have come before the upstream stopped reading: read it first.
            readable_ = true;
            loop_.reactor.post([] {});
            out_.clear();
            out_sent_ = 0;
            reusable_ = false;
            if (!sent_any_)
                return fail(ClientError::Unreachable, "send to " + endpoint_.text + " failed");
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
    if (sent > 0) sent_any_ = true;
    if (out_sent_ == out_.size() || (io != Io::Done && io != Io::Again)) {
        if (out_sent_ != out_.size()) reusable_ = false;
        out_.clear();
        out_sent_ = 0;
        if (user_ != nullptr) user_->onUpstreamWritable();
    } else if (!isBehind() && user_ != nullptr) {
        user_->onUpstreamWritable();
    }
}

void UpstreamConnection::resumeRead() {
    if (!paused_) return;
    paused_ = false;
    readable_ = true;
    readSome();
}

void UpstreamConnection::readSome() {
    if (reading_) return;
    reading_ = true;
    while (phase_ == Phase::Busy && user_ != nullptr && !paused_ && (readable_ || !in_.empty())) {
        if (!in_.empty()) {
            std::string kept;
            kept.swap(in_);
            std::string_view data = kept;
            const auto before = data.size();
            if (!consume(data)) break;
            if (phase_ != Phase::Busy || user_ == nullptr) break;
            in_.assign(data);
            if (paused_) break;
            if (in_.size() < before && parser_ && !in_.empty() && head_done_) continue;
            if (!readable_) break;
        }
        std::size_t got = 0;
        char* buffer = loop_.upstream_buffer.data();
        const Io io = transport_.read(buffer, kPiece, got);
        if (io == Io::Again) {
            readable_ = false;
            break;
        }
        if (io != Io::Done) {
            reusable_ = false;
            if (io == Io::Closed && head_done_ && parser_->need_eof()) {
                finishMessage();
                break;
            }
            fail(head_done_ ? ClientError::Protocol : ClientError::Unreachable,
                 endpoint_.text + " closed the connection before the end of its answer");
            break;
        }
        if (got < kPiece && !transport_.isTls()) readable_ = false;
        if (!in_.empty()) {
            in_.append(buffer, got);
            continue;
        }
        std::string_view data(buffer, got);
        if (!consume(data)) break;
        if (phase_ == Phase::Busy && user_ != nullptr) in_.assign(data);
    }
    reading_ = false;
}

/// Eats what it can of `data`. False: the message ended, or the user let go.
bool UpstreamConnection::consume(std::string_view& data) {
    if (!got_octet_) {
        got_octet_ = true;
        loop_.reactor.wheel().cancel(*this);
    }
    while (!head_done_) {
        const auto r = scanner_.scan(data, kResponseLimits, false);
        if (r.state == HeadScanner::State::NeedMore) return true;
        boost::beast::error_code ec;
        if (r.state == HeadScanner::State::Complete) {
            if (head_request_) parser_->skip(true);
            parser_->put({data.data(), r.head_size}, ec);
        }
        if (r.state == HeadScanner::State::Bad ||
            (ec && ec != boost::beast::http::error::need_more) || !parser_->is_header_done() ||
            parser_->bad_encoding || parser_->lengths > 1 ||
            (parser_->lengths == 1 && parser_->content_length < 0) ||
            (parser_->lengths != 0 && parser_->encodings != 0) || parser_->encodings > 1) {
            fail(ClientError::Protocol, endpoint_.text + " sent a malformed head");
            return false;
        }
        data.remove_prefix(r.head_size);
        if (parser_->status < 200) {
            if (parser_->status == 101) {
                fail(ClientError::Protocol, endpoint_.text + " switched protocols unasked");
                return false;
            }
            // A peer that sends nothing else would keep the loop busy past every deadline.
            if (++interim_ > kMaxInterim) {
                fail(ClientError::Protocol, endpoint_.text + " sent interim answers without end");
                return false;
            }
            parser_.emplace();
            scanner_.reset();
            continue;
        }
        head_done_ = true;
        auto& p = *parser_;
        if (p.close || (p.minor == 0 && !p.keep_alive) || p.need_eof()) reusable_ = false;
        head_.status = p.status;
        head_.content_length = head_request_ || p.status == 204 || p.status == 304
                                   ? (p.lengths != 0 ? p.content_length : 0)
                                   : p.content_length;
        head_.fields.clear();
        std::optional<std::string> listed;
        for (std::size_t i = 0; i < p.fields.size(); ++i) {
            const auto f = p.fields[i];
            if (equalsNoCase(f.name, "connection") && !equalsNoCase(f.value, "keep-alive") &&
                !equalsNoCase(f.value, "close"))
                listed = std::string(f.value);
        }
        for (std::size_t i = 0; i < p.fields.size(); ++i) {
            const auto f = p.fields[i];
            if (isHopByHop(f.name) || equalsNoCase(f.name, "date")) continue;
            if (listed && listHas(*listed, f.name)) continue;
            head_.fields.add(f.name, f.value);
        }
        if (!user_->onUpstreamHead(head_)) return false;
        if (phase_ != Phase::Busy || user_ == nullptr) return false;
    }
    while (!parser_->is_done()) {
        if (data.empty() || paused_) return true;
        boost::beast::error_code ec;
        parser_->piece = {};
        const auto used = parser_->put({data.data(), data.size()}, ec);
        data.remove_prefix(used);
        if (!parser_->piece.empty()) {
            const bool more = user_->onUpstreamBody(parser_->piece);
            if (phase_ != Phase::Busy || user_ == nullptr) return false;
            if (!more) paused_ = true;
        }
        if (ec == boost::beast::http::error::need_more || (!ec && used == 0)) {
            if (data.size() > kPiece) {
                fail(ClientError::Protocol, endpoint_.text + " sent a malformed chunk");
                return false;
            }
            return true;
        }
        if (ec) {
            fail(ClientError::Protocol, endpoint_.text + " sent a malformed body");
            return false;
        }
    }
    if (!data.empty()) reusable_ = false;
    finishMessage();
    return false;
}

void UpstreamConnection::finishMessage() {
    auto* user = std::exchange(user_, nullptr);
    loop_.reactor.wheel().cancel(*this);
    const bool keep = reusable_ && out_.empty() && !loop_.draining && pool_ != nullptr;
    if (keep) {
        phase_ = Phase::Idle;
        pool_->release(*this);
    }
    user->onUpstreamEnd();
    if (!keep) destroy();
}

void UpstreamConnection::cancel() {
    user_ = nullptr;
    destroy();
}

void UpstreamConnection::fail(ClientError error, const std::string& detail) {
    auto* user = std::exchange(user_, nullptr);
    destroy();
    if (user != nullptr) user->onUpstreamError(error, detail);
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

UpstreamPool::UpstreamPool(LoopImpl& loop, std::shared_ptr<UpstreamGroup> group,
                           std::shared_ptr<TlsContext> tls)
    : loop_(loop), group_(std::move(group)), tls_(std::move(tls)) {}

UpstreamPool::~UpstreamPool() = default;

void UpstreamPool::acquire(UpstreamUser& user) {
    while (!idle_.empty()) {
        auto* c = idle_.back();
        idle_.pop_back();
        if (c->reuse(user)) {
            loop_.reactor.wheel().cancel(*c);
            c->phase_ = UpstreamConnection::Phase::Busy;
            return user.onUpstreamReady(*c);
        }
        c->destroy();
    }
    if (all_.size() >= settings().max_connections) {
        if (waiting_.size() >= settings().max_queue)
            return user.onUpstreamError(ClientError::QueueFull,
                                        "queue of upstream " + settings().name + " is full");
        waiting_.push_back(&user);
        return;
    }
    const auto& endpoint = group_->endpoints[next_endpoint_++ % group_->endpoints.size()];
    all_.push_back(std::make_unique<UpstreamConnection>(loop_, this, endpoint, tls_));
    all_.back()->open(user, settings().connect_timeout);
}

void UpstreamPool::forget(UpstreamUser& user) {
    waiting_.erase(std::remove(waiting_.begin(), waiting_.end(), &user), waiting_.end());
    for (auto& c : all_)
        if (c->user_ == &user) {
            c->cancel();
            return;
        }
}

void UpstreamPool::release(UpstreamConnection& connection) {
    connection.in_.clear();
    connection.in_.shrink_to_fit();
    idle_.push_back(&connection);
    loop_.reactor.wheel().set(connection,
                              loop_.reactor.now() + settings().idle_timeout.count() * 1'000'000);
    if (!waiting_.empty()) loop_.reactor.defer([this] { serveNext(); });
}

void UpstreamPool::removed(UpstreamConnection& connection) {
    idle_.erase(std::remove(idle_.begin(), idle_.end(), &connection), idle_.end());
    for (auto it = all_.begin(); it != all_.end(); ++it)
        if (it->get() == &connection) {
            loop_.graveyard.upstreams.push_back(std::move(*it));
            all_.erase(it);
            break;
        }
    if (!waiting_.empty()) loop_.reactor.defer([this] { serveNext(); });
}

void UpstreamPool::serveNext() {
    while (!waiting_.empty() && (!idle_.empty() || all_.size() < settings().max_connections)) {
        auto* user = waiting_.front();
        waiting_.pop_front();
        acquire(*user);
    }
}

void UpstreamPool::closeIdle() {
    while (!idle_.empty()) idle_.back()->destroy();
}

}  // namespace persona::host::net
