#include <sys/epoll.h>

#include <algorithm>
#include <charconv>

#include "host/net/server_connection.h"

/// The request side of a connection: reading, checking, handing over.
namespace persona::host::net {

namespace {
constexpr std::uint32_t kEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
constexpr std::size_t kPiece = 16 * 1024;
}  // namespace

ServerConnection::ServerConnection(LoopImpl& loop, Listener& listener, Fd fd,
                                   const SocketAddress& peer)
    : loop_(loop), listener_(listener), transport_(std::move(fd)), peer_(peer.host()) {}

ServerConnection::~ServerConnection() = default;

ExchangeHooks* ServerConnection::hooks() const {
    return exchange_ ? exchange_->hooks_.get() : nullptr;
}

void ServerConnection::start() {
    loop_.reactor.add(transport_.fd(), *this, kEvents);
    listener_.headless(*this, true);
    arm(Wait::Head);
    if (listener_.shared().settings.tls) {
        const auto tls = listener_.shared().tlsContext();
        if (!tls || !transport_.startTls(*tls, true, "")) return destroy();
    } else {
        phase_ = Phase::Head;
    }
}

void ServerConnection::arm(Wait what) {
    wait_ = what;
    const auto& l = limits();
    std::int64_t ns = 0;
    switch (what) {
        case Wait::Head:
            ns = l.header_deadline.count() * 1'000'000;
            break;
        case Wait::Idle:
            ns = l.idle_timeout.count() * 1'000'000;
            break;
        case Wait::Write:
            ns = l.write_timeout.count() * 1'000'000;
            break;
        case Wait::Body:
            ns = std::max<std::int64_t>(l.body_grace.count() * 1'000'000, 500'000'000);
            break;
        case Wait::Total:
            return loop_.reactor.wheel().set(*this, total_deadline_ns_);
        case Wait::None:
            return disarm();
    }
    loop_.reactor.wheel().set(*this, loop_.reactor.now() + ns);
}

void ServerConnection::onDeadline() {
    switch (wait_) {
        case Wait::Head:
            loop_.observer.count("engine.limit.header_deadline");
            if (phase_ == Phase::Handshake || (in_.empty() && requests_ == 0)) return destroy();
            return reject(408, "", "the request head took too long");
        case Wait::Idle:
            return destroy();
        case Wait::Write:
            loop_.observer.count("engine.limit.write_timeout");
            return destroy();
        case Wait::Body: {
            const auto elapsed = loop_.reactor.now() - body_started_ns_;
            const auto grace = limits().body_grace.count() * 1'000'000;
            const auto due = static_cast<double>(elapsed - grace) / 1e9 * limits().body_min_rate;
            if (elapsed > grace && static_cast<double>(summary_.request_bytes) < due) {
                loop_.observer.count("engine.limit.body_min_rate");
                if (!answered_) return reject(408, "", "the request body comes too slowly");
                return destroy();
            }
            return arm(Wait::Body);
        }
        case Wait::Total:
            return upstreamFailed(504, "engine.upstream.total_timeout",
                                  "the whole answer took too long");
        case Wait::None:
            return;
    }
}

void ServerConnection::onEvents(std::uint32_t events) {
    if (phase_ == Phase::Dead) return;
    if (phase_ == Phase::Handshake) {
        switch (transport_.handshake()) {
            case Io::Again:
                return;
            case Io::Done:
                break;
            default:
                loop_.observer.count("engine.tls.handshake_failed");
                return destroy();
        }
        phase_ = Phase::Head;
        events |= EPOLLIN;
    }
    if ((events & (EPOLLHUP | EPOLLERR)) != 0 && phase_ != Phase::Head) {
        // Both directions are gone; nobody can receive the answer.
        return destroy();
    }
    if ((events & EPOLLOUT) != 0 && !out_.empty()) flush();
    if (phase_ == Phase::Dead) return;
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        readable_ = true;
        readLoop();
    }
}

bool ServerConnection::wantsInput() const {
    if (phase_ == Phase::Head || phase_ == Phase::Lingering) return true;
    return phase_ == Phase::Exchange && body_ != Body::Undecided && body_ != Body::Done &&
           !request_paused_ && !(up_ != nullptr && up_->isBehind()) && up_queue_.size() < 64 * 1024;
}

