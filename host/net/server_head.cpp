#include <algorithm>

#include "host/net/forwarded.h"
#include "host/net/reactor.h"
#include "host/net/reason.h"
#include "host/net/server_connection.h"

/// What the head of a request must be before anyone sees it.
namespace persona::host::net {

bool ServerConnection::consumeHead(std::string_view& data) {
    if (!parser_) {
        // Empty lines before a request line are skipped (RFC 9112 2.2), at most two.
        for (; empty_lines_ < 2 && data.starts_with("\r\n"); ++empty_lines_) data.remove_prefix(2);
        if (data.empty() || data == "\r") return false;
        parser_.emplace();
        scanner_.reset();
        if (requests_ > 0) {
            arm(Wait::Head);
            waitIn(&listener_.headless);
        }
    }
    const auto r = scanner_.scan(data, limits(), true);
    if (r.state == HeadScanner::State::NeedMore) return false;
    if (r.state == HeadScanner::State::Bad) return refuse(r.status, r.counter, r.reason);
    boost::beast::error_code ec;
    parser_->put({data.data(), r.head_size}, ec);
    data.remove_prefix(r.head_size);
    if ((ec && ec != boost::beast::http::error::need_more) || !parser_->is_header_done())
        return refuse(400, "bad.head", "malformed request head");
    ++requests_;
    return acceptHead();
}

/// Where a body ends must have one reading only: all else is smuggling.
bool ServerConnection::checkFraming() {
    const auto& p = *parser_;
    if (p.lengths > 1) return refuse(400, "bad.content_length", "more than one Content-Length");
    if (p.lengths != 0 && p.encodings != 0)
        return refuse(400, "bad.framing", "both Content-Length and Transfer-Encoding");
    if (p.lengths == 1 && p.content_length < 0)
        return refuse(400, "bad.content_length", "malformed Content-Length");
    if (p.encodings > 1) return refuse(400, "bad.framing", "more than one Transfer-Encoding");
    if (p.encodings != 0 && p.minor == 0)
        return refuse(400, "bad.framing", "Transfer-Encoding in HTTP/1.0");
    if (p.bad_encoding) return refuse(501, "bad.transfer_encoding", "only chunked is known");
    if (p.upgrade) return refuse(501, "bad.upgrade", "no protocol to upgrade to");
    if (p.other_expect) return refuse(417, "bad.expect", "only 100-continue can be expected");
    return true;
}

/// Origin form out of what stands in the request line; one canonical Host.
bool ServerConnection::resolveTarget(std::string& target) {
    auto& p = *parser_;
    if (p.hosts > 1) return refuse(400, "bad.host", "more than one Host field");
    if (p.hosts == 0 && p.minor == 1) return refuse(400, "bad.host", "no Host field");
    const auto host = p.fields.find("host").value_or("");
    if (!isAuthority(host)) return refuse(400, "bad.host", "malformed Host field");
    if (target.front() == '/') return true;
    if (target == "*")
        return p.method == "OPTIONS" || refuse(400, "bad.target", "* is for OPTIONS");
    const std::string_view all = target;
    const std::size_t scheme = equalsNoCase(all.substr(0, 7), "http://")    ? 7
                               : equalsNoCase(all.substr(0, 8), "https://") ? 8
                                                                            : 0;
    if (scheme == 0) return refuse(400, "bad.target", "the request target must start with /");
    const auto rest = all.substr(scheme);
    const auto slash = rest.find_first_of("/?");
    const std::string authority(rest.substr(0, slash));
    const auto& own = listener_.shared().settings.own_authorities;
    const bool ours = own.empty() ? !authority.empty() && equalsNoCase(authority, host)
                                  : std::any_of(own.begin(), own.end(), [&](const auto& a) {
                                        return equalsNoCase(a, authority);
                                    });
    if (!ours) return refuse(421, "bad.authority", "this authority is not served here");
    std::string origin(slash == std::string_view::npos ? "/" : rest.substr(slash));
    if (origin.front() == '?') origin.insert(0, "/");
    // The authority of the target is the one that counts (RFC 9112 3.2.2).
    p.fields.set("Host", authority);
    target = std::move(origin);
    return true;
}

bool ServerConnection::acceptHead() {
    auto& p = *parser_;
    std::string target = p.target;
    if (!checkFraming() || !resolveTarget(target)) return false;
    if (p.repeated)
        return refuse(400, "bad.repeated_field",
                      "a field that stands once in a request stands twice");
    // Fields of this hop end here, before filters add theirs: a client cannot name those. Nor what
    // a proxy in front says of it, as that may pass its Connection field on.
    if (p.connection_options) {
        ConnectionOptions named;
        if (!named.read(p.fields))
            return refuse(400, "bad.connection", "too many names in Connection");
        p.fields.removeIf([&](std::string_view name) {
            return !isHopByHop(name) && !isOfProxies(name) && !equalsNoCase(name, "host") &&
                   named.has(name);
        });
    }
    beginExchange(std::move(target));
    if (parser_->is_done()) body_ = Body::Done;
    const auto keep = exchange_;  // dispatch may end the exchange
    listener_.shared().dispatcher->dispatch(exchange_);
    return phase_ != Phase::Dead;
}

void ServerConnection::beginExchange(std::string&& target) {
    auto& p = *parser_;
    waitIn(nullptr);
    disarm();
    keep_alive_ = p.minor == 1 ? !p.close : p.keep_alive && !p.close;
    client_closes_ = !keep_alive_;
    if (limits().requests_per_connection != 0 && requests_ >= limits().requests_per_connection)
        keep_alive_ = false;
    if (loop_.draining) keep_alive_ = false;
    phase_ = Phase::Exchange;
    summary_ = {};
    expect_continue_ = p.expect_continue && p.minor == 1;
    request_paused_ = request_taken_ = paused_end_ = answered_ = head_sent_ = response_done_ =
        response_paused_ = chunked_out_ = no_body_ = wants_writable_ = host_reply_ = in_hook_ =
            collecting_ = false;
    paused_piece_.clear();
    held_.clear();
    passed_.clear();
    held_end_ = passed_end_ = up_waiting_ = up_chunked_ = up_queue_end_ = false;
    up_queue_.clear();
    up_attempts_ = 0;
    total_until_ns_ = up_started_ns_ = 0;
    body_overhead_ = 0;
    empty_lines_ = 0;
    body_ = body_mode_ = Body::Undecided;
    exchange_ = std::make_shared<HttpExchange>(loop_, this);
    auto& e = *exchange_;
    e.request.method = std::move(p.method);
    e.request.target = std::move(target);
    e.request.fields = std::move(p.fields);
    e.request.minor = p.minor;
    e.request.chunked = p.encodings != 0;
    e.request.content_length = p.lengths != 0 ? p.content_length : -1;
    // When its turn of the loop began: waiting for the others of the turn is part of the time.
    e.received_ns = loop_.reactor.now();
    e.listener = listener_.shared().settings.name;
    e.peer_address = peer_;
    e.peer_uid = peer_uid_;
    if (transport_.isTls()) e.scheme = "https";
    resolveClient();
    loop_.exchanges.fetch_add(1, std::memory_order_relaxed);
}

void ServerConnection::resolveClient() {
    auto& e = *exchange_;
    e.client_address = peer_;
    const auto& shared = listener_.shared();
    const bool believed = peer_ == "unix"
                              ? shared.trust_unix
                              : std::any_of(shared.trusted.begin(), shared.trusted.end(),
                                            [&](const Cidr& c) { return c.contains(peer_); });
    if (!believed) return;
    auto found = findClient(e.request.fields, shared.settings.forwarded_header, shared.trusted);
    if (!found.address.empty()) e.client_address = std::move(found.address);
    if (!found.scheme.empty()) e.scheme = std::move(found.scheme);
}

/// The engine's own refusal: answers when it still can, and closes. Always false, for callers that
/// end with it.
bool ServerConnection::refuse(unsigned status, std::string_view counter, std::string_view reason) {
    if (!counter.empty())
        loop_.fault(std::string("engine.").append(counter),
                    listener_.shared().settings.name + ": refused, " + std::to_string(status) +
                        ": " + std::string(reason));
    keep_alive_ = false;
    total_until_ns_ = 0;
    disarm();
    waitIn(nullptr);
    if (phase_ == Phase::Exchange && exchange_) {
        if (head_sent_) {
            destroy();
            return false;
        }
        letGoOfUpstream();
        hostReply(status, reason);
        return false;
    }
    phase_ = Phase::Lingering;
    std::string& out = loop_.head_scratch;
    out = "HTTP/1.1 " + std::to_string(status) + " ";
    out.append(reasonPhrase(status)).append("\r\nDate: ").append(loop_.date());
    out.append(
           "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
           "Content-Length: ")
        .append(std::to_string(reason.size()))
        .append("\r\n\r\n")
        .append(reason);
    iovec piece{out.data(), out.size()};
    close_after_ = true;
    in_.clear();
    send(&piece, 1);
    completeIfDone();
    return false;
}

}  // namespace persona::host::net
