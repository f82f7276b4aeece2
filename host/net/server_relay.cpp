#include <algorithm>
#include <array>
#include <charconv>

#include "host/net/server_connection.h"

/// Forwarding: the request to an upstream, its answer back, with back-pressure both ways.
namespace persona::host::net {

void ServerConnection::forward(UpstreamGroup& group, std::uint64_t total_ms) {
    if (phase_ != Phase::Exchange || answered_ || pool_ != nullptr) return;
    const auto found = loop_.pools.find(group.settings.name);
    if (found == loop_.pools.end())
        return upstreamFailed(502, "engine.upstream.unknown", "no such upstream");
    pool_ = found->second.get();
    summary_.upstream = group.settings.name;
    up_started_ns_ = loop_.reactor.now();
    const auto total = total_ms != 0 ? static_cast<std::int64_t>(total_ms) * 1'000'000
                                     : group.settings.total_timeout.count() * 1'000'000;
    total_deadline_ns_ = loop_.reactor.now() + total;
    arm(Wait::Total);
    up_waiting_ = true;
    pool_->acquire(*this);
    if (phase_ == Phase::Exchange && pool_ != nullptr && body_ == Body::Undecided)
        takeBody(Body::Stream, 0);
}

void ServerConnection::onUpstreamReady(UpstreamConnection& connection) {
    up_waiting_ = false;
    up_ = &connection;
    auto& request = exchange_->request;
    const auto buffered = exchange_->body();
    const bool whole = body_ == Body::Done && request.hasBody();
    std::string& out = loop_.head_scratch;
    out.assign(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\n");
    const auto listed = request.fields.find("connection");
    bool host = false;
    for (std::size_t i = 0; i < request.fields.size(); ++i) {
        const auto f = request.fields[i];
        if (isHopByHop(f.name) || equalsNoCase(f.name, "x-forwarded-for") ||
            equalsNoCase(f.name, "forwarded") || equalsNoCase(f.name, "expect"))
            continue;
        if (listed && listed->size() > 10 && listHas(*listed, f.name)) continue;
        if (f.name.size() == 4 && equalsNoCase(f.name, "host")) host = true;
        out.append(f.name).append(": ").append(f.value).append("\r\n");
    }
    if (!host) out.append("Host: ").append(connection.endpoint().host_name).append("\r\n");
    out.append("X-Forwarded-For: ").append(exchange_->client_address).append("\r\n");
    up_chunked_ = false;
    if (whole || (!request.chunked && request.content_length >= 0)) {
        std::array<char, 24> text{};
        const auto n =
            whole && body_max_ != 0 && !buffered.empty()
                ? buffered.size()
                : static_cast<std::size_t>(std::max<std::int64_t>(request.content_length, 0));
        const auto r = std::to_chars(text.data(), text.data() + text.size(), n);
        out.append("Content-Length: ").append(text.data(), r.ptr).append("\r\n");
    } else if (request.chunked) {
        up_chunked_ = true;
        out.append("Transfer-Encoding: chunked\r\n");
    }
    out.append("\r\n");
    std::array<iovec, 2> pieces{iovec{out.data(), out.size()},
                                iovec{const_cast<char*>(buffered.data()), buffered.size()}};
    connection.sendRequest(pieces.data(), buffered.empty() ? 1 : 2, request.method == "HEAD",
                           pool_->settings().first_byte_timeout);
    if (up_ == nullptr || !buffered.empty()) return;
    if (!up_queue_.empty() || up_queue_end_) {
        std::string queued = std::move(up_queue_);
        up_queue_.clear();
        sendUpstreamBody(queued, up_queue_end_);
        if (phase_ == Phase::Exchange && body_ != Body::Done) readLoop();
    }
}

void ServerConnection::sendUpstreamBody(std::string_view piece, bool end) {
    if (up_ == nullptr) {
        up_queue_.append(piece);
        up_queue_end_ = end;
        return;
    }
    if (!up_chunked_) {
        if (piece.empty()) return;
        iovec one{const_cast<char*>(piece.data()), piece.size()};
        return up_->send(&one, 1);
    }
    std::string framed;
    if (!piece.empty()) {
        std::array<char, 24> text{};
        const auto r = std::to_chars(text.data(), text.data() + text.size(), piece.size(), 16);
        framed.append(text.data(), r.ptr).append("\r\n").append(piece).append("\r\n");
    }
    if (end) framed.append("0\r\n\r\n");
    iovec one{framed.data(), framed.size()};
    if (!framed.empty()) up_->send(&one, 1);
}

bool ServerConnection::onUpstreamHead(ResponseHead& head) {
    summary_.upstream_ns += loop_.reactor.now() - up_started_ns_;
    std::swap(exchange_->response.fields, head.fields);
    exchange_->response.status = head.status;
    exchange_->response.content_length = head.content_length;
    answered_ = true;
    auto* h = hooks();
    if (h != nullptr) {
        in_hook_ = true;
        auto* const up = up_;
        const Flow flow = h->onResponseHead();
        in_hook_ = false;
        if (phase_ != Phase::Exchange) return false;
        if (flow == Flow::Pause) {
            response_paused_ = true;
            return true;
        }
        if (up_ != up) {  // the hook answered itself
            const std::string body = std::move(held_);
            held_.clear();
            sendHead(body, held_end_);
            return false;
        }
    }
    // The head waits for the first piece of the body, so that both leave in one call.
    if (head.content_length == 0 || (up_ != nullptr && exchange_->request.method == "HEAD"))
        return true;
    return true;
}

bool ServerConnection::onUpstreamBody(std::string_view piece) {
    if (response_paused_) {
        held_.append(piece);
        return false;
    }
    auto* h = hooks();
    if (!head_sent_) {
        const bool whole =
            exchange_->response.content_length == static_cast<std::int64_t>(piece.size());
        if (h == nullptr || !h->filtersResponseBody()) {
            // With all of the body at hand the end is said by onUpstreamEnd, right after.
            sendHead(piece, false);
            return phase_ != Phase::Exchange || whole || !behind();
        }
        sendHead({}, false);
        if (phase_ != Phase::Exchange) return true;
    }
    emit(piece, false);
    return phase_ != Phase::Exchange || (!behind() && !response_paused_);
}

void ServerConnection::onUpstreamEnd() {
    up_ = nullptr;
    if (body_ != Body::Done) keep_alive_ = false;  // the upstream answered early
    if (response_paused_) {
        held_end_ = true;
        return;
    }
    if (!head_sent_) return sendHead({}, true);
    emit({}, true);
}

void ServerConnection::onUpstreamError(ClientError error, const std::string& detail) {
    up_ = nullptr;
    up_waiting_ = false;
    switch (error) {
        case ClientError::Timeout:
            return upstreamFailed(504, "engine.upstream.first_byte_timeout", detail);
        case ClientError::QueueFull:
            return upstreamFailed(503, "engine.upstream.queue_full", detail);
        case ClientError::Protocol:
            return upstreamFailed(502, "engine.upstream.protocol", detail);
        default:
            return upstreamFailed(502, "engine.upstream.unreachable", detail);
    }
}

void ServerConnection::upstreamFailed(unsigned status, std::string_view counter,
                                      const std::string& detail) {
    loop_.observer.count(counter);
    loop_.observer.log(3, "forwarding failed: " + detail);
    if (phase_ != Phase::Exchange) return;
    letGoOfUpstream();
    if (head_sent_) return destroy();
    host_reply_ = true;
    answered_ = false;
    response_paused_ = false;
    if (body_ != Body::Done) body_ = Body::Discard;
    ResponseHead head;
    head.status = status;
    head.fields.add("Content-Type", "text/plain; charset=utf-8");
    if (status == 503) head.fields.add("Retry-After", "1");
    respond(std::move(head), status == 504   ? "Gateway Timeout: the service did not answer in time"
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
    if (wait_ == Wait::Total) disarm();
}

void ServerConnection::onUpstreamWritable() {
    if (phase_ == Phase::Exchange) readLoop();
}

}  // namespace persona::host::net
