#include "host/bridge/stream.h"

#include <persona/abi/ext/metrics.h>

#include "host/net/reactor.h"

/// The life of a stream: through its chain, to a service, and to its end.

using persona::host::bridge::InPlugin;
using persona::host::bridge::StreamRef;
using persona::host::bridge::toAbi;
using persona::host::bridge::toView;
namespace net = persona::host::net;
namespace bridge = persona::host::bridge;

namespace {
/// More hand-overs between the services of a process are a loop in the configuration.
constexpr unsigned kMostHandovers = 8;
}  // namespace

psn_stream::psn_stream(net::ExchangePtr exchange, Service& target, bridge::Pin* pin)
    : exchange_(std::move(exchange)),
      entry_(&target),
      service_(&target),
      pin_(pin),
      loop_index_(exchange_->loop().index()) {
    if (pin_ == nullptr) return;
    pin_->enter();
    if (filters() > few_members_.size()) {
        many_members_.resize(filters());
        members_ = many_members_.data();
    }
}

psn_stream::~psn_stream() {
    if (header_views_.capacity() > spareViews().capacity()) header_views_.swap(spareViews());
    if (pin_ != nullptr) pin_->leave();
}

void psn_stream::unref() {
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    auto& loop = exchange_->loop();
    if (loop.isCurrent()) {
        delete this;
        return;
    }
    // Pins belong to the loop: the last reference goes there, or goes with the loop.
    loop.post([dead = std::shared_ptr<psn_stream>(this)] {});
}

void psn_stream::hold() {
    held_.store(true);
    holds_.fetch_add(1);
    ref();
}

void psn_stream::release() {
    auto holds = holds_.load();
    while (holds > 0)
        if (holds_.compare_exchange_weak(holds, holds - 1)) return unref();
    service_->runtime().log.write(4, service_->id(), "release() without hold(); ignored");
}

void psn_stream::onLoop(std::function<void()> task) {
    if (exchange_->loop().isCurrent()) return task();
    exchange_->loop().post([keep = StreamRef(*this), task = std::move(task)] { task(); });
}

void psn_stream::detach() {
    end(request_pause_);
    end(response_pause_);
}

std::string psn_stream::forLog(const std::string& text) {
    return request_id_.empty() ? text : text + " [request " + request_id_ + "]";
}

bool psn_stream::filtersRequestBody() const {
    return pin_ != nullptr && pin_->chain().request_mode == bridge::BodyMode::Stream;
}
bool psn_stream::filtersResponseBody() const {
    return pin_ != nullptr && pin_->chain().response_mode == bridge::BodyMode::Stream;
}
std::uint64_t psn_stream::buffersResponse() const {
    return pin_ != nullptr && pin_->chain().response_mode == bridge::BodyMode::Whole
               ? pin_->chain().response_max
               : 0;
}

// ---- request ------------------------------------------------------------------------------------

void psn_stream::begin() {
    walkRequestHead(0);
}

void psn_stream::afterFilters() {
    if (pin_ != nullptr && pin_->chain().request_mode == bridge::BodyMode::Whole &&
        exchange_->request.hasBody()) {
        phase_ = Phase::RequestBody;
        body_taken_ = true;
        return exchange_->bufferBody(pin_->chain().request_max);
    }
    dispatchTo(*service_);
}

void psn_stream::bodyReady() {
    body_complete_ = true;
    if (phase_ == Phase::RequestBody) return walkWholeBody(0, 0);
    handle();
}

void psn_stream::dispatchTo(Service& service) {
    service_ = &service;
    phase_ = Phase::Handling;
    handling_.store(true);
    view_fresh_ = false;
    if (exchange_->origin == net::Origin::Rehearsal) return answer(200, "");
    if (handovers_.load() > kMostHandovers) {
        service.runtime().log.write(4, service.id(), "inproc upstreams lead round in a circle");
        return answer(502, "Bad Gateway");
    }
    const std::string_view target = exchange_->request.target;
    route_ = service.match(exchange_->request.method, target.substr(0, target.find('?')));
    if (route_ == nullptr) return answer(404, "Not Found");
    if (service_ == entry_) entry_route_ = route_;
    if (body_complete_ || (body_taken_ && route_->body != PSN_BODY_STREAM)) {
        if (route_->max_body != 0 && exchange_->body().size() > route_->max_body)
            return answer(413, "Request Entity Too Large");
        return handle();
    }
    switch (route_->body) {
        case PSN_BODY_BUFFER:
            body_taken_ = true;
            return exchange_->bufferBody(route_->max_body);
        case PSN_BODY_STREAM:
            return handle();
        default:
            body_taken_ = true;
            exchange_->discardBody(route_->max_body);
            // The engine may have refused the body already.
            if (!complete_ && !responding_ && !exchange_->isGone()) handle();
    }
}

