#include "host/bridge/memory_exchange.h"

#include "host/net/reactor.h"

namespace persona::host::bridge {

namespace {
constexpr std::size_t kPiece = 16 * 1024;
}

MemoryExchange::MemoryExchange(net::Loop& loop, net::ClientRequest&& r, net::Origin from)
    : loop_(loop), max_body_(r.max_body), request_body_(std::move(r.body)) {
    request.method = std::move(r.method);
    request.target = std::move(r.target);
    request.fields = std::move(r.fields);
    request.content_length = static_cast<std::int64_t>(request_body_.size());
    origin = from;
    client_address = peer_address = "inproc";
    received_ns = net::monotonicNs();
    listener = "inproc";
}

void MemoryExchange::bufferBody(std::uint64_t max) {
    if (max != 0 && request_body_.size() > max) return refuse(413, "Request Entity Too Large");
    if (hooks_) hooks_->onBodyReady();
}

void MemoryExchange::streamBody(std::uint64_t max) {
    if (max != 0 && request_body_.size() > max) return refuse(413, "Request Entity Too Large");
    if (hooks_) hooks_->onRequestBody(request_body_, true);
}

void MemoryExchange::discardBody(std::uint64_t max) {
    if (max != 0 && request_body_.size() > max) return refuse(413, "Request Entity Too Large");
}

bool MemoryExchange::respond(net::ResponseHead head, std::string body) {
    if (gone_ || (started_ && !in_hook_ && !response_paused_)) return false;
    head.content_length = static_cast<std::int64_t>(body.size());
    response = std::move(head);
    response_body_ = std::move(body);
    started_ = whole_ = true;
    response_paused_ = false;
    if (!in_hook_) passHead();
    return true;
}

bool MemoryExchange::start(net::ResponseHead head) {
    if (gone_ || started_) return false;
    response = std::move(head);
    started_ = true;
    return true;
}

net::Exchange::Written MemoryExchange::write(std::string_view data, bool end) {
    if (gone_ || !started_ || whole_) return Written::Gone;
    if (response_body_.size() + data.size() > max_body_) {
        finish(net::ClientError::TooLarge,
               "the answer is larger than " + std::to_string(max_body_) + " octets");
        return Written::Gone;
    }
    response_body_.append(data);
    whole_ = end;
    if (end) passHead();
    return Written::Ok;
}

void MemoryExchange::passHead() {
    if (response_body_.size() > max_body_)
        return finish(net::ClientError::TooLarge,
                      "the answer is larger than " + std::to_string(max_body_) + " octets");
    const auto keep = shared_from_this();
    in_hook_ = true;
    const auto flow = hooks_ ? hooks_->onResponseHead() : net::Flow::Continue;
    in_hook_ = false;
    if (gone_) return;
    if (flow == net::Flow::Pause) {
        response_paused_ = true;
        return;
    }
    head_passed_ = true;
    passed_ = 0;
    passBody();
}

void MemoryExchange::passBody() {
    const auto keep = shared_from_this();
    const bool filtered = hooks_ && hooks_->filtersResponseBody();
    for (bool end = !filtered; !end;) {
        const auto piece = std::string_view(response_body_).substr(passed_, kPiece);
        passed_ += piece.size();
        end = passed_ == response_body_.size();
        const auto flow = hooks_->onResponseBody(piece, end);
        if (gone_) return;
        if (flow == net::Flow::Taken) return abort();
        if (flow == net::Flow::Pause) {
            response_paused_ = true;
            whole_ = end;
            return;
        }
    }
    finish(net::ClientError::None, "");
}

void MemoryExchange::resume(Side side) {
    if (side == Side::Request || gone_ || !response_paused_) return;
    const auto keep = shared_from_this();
    response_paused_ = false;
    if (!head_passed_) {
        head_passed_ = true;
        passed_ = 0;
        return passBody();
    }
    if (passed_ == response_body_.size()) return finish(net::ClientError::None, "");
    passBody();
}

void MemoryExchange::refuse(unsigned status, const char* text) {
    net::ResponseHead head;
    head.status = status;
    respond(std::move(head), text);
}

void MemoryExchange::finish(net::ClientError error, const std::string& detail) {
    if (gone_.exchange(true)) return;
    net::ClientResult result;
    result.error = error;
    result.detail = detail;
    if (error == net::ClientError::None) {
        result.status = response.status;
        result.fields = std::move(response.fields);
        result.body = std::move(response_body_);
    }
    net::Summary summary;
    summary.status = result.status;
    summary.aborted = error != net::ClientError::None;
    summary.request_bytes = request_body_.size();
    summary.response_bytes = result.body.size();
    summary.duration_ns = net::monotonicNs() - received_ns;
    if (hooks_) {
        hooks_->onComplete(summary);
        // The caller may be inside one of the hooks' calls: they go when the loop comes round.
        loop_.post([dead = std::shared_ptr<net::ExchangeHooks>(std::move(hooks_))] {});
    }
    done(std::move(result));
}

}  // namespace persona::host::bridge
