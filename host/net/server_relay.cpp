#include <algorithm>
#include <array>
#include <charconv>

#include "host/net/server_connection.h"

/// Forwarding: the request to an upstream, its answer back, with back-pressure both ways.
namespace persona::host::net {

namespace {

constexpr unsigned kAttempts = 3;

bool isIdempotent(std::string_view method) {
    return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "PUT" ||
           method == "DELETE" || method == "TRACE";
}

void appendNumber(std::string& out, std::uint64_t n, int base = 10) {
    std::array<char, 24> text{};
    const auto r = std::to_chars(text.data(), text.data() + text.size(), n, base);
    out.append(text.data(), r.ptr);
}

}  // namespace

void ServerConnection::forward(UpstreamGroup& group, std::uint64_t total_ms) {
    if (phase_ != Phase::Exchange || answered_ || pool_ != nullptr) return;
    pool_ = loop_.pools.at(group.index).get();
    summary_.upstream = group.settings.name;
    up_started_ns_ = loop_.reactor.now();
    total_until_ns_ =
        up_started_ns_ + 1'000'000 * (total_ms != 0 ? static_cast<std::int64_t>(total_ms)
                                                    : group.settings.total_timeout.count());
    schedule();
    up_waiting_ = true;
    pool_->acquire(*this);
    if (phase_ == Phase::Exchange && pool_ != nullptr && body_ == Body::Undecided)
        takeBody(Body::Stream, exchange_->body_max);
}

void ServerConnection::onUpstreamReady(UpstreamConnection& connection) {
    up_waiting_ = false;
    up_ = &connection;
    const auto& request = exchange_->request;
    std::string& out = loop_.head_scratch;
    out.assign(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\n");
    bool host = false;
    request.fields.appendTo(out, [&](std::string_view name) {
        if (name.size() == 4 && equalsNoCase(name, "host")) host = true;
        return isHopByHop(name) || isOfProxies(name) || equalsNoCase(name, "expect");
    });
    if (!host) out.append("Host: ").append(connection.endpoint().host_name).append("\r\n");
    out.append("X-Forwarded-For: ").append(exchange_->client_address).append("\r\n");
    // The framing is ours, for the octets that we shall send: those of a body that was buffered
    // (or dropped), else those that stream through, in the way in which the client framed them.
    const bool streams = body_mode_ == Body::Undecided || body_mode_ == Body::Stream;
    std::string_view first;
    bool complete = true;
    up_chunked_ = false;
    if (!streams) {
        first = exchange_->body();
        if (request.hasBody()) {
            out.append("Content-Length: ");
            appendNumber(out, first.size());
            out.append("\r\n");
        }
    } else if (request.chunked) {
        up_chunked_ = true;
        complete = false;
        out.append("Transfer-Encoding: chunked\r\n");
    } else if (request.content_length >= 0) {
        out.append("Content-Length: ");
        appendNumber(out, static_cast<std::uint64_t>(request.content_length));
        out.append("\r\n");
        first = up_queue_;
        complete = request.content_length == 0 || up_queue_end_;
    }
    out.append("\r\n");
    std::array<iovec, 2> pieces{iovec{out.data(), out.size()},
                                iovec{const_cast<char*>(first.data()), first.size()}};
    connection.sendRequest(pieces.data(), first.empty() ? 1 : 2, complete, request.method == "HEAD",
                           pool_->settings().first_byte_timeout);
    if (up_ != &connection || !streams) return;
    const std::string queued = std::move(up_queue_);
    up_queue_.clear();
    if (up_chunked_ && (!queued.empty() || up_queue_end_)) sendUpstreamBody(queued, up_queue_end_);
    if (bodyIsComing()) readLoop();
}

void ServerConnection::sendUpstreamBody(std::string_view piece, bool end) {
    if (up_ == nullptr) {
        up_queue_.append(piece);
        up_queue_end_ = end;
        return;
    }
    if (!up_chunked_) {
        if (piece.empty() && !end) return;
        const iovec one{const_cast<char*>(piece.data()), piece.size()};
        return up_->send(&one, piece.empty() ? 0 : 1, end);
    }
    std::string line;
    if (!piece.empty()) {
        appendNumber(line, piece.size(), 16);
        line.append("\r\n");
    }
    static char last[] = "\r\n0\r\n\r\n";
    // After a piece its CRLF, at the end the last chunk.
    iovec tail{last, 2};
    if (end) tail = piece.empty() ? iovec{last + 2, 5} : iovec{last, 7};
    const std::array<iovec, 3> pieces{iovec{line.data(), line.size()},
                                      iovec{const_cast<char*>(piece.data()), piece.size()}, tail};
    if (!piece.empty() || end) up_->send(pieces.data(), 3, end);
}

bool ServerConnection::onUpstreamHead(ResponseHead& head) {
    summary_.upstream_ns += loop_.reactor.now() - up_started_ns_;
    exchange_->response.fields = std::move(head.fields);
    exchange_->response.status = head.status;
    exchange_->response.content_length = head.content_length;
    answered_ = true;
    auto* h = hooks();
    if (h == nullptr) return true;
    if (h->buffersResponse() != 0) {
        collecting_ = true;
        return true;
    }
    in_hook_ = true;
    auto* const up = up_;
    const Flow flow = h->onResponseHead();
    in_hook_ = false;
    if (phase_ != Phase::Exchange) return false;
    if (up_ != up) {  // the hook answered itself
        const std::string body = std::move(held_);
        held_.clear();
        sendHead(body, held_end_);
        return false;
    }
    if (flow == Flow::Pause) response_paused_ = true;
    // The head waits for the first piece of the body, so that both leave in one call.
    return true;
}

bool ServerConnection::onUpstreamBody(std::string_view piece) {
    if (response_paused_) {
        held_.append(piece);
        return false;
    }
    if (collecting_) {
        held_.append(piece);
        return collect();
    }
    auto* h = hooks();
    if (!head_sent_) {
        if (h == nullptr || !h->filtersResponseBody()) {
            sendHead(piece, false);
            return phase_ != Phase::Exchange || !behind();
        }
        sendHead({}, false);
        if (phase_ != Phase::Exchange) return true;
    }
    emit(piece, false);
    return phase_ != Phase::Exchange || (!behind() && !response_paused_);
}

void ServerConnection::onUpstreamEnd() {
    up_ = nullptr;
    // From here on only the client can be slow; that is what write_timeout is for.
    total_until_ns_ = 0;
    if (body_ != Body::Done) {
        keep_alive_ = false;
        loop_.fault("engine.upstream.early_answer",
                    "an upstream answered before it had read the request");
    }
    if (response_paused_) {
        held_end_ = true;
        return;
    }
    if (collecting_) {
        held_end_ = true;
        collect();
        return;
    }
    auto* h = hooks();
    if (!head_sent_) {
        if (h == nullptr || !h->filtersResponseBody()) return sendHead({}, true);
        sendHead({}, false);
        if (phase_ != Phase::Exchange) return;
    }
    emit({}, true);
}

void ServerConnection::onUpstreamError(const UpstreamError& error) {
    up_ = nullptr;
    up_waiting_ = false;
    if (phase_ != Phase::Exchange) return;
    const auto meaning = meaningOf(error.fault);
    // Again only where no octet was sent and twice does no harm, and not without bound.
    const bool helps =
        error.reused || (error.fault != UpstreamFault::QueueFull && pool_->addresses() > 1);
    if (error.untouched && helps && ++up_attempts_ < kAttempts &&
        isIdempotent(exchange_->request.method) && pool_->mayRetry()) {
        loop_.fault(meaning.counter, "forwarding is tried again: " + error.detail);
        up_waiting_ = true;
        return pool_->acquire(*this, pool_->lastFailed());
    }
    upstreamFailed(meaning.status, meaning.counter, error.detail);
}

void ServerConnection::upstreamFailed(unsigned status, std::string_view counter,
                                      const std::string& detail) {
    loop_.fault(counter, "forwarding failed: " + detail);
    if (phase_ != Phase::Exchange) return;
    letGoOfUpstream();
    total_until_ns_ = 0;
    if (head_sent_) return destroy();
    hostReply(status, status == 504   ? "Gateway Timeout: the service did not answer in time"
                      : status == 503 ? "Service Unavailable: server is too busy"
                                      : "Bad Gateway: the service is not available");
}

void ServerConnection::letGoOfUpstream() {
    if (up_ != nullptr) {
        auto* const up = std::exchange(up_, nullptr);
        up->cancel();
    } else if (up_waiting_ && pool_ != nullptr) {
        up_waiting_ = false;
        pool_->forget(*this);
    }
}

void ServerConnection::onUpstreamWritable() {
    if (phase_ == Phase::Exchange) readLoop();
}

}  // namespace persona::host::net