void psn_stream::handle() {
    request();
    if ((route_->flags & PSN_ROUTE_BLOCKING) == 0) return callHandler();
    auto* executor = service_->runtime().executor(toView(route_->executor));
    const bool queued =
        executor != nullptr && executor->submit([this, keep = StreamRef(*this)](bool late) {
            if (late)
                onLoop([this] { answer(503, "Service Unavailable: server is too busy"); });
            else if (!gone())
                callHandler();
        });
    if (queued) return;
    service_->runtime().metrics.count("engine.executor.queue_full");
    answer(503, "Service Unavailable: server is too busy");
}

void psn_stream::callHandler() {
    const StreamRef keep(*this);
    Service& service = *service_;
    const psn_route& route = *route_;
    const auto handovers = handovers_.load();
    psn_rc rc = PSN_FAIL;
    {
        const InPlugin mark(service.tag());
        try {
            rc = service.handle(route.id, this);
        } catch (...) {
            rc = PSN_FAIL;
        }
    }
    // Once another service has it, or there is an answer, this one's result means nothing more.
    if (handovers_.load() != handovers || answered_.load()) return;
    if (rc == PSN_OK && held_.load()) return;
    service.runtime().log.write(4, service.id(),
                                "handler of route " + bridge::toString(route.name) +
                                    (rc != PSN_OK ? " failed with code " + std::to_string(rc)
                                                  : std::string(" returned without an answer")));
    onLoop([this] { answer(500, "Server Error"); });
}

// ---- answers ------------------------------------------------------------------------------------

void psn_stream::takeRestOfBody() {
    if (body_taken_) return;
    body_taken_ = true;
    exchange_->discardBody(0);
}

void psn_stream::send(Reply&& reply) {
    takeRestOfBody();
    exchange_->respond(std::move(reply.head), std::move(reply.body));
}

/// The host's own answer.
void psn_stream::answer(unsigned status, const std::string& text) {
    if (answered_.exchange(true)) return;
    if (local_reply_.empty()) local_reply_ = "host";
    Reply reply;
    reply.head.status = status;
    reply.head.fields.add("Content-Type", "text/plain; charset=utf-8");
    if (status == 503) reply.head.fields.add("Retry-After", "1");
    reply.body = text;
    send(std::move(reply));
}

psn_stream::Flow psn_stream::passToReader(std::string_view piece, bool end) {
    if (body_fn_ == nullptr) return Flow::Continue;
    psn_rc rc = PSN_FAIL;
    {
        const InPlugin mark(service_->tag());
        try {
            rc = body_fn_(body_user_, this, toAbi(piece), end ? 1 : 0);
        } catch (...) {
            rc = PSN_FAIL;
        }
    }
    if (rc == PSN_OK) return Flow::Continue;
    if (rc == PSN_AGAIN) {
        reader_paused_ = true;
        return Flow::Pause;
    }
    answered_.store(true);
    exchange_->abort();
    return Flow::Taken;
}

void psn_stream::writable() {
    if (writable_fn_ == nullptr) return;
    const InPlugin mark(service_->tag());
    try {
        writable_fn_(writable_user_, this);
    } catch (...) {
        answered_.store(true);
        exchange_->abort();
    }
}

// ---- the end ------------------------------------------------------------------------------------

void psn_stream::complete(const net::Summary& s) {
    complete_.store(true);
    detach();
    if (pin_ == nullptr) return;
    const auto& chain = pin_->chain();
    if (s.host_reply && local_reply_.empty()) local_reply_ = "host";
    const psn_summary summary{sizeof(psn_summary),
                              s.status,
                              s.request_bytes,
                              s.response_bytes,
                              s.duration_ns,
                              s.upstream_ns,
                              route_ == nullptr ? psn_str{nullptr, 0} : route_->name,
                              toAbi(s.upstream),
                              toAbi(local_reply_),
                              s.aborted ? 1U : 0U,
                              0};
    for (std::size_t i = 0; i < opened_; ++i) {
        if (!members_[i].live || filter(i).factory->on_complete == nullptr) continue;
        Filter& f = filter(i);
        bridge::current_loop = loop_index_;
        const InPlugin mark(f.tag);
        try {
            f.factory->on_complete(f.instance, members_[i].context, this, &summary);
        } catch (...) {
            f.fault(Filter::Fault::Failed, forLog("an exception left on_complete"));
        }
    }
    if (exchange_->origin == net::Origin::Rehearsal) return;
    if (chain.statsd) entry_->measure(s, entry_route_);
    auto* log = entry_->runtime().access_log;
    if (chain.access_log && log != nullptr)
        bridge::writeAccessLine(*log, *exchange_, s, request_id_);
}