void ServerConnection::readLoop() {
    if (processing_) return;
    processing_ = true;
    while (phase_ != Phase::Dead && wantsInput()) {
        if (!in_.empty() && phase_ != Phase::Lingering) {
            std::string kept;
            kept.swap(in_);
            std::string_view data = kept;
            const bool stuck = !consume(data);
            if (phase_ == Phase::Dead) break;
            if (in_.empty()) in_.assign(data);
            if (!stuck) continue;
            if (!wantsInput()) break;
        }
        if (!readable_ && !transport_.hasBuffered()) break;
        if (peer_eof_) break;
        char* buffer = loop_.read_buffer.data();
        std::size_t got = 0;
        const Io io = transport_.read(buffer, kPiece, got);
        if (io == Io::Again) {
            readable_ = false;
            break;
        }
        if (io != Io::Done) {
            peer_eof_ = true;
            // A client that sent all of its request may close its half and wait for the answer.
            if (io == Io::Closed && phase_ == Phase::Exchange && body_ == Body::Done) break;
            destroy();
            break;
        }
        if (got < kPiece && !transport_.isTls()) readable_ = false;
        if (phase_ == Phase::Lingering) continue;
        if (!in_.empty()) {
            in_.append(buffer, got);
            continue;
        }
        std::string_view data(buffer, got);
        while (consume(data)) {
        }
        if (phase_ == Phase::Dead) break;
        if (!data.empty()) in_.assign(data);
    }
    processing_ = false;
    if (phase_ == Phase::Head && in_.empty() && in_.capacity() > 64) std::string().swap(in_);
}

/// True: made progress, call again. False: needs more octets, or must not go on now.
bool ServerConnection::consume(std::string_view& data) {
    if (data.empty() || !wantsInput()) return false;
    if (phase_ == Phase::Head) return consumeHead(data);
    if (phase_ == Phase::Exchange) return consumeBody(data);
    return false;
}

bool ServerConnection::consumeHead(std::string_view& data) {
    if (!parser_) {
        // Empty lines before a request line are skipped (RFC 9112 2.2), at most two.
        for (int i = 0; i < 2 && data.starts_with("\r\n"); ++i) data.remove_prefix(2);
        if (data.empty() || data == "\r") return false;
        parser_.emplace();
        scanner_.reset();
        head_started_ns_ = loop_.reactor.now();
        if (requests_ > 0) {
            arm(Wait::Head);
            if (!is_headless) listener_.headless(*this, true);
        }
    }
    const auto r = scanner_.scan(data, limits(), true);
    if (r.state == HeadScanner::State::NeedMore) return false;
    if (r.state == HeadScanner::State::Bad) {
        reject(r.status, r.counter, r.reason);
        return false;
    }
    boost::beast::error_code ec;
    parser_->put({data.data(), r.head_size}, ec);
    data.remove_prefix(r.head_size);
    if ((ec && ec != boost::beast::http::error::need_more) || !parser_->is_header_done()) {
        reject(400, "bad.head", "malformed request head");
        return false;
    }
    ++requests_;
    if (!acceptHead()) return false;
    return true;
}

