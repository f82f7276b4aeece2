#include "host/bridge/stream.h"
#include "host/bridge/ticks.h"
#include "host/net/reactor.h"

/// A stream's way through the filters: heads and bodies, replies, faults.

using persona::host::bridge::InPlugin;
using persona::host::bridge::Pause;
using persona::host::bridge::toAbi;
using persona::host::bridge::tokens;
namespace net = persona::host::net;
namespace bridge = persona::host::bridge;

namespace {
constexpr std::size_t kPiece = 16 * 1024;

/// Fields by which a role tells the filters what became of a request.
bool isReport(std::string_view name) {
    return name.size() > 7 && net::equalsNoCase(name.substr(0, 7), "BID-AA-") &&
           (net::equalsNoCase(name, "BID-AA-Outcome") ||
            net::equalsNoCase(name, "BID-AA-Cost-Us") ||
            net::equalsNoCase(name, "BID-AA-Queue-Us"));
}
}  // namespace

// ---- one call -----------------------------------------------------------------------------------

template <typename Fn>
psn_stream::Step psn_stream::call(Side side, std::size_t i, bool in_body, Fn&& fn) {
    Filter& f = filter(i);
    Call record{i, 0, std::nullopt, false};
    call_ = &record;
    bridge::current_loop = loop_index_;
    std::uint32_t result = PSN_FILTER_FAIL;
    bool threw = false;
    const auto from = bridge::ticks();
    {
        const InPlugin mark(f.tag);
        try {
            result = fn(*f.factory, f.instance, members_[i].context);
        } catch (...) {
            threw = true;
        }
    }
    f.ended(bridge::ticks() - from);
    call_ = nullptr;
    if (result == PSN_FILTER_CONTINUE && record.token == 0 && !record.reply && !record.aborts) {
        f.breaker.succeeded();
        return Step::Next;
    }
    if (result == PSN_FILTER_PAUSE && record.token != 0 && !record.reply && !record.aborts) {
        Pause& pause = side == Side::Request ? request_pause_ : response_pause_;
        pause.token = record.token;
        pause.filter = i;
        pause.in_body = in_body;
        arm(pause, side);
        return Step::Paused;
    }
    if (record.token != 0) tokens().expire(record.token);
    if (record.aborts) {
        exchange_->abort();
        return Step::Stopped;
    }
    if (result == PSN_FILTER_REPLY && record.reply) {
        f.breaker.succeeded();
        return replied(side, i, std::move(*record.reply));
    }
    if (result == PSN_FILTER_CONTINUE && !record.reply) {
        f.breaker.succeeded();
        return Step::Next;  // took a token and changed its mind
    }
    if (threw || result == PSN_FILTER_FAIL)
        return faulted(side, i, Filter::Fault::Failed,
                       threw ? "an exception left the filter" : "the filter failed");
    return faulted(side, i, Filter::Fault::BadResult,
                   result == PSN_FILTER_PAUSE   ? "the filter paused without a token"
                   : result == PSN_FILTER_REPLY ? "the filter said REPLY without respond()"
                   : record.reply               ? "the filter called respond() without saying REPLY"
                                                : "the filter returned an unknown result");
}

psn_stream::Step psn_stream::faulted(Side side, std::size_t i, Filter::Fault kind,
                                     const char* what) {
    Filter& f = filter(i);
    f.fault(kind, forLog(std::string(what) +
                         (f.settings.deny_on_error ? "; request refused" : "; request goes on")));
    return f.settings.deny_on_error ? refuse(side, i, "Service Unavailable: a filter failed")
                                    : Step::Next;
}

psn_stream::Step psn_stream::refuse(Side side, std::size_t i, const char* why) {
    if (side == Side::Response && head_sent_) {
        exchange_->abort();
        return Step::Stopped;
    }
    Reply reply;
    reply.head.status = 503;
    reply.head.fields.add("Content-Type", "text/plain; charset=utf-8");
    reply.head.fields.add("Retry-After", "1");
    reply.body = why;
    return replied(side, i, std::move(reply));
}

