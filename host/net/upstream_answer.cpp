#include <algorithm>

#include "host/net/upstream_pool.h"

/// The receiving half of a connection to an upstream: what is no sound answer is no answer.
namespace persona::host::net {

namespace {
constexpr std::size_t kPiece = 16 * 1024;
constexpr int kReadsPerTurn = 16;    ///< so that one fast upstream does not hold up the loop
constexpr unsigned kMaxInterim = 8;  ///< answers of status 1xx before the final one
const Limits kHeadLimits{};
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

bool isOfProxies(std::string_view name) {
    if (name.size() == 9) return equalsNoCase(name, "forwarded") || equalsNoCase(name, "x-real-ip");
    return name.size() > 12 && equalsNoCase(name.substr(0, 12), "x-forwarded-");
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
    int budget = kReadsPerTurn;
    while (phase_ == Phase::Busy && user_ != nullptr && !paused_ && (readable_ || !in_.empty())) {
        if (!in_.empty()) {
            std::string kept;
            kept.swap(in_);
            std::string_view data = kept;
            const auto before = data.size();
            if (!consume(data)) break;
            if (phase_ != Phase::Busy || user_ == nullptr) break;
            if (data.size() == before)
                kept.swap(in_);  // all of it waits for more
            else
                in_.assign(data);
            if (paused_) break;
            if (in_.size() < before && !in_.empty() && head_done_) continue;
            if (!readable_) break;
        }
        if (budget-- == 0) {
            loop_.reactor.again(*this);
            break;
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
            // Only a clean end can end an answer that has no other end: over TLS that is a
            // close_notify, for the network could cut the connection anywhere.
            if (io == Io::Closed && head_done_ && parser_->need_eof()) {
                finishMessage();
                break;
            }
            fail(UpstreamFault::Closed,
                 endpoint_.text + " closed the connection before the end of its answer");
            break;
        }
        // After an end of stream no further event comes: it must be read to be noticed.
        if (got < kPiece && !transport_.isTls() && !eof_pending_) readable_ = false;
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

bool UpstreamConnection::headIsSound() const {
    const auto& p = *parser_;
    if (p.status < 100 || p.status > 599) return false;
    if (p.status == 101) return false;  // switched protocols unasked
    if (p.bad_encoding || p.encodings > 1 || p.lengths > 1) return false;
    if (p.lengths == 1 && p.content_length < 0) return false;
    if (ConnectionOptions named; p.connection_options && !named.read(p.fields)) return false;
    return p.encodings == 0 || (p.lengths == 0 && p.minor != 0);
}

/// The end-to-end fields of the answer.
void UpstreamConnection::takeHead() {
    auto& p = *parser_;
    if (p.close || (p.minor == 0 && !p.keep_alive) || p.need_eof()) reusable_ = false;
    head_.status = p.status;
    const bool bodiless = p.status == 204 || p.status == 304;
    head_.content_length = p.lengths != 0 ? p.content_length : (bodiless ? 0 : -1);
    if (p.connection_options) {
        ConnectionOptions named;
        if (named.read(p.fields)) p.fields.removeIf([&](auto n) { return named.has(n); });
    }
    p.fields.removeIf(isHopByHop);
    std::swap(head_.fields, p.fields);
}

/// Eats heads, interim ones too. False: the user let go, or the connection failed.
bool UpstreamConnection::consumeHead(std::string_view& data) {
    while (!head_done_) {
        const auto r = scanner_.scan(data, kHeadLimits, false);
        if (r.state == HeadScanner::State::NeedMore) return true;
        boost::beast::error_code ec;
        if (r.state == HeadScanner::State::Complete) {
            if (head_request_) parser_->skip(true);
            parser_->put({data.data(), r.head_size}, ec);
        }
        if (r.state == HeadScanner::State::Bad ||
            (ec && ec != boost::beast::http::error::need_more) || !parser_->is_header_done() ||
            !headIsSound()) {
            fail(UpstreamFault::Malformed, endpoint_.text + " sent a malformed head: " +
                                               (*r.reason != 0 ? r.reason : "framing"));
            return false;
        }
        data.remove_prefix(r.head_size);
        if (parser_->status < 200) {
            // A peer that sends nothing else would keep the loop busy past every deadline.
            if (++interim_ > kMaxInterim) {
                fail(UpstreamFault::Malformed,
                     endpoint_.text + " sent interim answers without end");
                return false;
            }
            parser_.emplace();
            scanner_.reset();
            continue;
        }
        head_done_ = true;
        takeHead();
        if (pool_ != nullptr) pool_->answered(*this, head_.status);
        if (!user_->onUpstreamHead(head_)) return false;
        if (phase_ != Phase::Busy || user_ == nullptr) return false;
    }
    return true;
}

/// Eats what it can of `data`. False: the message ended, or the user let go.
bool UpstreamConnection::consume(std::string_view& data) {
    if (!got_octet_) {
        got_octet_ = true;
        loop_.reactor.wheel().cancel(*this);
    }
    if (!head_done_ && (!consumeHead(data) || !head_done_))
        return phase_ == Phase::Busy && user_ != nullptr && !head_done_;
    while (!parser_->is_done()) {
        if (data.empty() || paused_) return true;
        boost::beast::error_code ec;
        const auto slice = std::min(data.size(), kPiece);
        const auto used = parser_->putBody(data.substr(0, slice), ec);
        data.remove_prefix(used);
        if (!parser_->piece.empty()) {
            const bool more = user_->onUpstreamBody(parser_->piece);
            if (phase_ != Phase::Busy || user_ == nullptr) return false;
            if (!more) paused_ = true;
        }
        if (ec == boost::beast::http::error::need_more || (!ec && used == 0)) {
            if (used == 0 && slice == kPiece) {
                fail(UpstreamFault::Malformed, endpoint_.text + " sent a malformed chunk");
                return false;
            }
            if (used == 0) return true;
            continue;
        }
        if (ec) {
            fail(UpstreamFault::Malformed, endpoint_.text + " sent a malformed body");
            return false;
        }
    }
    if (!data.empty()) {
        reusable_ = false;
        loop_.fault("engine.upstream.surplus", endpoint_.text + " sent more than its answer");
    }
    finishMessage();
    return false;
}

void UpstreamConnection::finishMessage() {
    auto* user = std::exchange(user_, nullptr);
    loop_.reactor.wheel().cancel(*this);
    // An answer that came before the end of the request: what is still to be sent of it would be
    // taken for the next one.
    const bool keep = reusable_ && request_done_ && out_.empty() && !write_failed_ &&
                      !eof_pending_ && !loop_.draining && pool_ != nullptr;
    if (keep) {
        phase_ = Phase::Idle;
        pool_->release(*this);
    }
    user->onUpstreamEnd();
    if (!keep) destroy();
}

}  // namespace persona::host::net
