#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>

#include "host/net/server_connection.h"

/// The request side of a connection: deadlines, reading, bodies.
namespace persona::host::net {

namespace {
constexpr std::uint32_t kEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
constexpr std::size_t kPiece = 16 * 1024;
constexpr std::size_t kGathered = 4 * 1024;  ///< octets from which chunks are not gathered further
constexpr int kReadsPerTurn = 16;            ///< so that one fast client does not hold up the loop
constexpr std::int64_t kMs = 1'000'000;
/// Framing that a chunked body may carry: enough for chunks of one octet, not for essays in
/// extensions and trailers.
constexpr std::uint64_t kOverhead = 64 * 1024, kOverheadPerOctet = 8;

/// User of the process at the other end of a local socket, as it was when it connected.
std::int64_t userAt(int fd, const std::string& peer) {
    ucred who{};
    socklen_t size = sizeof who;
    if (peer != "unix" || ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return -1;
    return who.uid;
}
}  // namespace

ServerConnection::ServerConnection(LoopImpl& loop, Listener& listener, Fd fd,
                                   const SocketAddress& peer)
    : loop_(loop),
      listener_(listener),
      transport_(std::move(fd)),
      peer_(peer.host()),
      peer_uid_(userAt(transport_.fd(), peer_)) {}

ServerConnection::~ServerConnection() = default;

ExchangeHooks* ServerConnection::hooks() const {
    return exchange_ ? exchange_->hooks_.get() : nullptr;
}

void ServerConnection::waitIn(WaitingList* list) {
    if (waits_in != nullptr) waits_in->remove(*this);
    if (list != nullptr) list->add(*this);
}

void ServerConnection::start() {
    if (!loop_.reactor.add(transport_.fd(), *this, kEvents)) {
        loop_.fault("engine.limit.descriptors", "no file descriptor left");
        return destroy();
    }
    waitIn(&listener_.headless);
    arm(Wait::Head);
    if (listener_.shared().settings.tls) {
        const auto tls = listener_.shared().tlsContext();
        if (!tls || !transport_.startTls(*tls, true, "")) return destroy();
    } else {
        phase_ = Phase::Head;
    }
}

// ---- deadlines ----------------------------------------------------------------------------------

void ServerConnection::arm(Wait what) {
    wait_ = what;
    const auto& l = limits();
    const auto now = loop_.reactor.now();
    switch (what) {
        case Wait::None:
            wait_until_ns_ = 0;
            break;
        case Wait::Head:
            wait_until_ns_ = now + l.header_deadline.count() * kMs;
            break;
        case Wait::Idle:
            wait_until_ns_ = now + l.idle_timeout.count() * kMs;
            break;
        case Wait::Write:
            wait_until_ns_ = now + l.write_timeout.count() * kMs;
            break;
        case Wait::Body:
            wait_until_ns_ = now + l.body_grace.count() * kMs;
            window_start_ns_ = now;
            window_octets_ = summary_.request_bytes;
            window_blocked_ = !wantsInput();
            break;
        case Wait::Linger:
            wait_until_ns_ = now + 2'000 * kMs;
            break;
    }
    schedule();
}

void ServerConnection::schedule() {
    auto when = wait_until_ns_;
    if (total_until_ns_ != 0 && (when == 0 || total_until_ns_ < when)) when = total_until_ns_;
    if (when == 0)
        loop_.reactor.wheel().cancel(*this);
    else
        loop_.reactor.wheel().set(*this, when);
}

void ServerConnection::onDeadline() {
    const auto now = loop_.reactor.now();
    if (total_until_ns_ != 0 && total_until_ns_ <= now) {
        total_until_ns_ = 0;
        return upstreamFailed(504, "engine.upstream.total_timeout",
                              "the whole answer took too long");
    }
    if (wait_until_ns_ == 0 || wait_until_ns_ > now) return schedule();
    switch (wait_) {
        case Wait::Head:
            loop_.fault("engine.limit.header_deadline", "a request head took too long");
            if (phase_ == Phase::Handshake || !parser_) return destroy();
            refuse(408, "", "the request head took too long");
            return;
        case Wait::Idle:
            loop_.observer.count("engine.limit.idle_timeout");
            return destroy();
        case Wait::Linger:
            return destroy();
        case Wait::Write:
            loop_.fault("engine.limit.write_timeout", "a client takes no octet of its answer");
            return destroy();
        case Wait::Body:
            return checkBodyRate();
        case Wait::None:
            return;
    }
}

/// Each window of body_grace must bring its share; one in which we did not read does not count.
void ServerConnection::checkBodyRate() {
    const auto got = summary_.request_bytes - window_octets_;
    const auto ms = static_cast<std::uint64_t>((loop_.reactor.now() - window_start_ns_) / kMs);
    if (window_blocked_ || got * 1'000 >= limits().body_min_rate * ms) return arm(Wait::Body);
    loop_.fault("engine.limit.body_min_rate", "a request body comes too slowly");
    if (head_sent_) return destroy();
    refuse(408, "", "the request body comes too slowly");
}

// ---- octets -------------------------------------------------------------------------------------

void ServerConnection::onEvents(std::uint32_t events) {
    if (phase_ == Phase::Dead) return;
    if (phase_ == Phase::Handshake) {
        switch (transport_.handshake()) {
            case Io::Again:
                return;
            case Io::Done:
                break;
            default:
                loop_.fault("engine.tls.handshake_failed",
                            "TLS handshake: " + transport_.tlsError());
                return destroy();
        }
        phase_ = Phase::Head;
        events |= EPOLLIN;
    }
    // Both directions are gone; nobody can receive the answer.
    if ((events & (EPOLLHUP | EPOLLERR)) != 0 && phase_ != Phase::Head) return clientGone();
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) eof_pending_ = true;
    if ((events & EPOLLOUT) != 0 && !out_.empty()) flush();
    if (phase_ == Phase::Dead) return;
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) readable_ = true;
    if (readable_ || !in_.empty()) readLoop();
}

/// In the middle of its request, or before it has its answer.
void ServerConnection::clientGone() {
    if (phase_ == Phase::Exchange && !response_done_)
        loop_.fault("engine.client.gone", "a client went before the end of its exchange");
    destroy();
}

bool ServerConnection::wantsInput() const {
    if (phase_ == Phase::Head || phase_ == Phase::Lingering) return true;
    return bodyIsComing() && !request_paused_ && !(up_ != nullptr && up_->isBehind()) &&
           up_queue_.size() < 64 * 1024;
}

void ServerConnection::readLoop() {
    if (processing_) return;
    processing_ = true;
    int budget = kReadsPerTurn;
    while (phase_ != Phase::Dead && wantsInput()) {
        if (!in_.empty() && phase_ != Phase::Lingering) {
            std::string kept;
            kept.swap(in_);
            std::string_view data = kept;
            const auto before = data.size();
            const bool stuck = !consume(data);
            if (phase_ == Phase::Dead) break;
            if (data.size() == before)
                kept.swap(in_);  // all of it waits for more
            else
                in_.assign(data);
            if (!stuck) continue;
            if (!wantsInput()) break;
        }
        if ((!readable_ && !transport_.hasBuffered()) || peer_eof_) break;
        if (budget-- == 0) {
            loop_.reactor.again(*this);
            break;
        }
        char* buffer = loop_.read_buffer.data();
        std::size_t got = 0;
        const Io io = transport_.read(buffer, kPiece, got);
        if (io == Io::Again) {
            readable_ = false;
            break;
        }
        if (io != Io::Done) {
            // A request that ends before its framing says so is no request.
            peer_eof_ = true;
            clientGone();
            break;
        }
        // After an end of stream no further event comes: it must be read to be noticed.
        if (got < kPiece && !transport_.isTls() && !eof_pending_) readable_ = false;
        if (phase_ == Phase::Lingering) continue;
        if (!in_.empty()) {
            in_.append(buffer, got);
            continue;
        }
        std::string_view data(buffer, got);
        while (consume(data)) {
        }
        if (phase_ == Phase::Dead) break;
        if (!data.empty() && phase_ != Phase::Lingering) in_.assign(data);
    }
    processing_ = false;
    if (bodyIsComing() && !wantsInput()) window_blocked_ = true;
    if (phase_ == Phase::Lingering) in_.clear();
    if (phase_ == Phase::Head && in_.empty() && in_.capacity() > 64) std::string().swap(in_);
}

/// True: made progress, call again. False: needs more octets, or must not go on now.
bool ServerConnection::consume(std::string_view& data) {
    if (data.empty() || !wantsInput()) return false;
    if (phase_ == Phase::Head) return consumeHead(data);
    if (phase_ == Phase::Exchange) return consumeBody(data);
    return false;
}

// ---- bodies -------------------------------------------------------------------------------------

void ServerConnection::takeBody(Body mode, std::uint64_t max) {
    if (phase_ != Phase::Exchange || !exchange_) return;
    body_max_ = max != 0 ? max : limits().body_bytes;
    body_mode_ = mode;
    auto& request = exchange_->request;
    if (body_ == Body::Done) {
        body_ = mode;
        return onPiece({}, true);
    }
    body_ = mode;
    if (request.content_length > 0 &&
        static_cast<std::uint64_t>(request.content_length) > body_max_) {
        expect_continue_ = false;
        refuse(413, "limit.body_bytes", "Request Entity Too Large");
        return;
    }
    if (expect_continue_) {
        // Nobody is going to look at it: the answer comes instead of the invitation.
        if (mode == Body::Discard) {
            keep_alive_ = expect_continue_ = false;
            return;
        }
        if (in_.empty()) {
            static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
            iovec piece{const_cast<char*>(kContinue.data()), kContinue.size()};
            send(&piece, 1);
            if (phase_ != Phase::Exchange) return;
        }
    }
    expect_continue_ = false;
    if (wait_ != Wait::Write) arm(Wait::Body);
    readLoop();
}

bool ServerConnection::consumeBody(std::string_view& data) {
    // Small chunks become one piece: each piece is a call for whoever takes it, and one of the
    // system for a relay.
    std::string gathered;
    for (;;) {
        boost::beast::error_code ec;
        const auto slice = std::min(data.size(), kPiece);
        const auto used = parser_->putBody(data.substr(0, slice), ec);
        data.remove_prefix(used);
        const auto piece = parser_->piece;
        const bool end = parser_->is_done();
        if (ec && ec != boost::beast::http::error::need_more)
            return refuse(400, "bad.chunk", "malformed chunked body");
        summary_.request_bytes += piece.size();
        body_overhead_ += used - piece.size();
        if (body_overhead_ > kOverhead + kOverheadPerOctet * summary_.request_bytes ||
            (used == 0 && slice == kPiece))
            return refuse(400, "bad.chunk", "too much framing in a chunked body");
        if (summary_.request_bytes > body_max_)
            return refuse(413, "limit.body_bytes", "Request Entity Too Large");
        const bool progress = used != 0 && !ec;
        const bool more =
            progress && !end && !data.empty() && gathered.size() + piece.size() < kGathered;
        if (more || !gathered.empty()) gathered.append(piece);
        if (more) continue;
        const auto whole = gathered.empty() ? piece : std::string_view(gathered);
        if (whole.empty() && !end) return progress;
        onPiece(whole, end);
        return phase_ != Phase::Dead;
    }
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
                if (phase_ == Phase::Exchange && end) bodyEnded();
                return;
            case Flow::Pause:
                if (phase_ != Phase::Exchange) return;
                // Held back: what a filter has not made up its mind about goes nowhere.
                request_paused_ = true;
                paused_piece_.assign(piece);
                paused_end_ = end;
                if (wait_ == Wait::Body) disarm();
                return;
        }
        if (phase_ != Phase::Exchange) return;
    }
    deliverPiece(piece, end);
}

void ServerConnection::deliverPiece(std::string_view piece, bool end) {
    if (pool_ != nullptr && body_ == Body::Stream)
        sendUpstreamBody(piece, end);
    else if (body_ == Body::Buffer)
        exchange_->body_.append(piece);
    if (end && phase_ == Phase::Exchange) bodyEnded();
}

void ServerConnection::bodyEnded() {
    const bool buffered = body_ == Body::Buffer;
    body_ = Body::Done;
    auto* h = hooks();
    if (buffered && h != nullptr && !request_taken_) h->onBodyReady();
    completeIfDone();
}

void ServerConnection::resumeRequest() {
    if (phase_ != Phase::Exchange || !request_paused_) return;
    const auto keep = exchange_;
    request_paused_ = false;
    const std::string piece = std::move(paused_piece_);
    paused_piece_.clear();
    deliverPiece(piece, paused_end_);
    if (exchange_ != keep || !bodyIsComing() || request_paused_) return;
    if (wait_ != Wait::Write) arm(Wait::Body);
    readLoop();
}

}  // namespace persona::host::net