/// A filter's answer takes the place of whatever there is; the filters between it and the client
/// see it, the others do not.
psn_stream::Step psn_stream::replied(Side side, std::size_t i, Reply&& reply) {
    ++replies_;
    local_reply_ = filter(i).settings.id;
    answered_.store(true);
    if (side == Side::Request && responding_) {
        // Too late to be heard; what the filter did not want must not go on either.
        exchange_->abort();
        return Step::Stopped;
    }
    response_from_ = static_cast<std::ptrdiff_t>(i) - 1;
    if (side == Side::Response && in_response_hook_) {
        exchange_->respond(std::move(reply.head), std::move(reply.body));
        return Step::Next;
    }
    send(std::move(reply));
    return Step::Stopped;
}

// ---- the request --------------------------------------------------------------------------------

/// Makes the filter's context, unless its breaker is open.
psn_stream::Step psn_stream::open(std::size_t i) {
    Filter& f = filter(i);
    if (f.breaker.isOpen(exchange_->received_ns)) {
        f.skipped();
        return f.settings.deny_on_error
                   ? refuse(Side::Request, i, "Service Unavailable: a filter failed")
                   : Step::Next;
    }
    f.breaker.called(loop_index_);
    if (f.factory->open != nullptr) {
        bridge::current_loop = loop_index_;
        const InPlugin mark(f.tag);
        try {
            members_[i].context = f.factory->open(f.instance, this);
        } catch (...) {
            return faulted(Side::Request, i, Filter::Fault::Failed, "an exception left open");
        }
    }
    members_[i].live = true;
    return Step::Next;
}

void psn_stream::walkRequestHead(std::size_t from) {
    const auto count = filters();
    for (std::size_t i = from; i < count; ++i) {
        opened_ = i + 1;
        response_from_ = static_cast<std::ptrdiff_t>(i);
        if (filter(i).isBuiltIn()) continue;
        if (open(i) != Step::Next) return;
        if (!members_[i].live || filter(i).factory->on_request_headers == nullptr) continue;
        if (call(Side::Request, i, false, [this](const auto& f, auto* self, void* context) {
                return f.on_request_headers(self, context, this);
            }) != Step::Next)
            return;
    }
    afterFilters();
}

void psn_stream::walkWholeBody(std::size_t from, std::size_t offset) {
    const auto body = exchange_->body();
    for (std::size_t i = from; i < filters(); ++i, offset = 0) {
        Filter& f = filter(i);
        if (!members_[i].live || f.modes.request_mode == PSN_FILTER_BODY_NONE ||
            f.factory->on_request_body == nullptr)
            continue;
        const bool whole = f.modes.request_mode == PSN_FILTER_BODY_BUFFER;
        if (whole && body.size() > f.modes.request_max) {
            f.context->tally(f.request_over, "a request body larger than its buffer");
            return answer(413, "Request Entity Too Large");
        }
        for (bool end = false; !end;) {
            const auto piece = whole ? body : body.substr(offset, kPiece);
            offset += piece.size();
            end = offset == body.size();
            const auto step = call(Side::Request, i, true, [&](const auto& t, auto* self, void* c) {
                return t.on_request_body(self, c, this, toAbi(piece), end ? 1 : 0);
            });
            if (step == Step::Paused) {
                request_pause_.offset = offset;
                request_pause_.end = end;
            }
            if (step != Step::Next) return;
        }
    }
    dispatchTo(*service_);
}

psn_stream::Flow psn_stream::requestPiece(std::string_view piece, bool end) {
    return walkPiece(0, piece, end);
}

