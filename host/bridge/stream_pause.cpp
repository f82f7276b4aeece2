#include "host/bridge/edge.h"
#include "host/bridge/stream.h"
#include "host/net/reactor.h"

/// Where a filter pauses a stream: deadlines, tokens, and how it goes on.

using persona::host::bridge::Pause;
using persona::host::bridge::tokens;
namespace net = persona::host::net;
namespace bridge = persona::host::bridge;

void psn_stream::arm(Pause& pause, Side side) {
    const auto deadline = net::milliseconds(filter(pause.filter).pause_deadline_ms);
    pause.cancel_deadline = exchange_->loop().after(
        deadline, [this, side, token = pause.token, keep = bridge::StreamRef(*this)] {
            Pause& p = side == Side::Request ? request_pause_ : response_pause_;
            if (p.token != token || complete_) return;
            tokens().expire(token);
            Pause at = std::exchange(p, {});
            if (faulted(side, at.filter, Filter::Fault::Deadline, "pause_deadline passed") ==
                Step::Next)
                goOn(side, std::move(at));
        });
}

void psn_stream::end(Pause& pause) {
    if (pause.token == 0) return;
    tokens().remove(pause.token);
    if (pause.cancel_deadline) pause.cancel_deadline();
    pause = {};
}

psn_token psn_stream::pauseToken() {
    if (!exchange_->loop().isCurrent() || call_ == nullptr) return 0;
    if (call_->token == 0) call_->token = tokens().add(*this, *filter(call_->filter).context);
    return call_->token;
}

psn_rc psn_stream::resumeReply(psn_token token, const psn_response* r) {
    // Before the token is taken, so that the pause goes on and a sound answer may follow.
    return bridge::isValid(r) ? resumeToken(token, PSN_FILTER_REPLY, r) : PSN_INVALID;
}

psn_rc psn_stream::resumeToken(psn_token token, std::uint32_t result, const psn_response* r) {
    auto* stream = tokens().take(token);
    if (stream == nullptr) return PSN_GONE;
    const bridge::StreamRef keep(*stream);
    stream->unref();
    std::shared_ptr<Reply> reply;
    if (r != nullptr) {
        reply = std::make_shared<Reply>();
        reply->head = bridge::headOf(*r);
        reply->body = bridge::toView(r->body);
    }
    // Always by message: the filter may still be inside the call that pauses.
    stream->exchange_->loop().post([stream, keep, token, result, reply] {
        const Side side = stream->request_pause_.token == token ? Side::Request : Side::Response;
        Pause& p = side == Side::Request ? stream->request_pause_ : stream->response_pause_;
        if (p.token != token || stream->complete_) return;
        stream->resumed(side, result,
                        reply ? std::optional<Reply>(std::move(*reply)) : std::nullopt);
    });
    return PSN_OK;
}

void psn_stream::resumed(Side side, std::uint32_t result, std::optional<Reply> reply) {
    Pause& p = side == Side::Request ? request_pause_ : response_pause_;
    if (p.cancel_deadline) p.cancel_deadline();
    Pause at = std::exchange(p, {});
    if (reply) {
        filter(at.filter).breaker.succeeded();
        if (side == Side::Response && head_sent_) {
            faulted(side, at.filter, Filter::Fault::BadResult, "resume_reply() after the head");
            if (!filter(at.filter).settings.deny_on_error) goOn(side, std::move(at));
            return;
        }
        replied(side, at.filter, std::move(*reply));
        return;
    }
    if (result == PSN_FILTER_CONTINUE) {
        filter(at.filter).breaker.succeeded();
        return goOn(side, std::move(at));
    }
    const auto step =
        result == PSN_FILTER_FAIL
            ? faulted(side, at.filter, Filter::Fault::Failed, "resumed with FAIL")
            : faulted(side, at.filter, Filter::Fault::BadResult, "resume() takes CONTINUE or FAIL");
    if (step == Step::Next) goOn(side, std::move(at));
}

void psn_stream::goOn(Side side, Pause&& at) {
    if (side == Side::Response) {
        const auto i = static_cast<std::ptrdiff_t>(at.filter);
        Flow flow;
        if (head_sent_)
            flow = walkResponsePiece(i - 1, at.piece, at.end);
        else if (at.in_body && at.end)
            flow = walkResponse(i - 1, false, 0);
        else
            flow = walkResponse(i, true, at.in_body ? at.offset : 0);
        if (flow == Flow::Continue) exchange_->resume(Exchange::Side::Response);
        return;
    }
    switch (phase_) {
        case Phase::RequestHead:
            return walkRequestHead(at.filter + 1);
        case Phase::RequestBody:
            return at.end ? walkWholeBody(at.filter + 1, 0) : walkWholeBody(at.filter, at.offset);
        case Phase::Handling:
            if (walkPiece(at.filter + 1, at.piece, at.end) == Flow::Continue)
                exchange_->resume(Exchange::Side::Request);
            return;
    }
}
