#include <sys/socket.h>

#include "host/net/reactor.h"
#include "host/net/server_connection.h"

/// How an exchange ends, and how a connection does.
namespace persona::host::net {

namespace {
/// A connection that was answered a moment ago is likely to send its next request.
constexpr std::int64_t kDrainGraceNs = 250'000'000;
}  // namespace

void ServerConnection::completeIfDone() {
    if (phase_ == Phase::Exchange && response_done_) {
        // An answer in full ends the exchange, whatever is left of the request body when it must
        // not be waited for; a body that is being dropped is read to its end first.
        if (body_ == Body::Discard && keep_alive_) return;
        if (!out_.empty()) return;
        finishExchange(false);
    }
    if (phase_ == Phase::Lingering && close_after_ && out_.empty()) linger();
}

/// Gives the client the time to read the answer before unread octets reset the connection. Where
/// there are none, and none are to come, it is closed at once: that spares a short connection the
/// shutdown, the wait for its client's end, and the read that hears of it.
void ServerConnection::linger() {
    close_after_ = false;
    if (all_heard_ && !transport_.isTls()) return destroy();
    transport_.shutdownWrite();
    if (peer_eof_) return destroy();
    arm(Wait::Linger);
    if (!processing_ && readable_) loop_.reactor.again(*this);
}

void ServerConnection::finishExchange(bool aborted) {
    auto exchange = std::move(exchange_);
    if (!exchange) return;
    exchange->connection_ = nullptr;
    exchange->gone_.store(true, std::memory_order_release);
    letGoOfUpstream();
    const auto now = monotonicNs();
    summary_.duration_ns = now - exchange->received_ns;
    summary_.aborted = aborted;
    summary_.host_reply = host_reply_;
    if (exchange->hooks_) {
        exchange->hooks_->onComplete(summary_);
        loop_.graveyard.hooks.push_back(std::move(exchange->hooks_));
    }
    pool_ = nullptr;
    total_until_ns_ = 0;
    disarm();
    if (aborted || phase_ == Phase::Dead) return;
    if (eof_pending_)
        loop_.fault("engine.client.half_closed",
                    "a client had closed its half when it was answered");
    // A client that did not ask for the end may have sent its next request already.
    all_heard_ =
        client_closes_ && (body_ == Body::Done || !exchange->request.hasBody()) && !readable_;
    parser_.reset();
    scanner_.reset();
    if (!keep_alive_ || peer_eof_) {
        phase_ = Phase::Lingering;
        in_.clear();
        close_after_ = true;
        return;
    }
    phase_ = Phase::Head;
    arm(Wait::Idle);
    waitIn(&listener_.resting);
    if (!processing_ && (!in_.empty() || readable_ || transport_.hasBuffered()))
        loop_.reactor.again(*this);
}

void ServerConnection::drain() {
    if (phase_ != Phase::Head || parser_) {
        // A head that has gone has promised to stay: the next one takes that back.
        if (!head_sent_) keep_alive_ = false;
        return;
    }
    if (loop_.patient || loopNow() - waits_since_ns < kDrainGraceNs) return;
    // Closing under a request that has arrived would lose it.
    char octet = 0;
    if (::recv(transport_.fd(), &octet, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) destroy();
}

void ServerConnection::destroy() {
    if (phase_ == Phase::Dead) return;
    writeHeld();
    // An answer that breaks off must look like that, also where only the end of the stream ends it.
    if (phase_ == Phase::Exchange && head_sent_ && (!response_done_ || out_sent_ < out_.size()))
        transport_.resetOnClose();
    phase_ = Phase::Dead;
    disarm();
    loop_.reactor.remove(transport_.fd(), *this);
    waitIn(nullptr);
    finishExchange(true);
    transport_.close();
    listener_.removed(*this);
}

}  // namespace persona::host::net