psn_stream::Flow psn_stream::walkPiece(std::size_t from, std::string_view piece, bool end) {
    if (filtersRequestBody())
        for (std::size_t i = from; i < filters(); ++i) {
            Filter& f = filter(i);
            if (!members_[i].live || f.modes.request_mode == PSN_FILTER_BODY_NONE ||
                f.factory->on_request_body == nullptr)
                continue;
            const auto step = call(Side::Request, i, true, [&](const auto& t, auto* self, void* c) {
                return t.on_request_body(self, c, this, toAbi(piece), end ? 1 : 0);
            });
            if (step == Step::Paused) {
                request_pause_.piece.assign(piece);
                request_pause_.end = end;
                return Flow::Pause;
            }
            if (step == Step::Stopped) return Flow::Taken;
        }
    return passToReader(piece, end);
}

// ---- the response -------------------------------------------------------------------------------

psn_stream::Flow psn_stream::responseHead() {
    end(response_pause_);  // the engine puts another answer in the place of one that waited
    responding_ = true;
    in_response_hook_ = true;
    const Flow flow = walkResponse(response_from_, false, 0);
    in_response_hook_ = false;
    return flow;
}

psn_stream::Flow psn_stream::walkResponse(std::ptrdiff_t from, bool head_seen, std::size_t offset) {
    const bool whole = buffersResponse() != 0;
    for (auto n = from; n >= 0; --n, head_seen = false, offset = 0) {
        const auto i = static_cast<std::size_t>(n);
        if (!members_[i].live) continue;
        Filter& f = filter(i);
        const auto replies = replies_;
        if (!head_seen && f.factory->on_response_headers != nullptr) {
            const auto step =
                call(Side::Response, i, false, [&](const auto& t, auto* self, void* c) {
                    return t.on_response_headers(self, c, this);
                });
            if (step == Step::Paused) return Flow::Pause;
            if (step == Step::Stopped) return Flow::Taken;
        }
        if (!whole || replies_ != replies || f.modes.response_mode == PSN_FILTER_BODY_NONE ||
            f.factory->on_response_body == nullptr)
            continue;
        const bool at_once = f.modes.response_mode == PSN_FILTER_BODY_BUFFER;
        for (bool end = false; !end && replies_ == replies;) {
            const auto body = exchange_->responseBody();
            if (at_once && body.size() > f.modes.response_max) {
                f.context->tally(f.response_over, "a response body larger than its buffer");
                Reply reply;
                reply.head.status = 502;
                reply.head.fields.add("Content-Type", "text/plain; charset=utf-8");
                reply.body = "Bad Gateway: the answer is too large";
                if (replied(Side::Response, i, std::move(reply)) != Step::Next) return Flow::Taken;
                break;
            }
            const auto piece = at_once ? body : body.substr(offset, kPiece);
            offset += piece.size();
            end = offset == body.size();
            const auto step =
                call(Side::Response, i, true, [&](const auto& t, auto* self, void* c) {
                    return t.on_response_body(self, c, this, toAbi(piece), end ? 1 : 0);
                });
            if (step == Step::Paused) {
                response_pause_.offset = offset;
                response_pause_.end = end;
                return Flow::Pause;
            }
            if (step == Step::Stopped) return Flow::Taken;
        }
    }
    if (hides_report_) exchange_->response.fields.removeIf(isReport);
    return Flow::Continue;
}

psn_stream::Flow psn_stream::responsePiece(std::string_view piece, bool end) {
    head_sent_ = true;
    return walkResponsePiece(response_from_, piece, end);
}

psn_stream::Flow psn_stream::walkResponsePiece(std::ptrdiff_t from, std::string_view piece,
                                               bool end) {
    for (auto n = from; n >= 0; --n) {
        const auto i = static_cast<std::size_t>(n);
        Filter& f = filter(i);
        if (!members_[i].live || f.modes.response_mode == PSN_FILTER_BODY_NONE ||
            f.factory->on_response_body == nullptr)
            continue;
        const auto step = call(Side::Response, i, true, [&](const auto& t, auto* self, void* c) {
            return t.on_response_body(self, c, this, toAbi(piece), end ? 1 : 0);
        });
        if (step == Step::Paused) {
            response_pause_.piece.assign(piece);
            response_pause_.end = end;
            return Flow::Pause;
        }
        if (step == Step::Stopped) return Flow::Taken;
    }
    return Flow::Continue;
}