bool ServerConnection::acceptHead() {
    auto& p = *parser_;
    const auto refuse = [&](unsigned status, const char* counter, const char* reason) {
        reject(status, counter, reason);
        return false;
    };
    if (p.hosts > 1) return refuse(400, "bad.host", "more than one Host field");
    if (p.hosts == 0 && p.minor == 1) return refuse(400, "bad.host", "no Host field");
    if (p.lengths > 1) return refuse(400, "bad.content_length", "more than one Content-Length");
    if (p.lengths != 0 && p.encodings != 0)
        return refuse(400, "bad.framing", "both Content-Length and Transfer-Encoding");
    if (p.lengths == 1 && p.content_length < 0)
        return refuse(400, "bad.content_length", "malformed Content-Length");
    if (p.encodings > 1) return refuse(400, "bad.framing", "more than one Transfer-Encoding");
    if (p.encodings != 0 && p.minor == 0)
        return refuse(400, "bad.framing", "Transfer-Encoding in HTTP/1.0");
    if (p.bad_encoding) return refuse(501, "bad.transfer_encoding", "only chunked is known");
    if (p.upgrade && (p.close || p.keep_alive || p.fields.find("http2-settings") ||
                      listHas(p.fields.find("connection").value_or(""), "upgrade")))
        return refuse(501, "bad.upgrade", "no protocol to upgrade to");
    if (p.other_expect) return refuse(417, "bad.expect", "only 100-continue can be expected");
    const auto host = p.fields.find("host").value_or("");
    for (const char c : host)
        if (std::string_view(" \t/@?#\\,<>\"'").find(c) != std::string_view::npos)
            return refuse(400, "bad.host", "malformed Host field");
    std::string target = p.target;
    if (target.front() != '/') {
        if (target == "*") {
            if (p.method != "OPTIONS") return refuse(400, "bad.target", "* is for OPTIONS");
        } else {
            const bool http =
                target.size() > 7 && equalsNoCase(std::string_view(target).substr(0, 7), "http://");
            const bool https = target.size() > 8 &&
                               equalsNoCase(std::string_view(target).substr(0, 8), "https://");
            if (!http && !https)
                return refuse(400, "bad.target", "the request target must start with /");
            const std::string rest = target.substr(http ? 7 : 8);
            const auto slash = rest.find_first_of("/?");
            const auto authority = rest.substr(0, slash);
            const auto& own = listener_.shared().settings.own_authorities;
            const bool ours = own.empty() ? equalsNoCase(authority, host)
                                          : std::any_of(own.begin(), own.end(), [&](const auto& a) {
                                                return equalsNoCase(a, authority);
                                            });
            if (!ours) return refuse(421, "bad.authority", "this authority is not served here");
            target = slash == std::string::npos ? "/" : rest.substr(slash);
            if (target.front() == '?') target.insert(0, "/");
        }
    }
    if (is_headless) listener_.headless(*this, false);
    disarm();
    keep_alive_ = p.minor == 1 ? !p.close : p.keep_alive;
    if (limits().requests_per_connection != 0 && requests_ >= limits().requests_per_connection)
        keep_alive_ = false;
    if (loop_.draining) keep_alive_ = false;
    phase_ = Phase::Exchange;
    summary_ = {};
    expect_continue_ = p.expect_continue && p.minor == 1;
    request_paused_ = request_taken_ = answered_ = head_sent_ = response_done_ = response_paused_ =
        chunked_out_ = no_body_ = wants_writable_ = host_reply_ = in_hook_ = false;
    held_.clear();
    passed_.clear();
    held_end_ = passed_end_ = up_waiting_ = up_chunked_ = up_queue_end_ = false;
    up_queue_.clear();
    total_deadline_ns_ = up_started_ns_ = 0;
    body_ = Body::Undecided;
    exchange_ = std::make_shared<HttpExchange>(loop_, this);
    auto& e = *exchange_;
    e.request.method = std::move(p.method);
    e.request.target = std::move(target);
    e.request.fields = std::move(p.fields);
    e.request.minor = p.minor;
    e.request.chunked = p.encodings != 0;
    e.request.content_length = p.lengths != 0 ? p.content_length : -1;
    e.received_ns = monotonicNs();
    e.listener = listener_.shared().settings.name;
    e.peer_address = peer_;
    if (transport_.isTls()) e.scheme = "https";
    resolveClient();
    loop_.exchanges.fetch_add(1, std::memory_order_relaxed);
    if (parser_->is_done()) body_ = Body::Done;
    const auto keep = exchange_;  // dispatch may end the exchange
    listener_.shared().dispatcher->dispatch(exchange_);
    return phase_ != Phase::Dead;
}

/// Rightmost untrusted hop of X-Forwarded-For or Forwarded, when the peer is a configured proxy.
void ServerConnection::resolveClient() {
    auto& e = *exchange_;
    e.client_address = peer_;
    const auto& trusted = listener_.shared().trusted;
    const auto isTrusted = [&](std::string_view ip) {
        return std::any_of(trusted.begin(), trusted.end(),
                           [&](const Cidr& c) { return c.contains(ip); });
    };
    if (trusted.empty() || !(peer_ == "unix" || isTrusted(peer_))) return;
    std::vector<std::string> hops;
    std::string_view scheme;
    const auto& f = e.request.fields;
    const bool standard = f.find("forwarded").has_value();
    for (std::size_t i = 0; i < f.size(); ++i) {
        if (!equalsNoCase(f[i].name, standard ? "forwarded" : "x-forwarded-for")) continue;
        std::string_view list = f[i].value;
        for (;;) {
            const auto comma = list.find(',');
            std::string_view hop = trim(list.substr(0, comma));
            if (standard) {
                std::string_view found;
                for (std::string_view rest = hop;;) {
                    const auto semicolon = rest.find(';');
                    const auto pair = trim(rest.substr(0, semicolon));
                    if (pair.size() > 4 && equalsNoCase(pair.substr(0, 4), "for="))
                        found = pair.substr(4);
                    if (pair.size() > 6 && equalsNoCase(pair.substr(0, 6), "proto="))
                        scheme = pair.substr(6);
                    if (semicolon == std::string_view::npos) break;
                    rest.remove_prefix(semicolon + 1);
                }
                hop = found;
                if (hop.size() > 1 && hop.front() == '"' && hop.back() == '"')
                    hop = hop.substr(1, hop.size() - 2);
            }
            if (hop.starts_with('[')) {
                hop = hop.substr(1, hop.find(']') - 1);
            } else if (std::count(hop.begin(), hop.end(), ':') == 1) {
                hop = hop.substr(0, hop.find(':'));
            }
            hops.emplace_back(hop);
            if (comma == std::string_view::npos) break;
            list.remove_prefix(comma + 1);
        }
    }
    for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {
        if (!isIpAddress(*hop)) break;
        e.client_address = *hop;
        if (!isTrusted(*hop)) break;
    }
    if (!standard) scheme = f.find("x-forwarded-proto").value_or("");
    if (scheme == "https" || scheme == "http") e.scheme = scheme;
}

