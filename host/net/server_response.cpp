#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "host/net/reason.h"
#include "host/net/server_connection.h"

/// The response side of a connection.
namespace persona::host::net {

namespace {

constexpr std::size_t kHighWater = 64 * 1024, kCopied = 1024;

void appendNumber(std::string& out, std::uint64_t n, int base = 10) {
    std::array<char, 24> text{};
    const auto r = std::to_chars(text.data(), text.data() + text.size(), n, base);
    out.append(text.data(), r.ptr);
}

}  // namespace

// ---- HttpExchange: the handle -------------------------------------------------------------------

void HttpExchange::bufferBody(std::uint64_t max) {
    if (connection_ != nullptr) connection_->takeBody(ServerConnection::Body::Buffer, max);
}
void HttpExchange::streamBody(std::uint64_t max) {
    if (connection_ != nullptr) connection_->takeBody(ServerConnection::Body::Stream, max);
}
void HttpExchange::discardBody(std::uint64_t max) {
    if (connection_ != nullptr) connection_->takeBody(ServerConnection::Body::Discard, max);
}
bool HttpExchange::respond(ResponseHead head, std::string body) {
    return connection_ != nullptr && connection_->respond(std::move(head), std::move(body));
}
bool HttpExchange::start(ResponseHead head) {
    return connection_ != nullptr && connection_->start(std::move(head));
}
Exchange::Written HttpExchange::write(std::string_view data, bool end) {
    return connection_ != nullptr ? connection_->write(data, end) : Written::Gone;
}
void HttpExchange::forward(Upstream& upstream, std::uint64_t total_ms) {
    if (connection_ != nullptr)
        connection_->forward(static_cast<UpstreamGroup&>(upstream), total_ms);
}
void HttpExchange::resume(Side side) {
    if (connection_ == nullptr) return;
    if (side == Side::Request)
        connection_->resumeRequest();
    else
        connection_->resumeResponse();
}
std::string_view HttpExchange::responseBody() const {
    return connection_ != nullptr ? std::string_view(connection_->held_) : std::string_view();
}
void HttpExchange::abort() {
    // What was answered in full is not taken back.
    if (connection_ != nullptr && !connection_->late_) connection_->destroy();
}

// ---- answers ------------------------------------------------------------------------------------

bool ServerConnection::respond(ResponseHead&& head, std::string&& body) {
    if (phase_ != Phase::Exchange || head_sent_ || (answered_ && !in_hook_ && !response_paused_))
        return false;
    response_paused_ = false;
    letGoOfUpstream();
    held_ = std::move(body);
    held_end_ = true;
    head.content_length = static_cast<std::int64_t>(held_.size());
    exchange_->response = std::move(head);
    answered_ = true;
    if (in_hook_) return true;  // replaces the answer whose head the hook was looking at
    beginResponse();
    return true;
}

bool ServerConnection::start(ResponseHead&& head) {
    if (phase_ != Phase::Exchange || head_sent_ || (answered_ && !in_hook_ && !response_paused_))
        return false;
    response_paused_ = false;
    letGoOfUpstream();
    exchange_->response = std::move(head);
    answered_ = true;
    auto* h = hooks();
    collecting_ = h != nullptr && !in_hook_ && h->buffersResponse() != 0;
    if (!in_hook_ && !collecting_) beginResponse();
    return true;
}

/// With all of a response that is being collected at hand, or too much of it: goes on. True: more
/// may come.
bool ServerConnection::collect() {
    auto* h = hooks();
    if (h == nullptr || held_.size() > h->buffersResponse()) {
        upstreamFailed(502, "engine.limit.response_buffer", "a response is too large to be held");
        return false;
    }
    if (held_end_) beginResponse();
    return !held_end_;
}

void ServerConnection::beginResponse() {
    collecting_ = false;
    auto* h = hooks();
    if (h != nullptr) {
        in_hook_ = true;
        const Flow flow = h->onResponseHead();
        in_hook_ = false;
        if (phase_ != Phase::Exchange) return;
        if (flow == Flow::Pause) {
            response_paused_ = true;
            return;
        }
    }
    if (held_.empty() && !held_end_) return sendHead({}, false);
    if (h != nullptr && h->filtersResponseBody()) {
        sendHead({}, false);
        if (phase_ == Phase::Exchange) {
            const std::string body = std::move(held_);
            held_.clear();
            emit(body, held_end_);
        }
        return;
    }
    const std::string body = std::move(held_);
    held_.clear();
    sendHead(body, held_end_);
}

void ServerConnection::sendHead(std::string_view first_piece, bool end) {
    auto& head = exchange_->response;
    const auto& request = exchange_->request;
    const bool bodiless = head.status == 204 || head.status == 304 || head.status < 200;
    no_body_ = bodiless || request.method == "HEAD";
    std::int64_t length = head.content_length;
    if (length < 0 && end && !no_body_) length = static_cast<std::int64_t>(first_piece.size());
    chunked_out_ = length < 0 && !no_body_ && request.minor == 1;
    if (length < 0 && !no_body_ && request.minor == 0) keep_alive_ = false;
    length_left_ = length;
    // A request body that nobody will read ends the connection: what follows could be taken for a
    // request.
    if (body_ != Body::Done && (body_ != Body::Discard || host_reply_)) keep_alive_ = false;
    if (loop_.draining) keep_alive_ = false;
    std::string& out = loop_.head_scratch;
    out.assign("HTTP/1.1 ");
    appendNumber(out, head.status);
    out.push_back(' ');
    out.append(reasonPhrase(head.status)).append("\r\n");
    head.fields.appendTo(out, [](std::string_view name) {
        return isHopByHop(name) || (name.size() == 4 && equalsNoCase(name, "date"));
    });
    out.append("Date: ").append(loop_.date()).append("\r\n");
    if (chunked_out_)
        out.append("Transfer-Encoding: chunked\r\n");
    else if (length >= 0 && !bodiless) {
        out.append("Content-Length: ");
        appendNumber(out, static_cast<std::uint64_t>(length));
        out.append("\r\n");
    }
    if (!keep_alive_)
        out.append("Connection: close\r\n");
    else if (request.minor == 0)
        out.append("Connection: keep-alive\r\n");
    out.append("\r\n");
    head_sent_ = true;
    summary_.status = head.status;
    const auto size = static_cast<std::int64_t>(first_piece.size());
    const bool fits = length < 0 || (end ? size == length : size <= length);
    if (first_piece.empty() || no_body_ || chunked_out_ || !fits) {
        iovec piece{out.data(), out.size()};
        send(&piece, 1);
        if (phase_ == Phase::Exchange) sendPiece(first_piece, end);
        return;
    }
    summary_.response_bytes += first_piece.size();
    if (length >= 0) length_left_ -= size;
    response_done_ = end;
    // To copy a little costs less than a list of pieces does in the kernel.
    const bool small = first_piece.size() <= kCopied;
    if (small) out.append(first_piece);
    // With a body still to come the answer goes first: what is wrong with the rest must not take it
    // back.
    if (small && end && out_.empty() && body_ == Body::Done && loop_.reactor.writesLate(*this)) {
        out_.assign(out);
        late_ = true;
        return;
    }
    std::array<iovec, 2> pieces{iovec{out.data(), out.size()},
                                iovec{const_cast<char*>(first_piece.data()), first_piece.size()}};
    send(pieces.data(), small ? 1 : 2);
    if (end) completeIfDone();
}

Exchange::Written ServerConnection::write(std::string_view data, bool end) {
    if (phase_ != Phase::Exchange || !answered_ || response_done_) return Exchange::Written::Gone;
    if (response_paused_ || !head_sent_) {
        held_.append(data);
        held_end_ = held_end_ || end;
        if (collecting_) return collect() || end ? Exchange::Written::Ok : Exchange::Written::Gone;
        if (held_.size() < kHighWater) return Exchange::Written::Ok;
        wants_writable_ = true;
        return Exchange::Written::Wait;
    }
    emit(data, end);
    if (phase_ != Phase::Exchange) return end ? Exchange::Written::Ok : Exchange::Written::Gone;
    if (!behind()) return Exchange::Written::Ok;
    wants_writable_ = true;
    return Exchange::Written::Wait;
}

/// Through the hooks, then out. Pieces of at most 16 KiB when hooks look at them.
void ServerConnection::emit(std::string_view data, bool end) {
    auto* h = hooks();
    if (h == nullptr || !h->filtersResponseBody()) return sendPiece(data, end);
    do {
        const auto piece = data.substr(0, 16 * 1024);
        data.remove_prefix(piece.size());
        const bool last = end && data.empty();
        const Flow flow = h->onResponseBody(piece, last);
        if (phase_ != Phase::Exchange) return;
        if (flow == Flow::Pause) {
            response_paused_ = true;
            passed_.append(piece);
            passed_end_ = last;
            held_.append(data);
            held_end_ = end && !last;
            return;
        }
        if (flow == Flow::Taken) return destroy();
        sendPiece(piece, last);
        if (phase_ != Phase::Exchange) return;
    } while (!data.empty());
}

void ServerConnection::sendPiece(std::string_view piece, bool end) {
    if (!no_body_ && !piece.empty()) {
        if (length_left_ >= 0 && !chunked_out_) {
            if (static_cast<std::int64_t>(piece.size()) > length_left_) {
                loop_.observer.log(4, "a response had more octets than its Content-Length; cut");
                return destroy();
            }
            length_left_ -= static_cast<std::int64_t>(piece.size());
        }
        summary_.response_bytes += piece.size();
        if (chunked_out_) {
            std::string& line = loop_.head_scratch;
            line.clear();
            appendNumber(line, piece.size(), 16);
            line.append("\r\n");
            static char crlf[] = "\r\n";
            std::array<iovec, 3> pieces{iovec{line.data(), line.size()},
                                        iovec{const_cast<char*>(piece.data()), piece.size()},
                                        iovec{crlf, 2}};
            send(pieces.data(), 3);
        } else {
            iovec one{const_cast<char*>(piece.data()), piece.size()};
            send(&one, 1);
        }
        if (phase_ != Phase::Exchange) return;
    }
    if (!end) return;
    if (chunked_out_) {
        static char last[] = "0\r\n\r\n";
        iovec one{last, 5};
        send(&one, 1);
        if (phase_ != Phase::Exchange) return;
    } else if (!no_body_ && length_left_ > 0) {
        loop_.observer.log(4, "a response had fewer octets than its Content-Length; cut");
        return destroy();
    }
    response_done_ = true;
    completeIfDone();
}

void ServerConnection::send(iovec* pieces, int count) {
    std::size_t sent = 0;
    if (out_.empty()) {
        const Io io = transport_.write(pieces, count, sent);
        if (io == Io::Done) return;
        if (io != Io::Again) return clientGone();
        if (wait_ != Wait::Write) arm(Wait::Write);
    }
    for (int i = 0; i < count; ++i) {
        const auto skip = std::min(sent, pieces[i].iov_len);
        sent -= skip;
        out_.append(static_cast<const char*>(pieces[i].iov_base) + skip, pieces[i].iov_len - skip);
    }
}

/// As much of what waits as the socket takes.
Io ServerConnection::writeOut(std::size_t& sent) {
    sent = 0;
    if (out_sent_ == out_.size()) return Io::Done;
    const iovec rest{out_.data() + out_sent_, out_.size() - out_sent_};
    const Io io = transport_.write(&rest, 1, sent);
    out_sent_ += sent;
    return io;
}

void ServerConnection::writeHeld() {
    if (!std::exchange(late_, false)) return;
    std::size_t sent = 0;
    if (writeOut(sent) == Io::Again && wait_ != Wait::Write) arm(Wait::Write);
}

void ServerConnection::flush() {
    late_ = false;
    std::size_t sent = 0;
    const Io io = writeOut(sent);
    if (io != Io::Done && io != Io::Again) return clientGone();
    if (out_sent_ == out_.size()) {
        std::string().swap(out_);
        out_sent_ = 0;
        // Whoever is still sending the request is asked for progress again.
        if (wait_ == Wait::Write) arm(bodyIsComing() ? Wait::Body : Wait::None);
    } else if (sent > 0 && wait_ == Wait::Write) {
        arm(Wait::Write);
    }
    if (!behind()) {
        if (up_ != nullptr && !response_paused_) up_->resumeRead();
        if (phase_ == Phase::Exchange && wants_writable_ && !response_paused_) {
            wants_writable_ = false;
            if (auto* h = hooks(); h != nullptr) h->onWritable();
        }
    }
    completeIfDone();
}

void ServerConnection::resumeResponse() {
    if (phase_ != Phase::Exchange || !response_paused_) return;
    const auto keep = exchange_;
    response_paused_ = false;
    std::string passed = std::move(passed_), held = std::move(held_);
    passed_.clear();
    held_.clear();
    const bool passed_end = passed_end_, held_end = held_end_;
    if (!head_sent_) {
        sendHead({}, false);
        if (phase_ != Phase::Exchange) return;
    }
    if (!passed.empty() || passed_end) sendPiece(passed, passed_end);
    if (phase_ == Phase::Exchange && (!held.empty() || held_end)) emit(held, held_end);
    if (phase_ != Phase::Exchange || response_paused_ || behind()) return;
    if (up_ != nullptr) up_->resumeRead();
    if (phase_ == Phase::Exchange && wants_writable_) {
        wants_writable_ = false;
        if (auto* h = hooks(); h != nullptr) h->onWritable();
    }
}

/// The engine's own answer, in place of whatever was on its way.
void ServerConnection::hostReply(unsigned status, std::string_view text) {
    host_reply_ = true;
    answered_ = response_paused_ = request_paused_ = false;
    passed_.clear();
    if (body_ != Body::Done) body_ = Body::Discard;
    ResponseHead head;
    head.status = status;
    // wsapi.md 1.3: 413 comes without a type.
    if (status != 413) head.fields.add("Content-Type", "text/plain; charset=utf-8");
    if (status == 503) head.fields.add("Retry-After", "1");
    respond(std::move(head), std::string(text));
}

}  // namespace persona::host::net