void ServerConnection::takeBody(Body mode, std::uint64_t max) {
    if (phase_ != Phase::Exchange || !exchange_) return;
    body_max_ = max != 0 ? max : limits().body_bytes;
    auto& request = exchange_->request;
    if (body_ == Body::Done) {
        body_ = mode;
        onPiece({}, true);
        return;
    }
    body_ = mode;
    if (request.content_length > 0 &&
        static_cast<std::uint64_t>(request.content_length) > body_max_) {
        expect_continue_ = false;
        return reject(413, "limit.body_bytes", "Request Entity Too Large");
    }
    if (expect_continue_ && in_.empty()) {
        static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
        iovec piece{const_cast<char*>(kContinue.data()), kContinue.size()};
        send(&piece, 1);
    }
    expect_continue_ = false;
    body_started_ns_ = loop_.reactor.now();
    if (total_deadline_ns_ == 0) arm(Wait::Body);
    readLoop();
}

bool ServerConnection::consumeBody(std::string_view& data) {
    boost::beast::error_code ec;
    parser_->piece = {};
    const auto used = parser_->put({data.data(), data.size()}, ec);
    data.remove_prefix(used);
    const auto piece = parser_->piece;
    const bool end = parser_->is_done();
    if (ec && ec != boost::beast::http::error::need_more) {
        reject(400, "bad.chunk", "malformed chunked body");
        return false;
    }
    if (!piece.empty() || end) {
        summary_.request_bytes += piece.size();
        if (summary_.request_bytes > body_max_) {
            reject(413, "limit.body_bytes", "Request Entity Too Large");
            return false;
        }
        onPiece(piece, end);
        return phase_ != Phase::Dead;
    }
    if (data.size() > kPiece) {
        reject(400, "bad.chunk", "chunk header too long");
        return false;
    }
    return used != 0 && !ec;
}

void ServerConnection::onPiece(std::string_view piece, bool end) {
    if (end && wait_ == Wait::Body) disarm();
    auto* h = hooks();
    if (h != nullptr && !request_taken_ && body_ != Body::Discard &&
        (body_ == Body::Stream || h->filtersRequestBody())) {
        switch (h->onRequestBody(piece, end)) {
            case Flow::Continue:
                break;
            case Flow::Taken:
                request_taken_ = true;
                break;
            case Flow::Pause:
                request_paused_ = true;
                if (wait_ == Wait::Body) disarm();
                break;
        }
        if (phase_ != Phase::Exchange) return;
    }
    deliverPiece(piece, end);
}

void ServerConnection::deliverPiece(std::string_view piece, bool end) {
    if (pool_ != nullptr && body_ == Body::Stream) {
        sendUpstreamBody(piece, end);
    } else if (body_ == Body::Buffer) {
        exchange_->body_.append(piece);
    }
    if (end) bodyEnded();
}

void ServerConnection::bodyEnded() {
    const bool buffered = body_ == Body::Buffer;
    body_ = Body::Done;
    auto* h = hooks();
    if (buffered && h != nullptr && !request_taken_ && !request_paused_) h->onBodyReady();
    completeIfDone();
}

/// The engine's own refusal: answers when it still can, and closes.
void ServerConnection::reject(unsigned status, std::string_view counter, std::string_view reason) {
    if (!counter.empty()) loop_.observer.count(std::string("engine.").append(counter));
    keep_alive_ = false;
    disarm();
    if (is_headless) listener_.headless(*this, false);
    if (phase_ == Phase::Exchange && exchange_) {
        if (head_sent_) return destroy();
        letGoOfUpstream();
        host_reply_ = true;
        body_ = Body::Discard;
        request_paused_ = false;
        answered_ = false;
        response_paused_ = false;
        ResponseHead head;
        head.status = status;
        head.fields.add("Content-Type", "text/plain; charset=utf-8");
        respond(std::move(head), std::string(reason));
        return;
    }
    phase_ = Phase::Lingering;
    std::string& out = loop_.head_scratch;
    out = "HTTP/1.1 " + std::to_string(status) + " Refused\r\nDate: ";
    out.append(loop_.date())
        .append(
            "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: ")
        .append(std::to_string(reason.size()))
        .append("\r\n\r\n")
        .append(reason);
    iovec piece{out.data(), out.size()};
    close_after_ = true;
    in_.clear();
    send(&piece, 1);
    completeIfDone();
}

}  // namespace persona::host::net
