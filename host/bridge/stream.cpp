#include "host/bridge/stream.h"

#include <unordered_map>

#include "host/net/reactor.h"

using persona::host::bridge::InPlugin;
using persona::host::bridge::toView;
namespace net = persona::host::net;
namespace bridge = persona::host::bridge;

namespace persona::host::bridge {
thread_local const char* current_plugin = nullptr;
}

namespace {

/// Tokens of paused calls. Pausing is rare, so one lock serves all loops.
class Tokens {
  public:
    psn_token add(psn_stream& stream) {
        const std::lock_guard lock(mutex_);
        streams_[++last_] = &stream;
        return last_;
    }
    void remove(psn_token token) {
        const std::lock_guard lock(mutex_);
        streams_.erase(token);
    }
    /// The stream with a reference more, or nullptr for a stale token. A token works once.
    psn_stream* take(psn_token token) {
        const std::lock_guard lock(mutex_);
        const auto it = streams_.find(token);
        if (it == streams_.end()) return nullptr;
        auto* stream = it->second;
        stream->ref();
        streams_.erase(it);
        return stream;
    }

  private:
    std::mutex mutex_;
    psn_token last_ = 0;
    std::unordered_map<psn_token, psn_stream*> streams_;
};
Tokens& tokens() {
    static Tokens t;
    return t;
}

net::ResponseHead headOf(const psn_response& r) {
    net::ResponseHead head;
    head.status = r.status;
    for (std::uint32_t i = 0; i < r.header_count; ++i)
        head.fields.add(toView(r.headers[i].name), toView(r.headers[i].value));
    return head;
}

bool cleanField(std::string_view name, std::string_view value) {
    if (name.empty()) return false;
    for (const char c : name)
        if (static_cast<unsigned char>(c) <= 0x20 || c == ':' ||
            static_cast<unsigned char>(c) >= 0x7f)
            return false;
    for (const char c : value)
        if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) return false;
    return true;
}

bool isValid(const psn_response& r) {
    if (r.struct_size < sizeof(psn_response) || r.status < 200 || r.status > 599) return false;
    for (std::uint32_t i = 0; i < r.header_count; ++i)
        if (!cleanField(toView(r.headers[i].name), toView(r.headers[i].value))) return false;
    return true;
}

}  // namespace

psn_stream::psn_stream(net::ExchangePtr exchange, Service& service,
                       std::shared_ptr<const Chain> chain)
    : exchange_(std::move(exchange)), service_(&service), chain_(std::move(chain)) {
    if (chain_) contexts_.resize(chain_->filters.size());
}

psn_stream::~psn_stream() = default;

void psn_stream::onLoop(std::function<void()> task) {
    if (exchange_->loop().isCurrent()) return task();
    ref();
    exchange_->loop().post([this, task = std::move(task)] {
        task();
        unref();
    });
}

// ---- request ------------------------------------------------------------------------------------

void psn_stream::begin() {
    runRequestHead(0);
}

void psn_stream::runRequestHead(std::size_t from) {
    phase_ = Phase::RequestHead;
    const auto count = chain_ ? chain_->filters.size() : 0;
    for (std::size_t i = from; i < count; ++i) {
        auto& f = *chain_->filters[i];
        opened_ = i + 1;
        response_top_ = static_cast<std::ptrdiff_t>(i);
        if (f.factory == nullptr) continue;
        const auto now = net::monotonicNs();
        if (f.isOpen(now)) {
            if (faultAllows(i, "its breaker is open")) continue;
            return;
        }
        const InPlugin mark(f.settings.id);
        if (f.factory->open != nullptr) contexts_[i] = f.factory->open(f.instance, this);
        if (f.factory->on_request_headers == nullptr) continue;
        f.called(now);
        in_filter_ = true;
        reply_called_ = false;
        paused_at_ = static_cast<std::ptrdiff_t>(i);
        const auto result = f.factory->on_request_headers(f.instance, contexts_[i], this);
        in_filter_ = false;
        if (complete_) return;
        if (result == PSN_FILTER_PAUSE && token_ != 0) return armPause(i);
        endPause();
        if (result == PSN_FILTER_REPLY && reply_called_) {
            f.succeeded();
            return;
        }
        if (result == PSN_FILTER_CONTINUE) {
            f.succeeded();
            continue;
        }
        if (f.failed(now))
            service_->runtime().log.write(4, f.settings.id, "breaker opened for 30 s");
        if (!faultAllows(i, "on_request_headers failed")) return;
    }
    paused_at_ = -1;
    afterRequestHead();
}

bool psn_stream::faultAllows(std::size_t i, const char* why) {
    auto& f = *chain_->filters[i];
    service_->runtime().metrics.count(f.context->metric_prefix + "fault");
    service_->runtime().log.write(
        3, f.settings.id,
        std::string(why) + (f.settings.deny_on_error ? "; request refused" : "; request goes on"));
    if (!f.settings.deny_on_error) return true;
    local_reply_ = f.settings.id;
    response_top_ = static_cast<std::ptrdiff_t>(i) - 1;
    answer(503, "Service Unavailable: a filter failed");
    return false;
}

void psn_stream::armPause(std::size_t i) {
    const auto& f = *chain_->filters[i];
    ref();
    exchange_->loop().after(
        net::milliseconds(f.settings.pause_deadline_ms), [this, i, token = token_] {
            if (token_ == token) {
                endPause();
                auto& filter = *chain_->filters[i];
                if (filter.failed(net::monotonicNs()))
                    service_->runtime().log.write(4, filter.settings.id, "breaker opened for 30 s");
                if (!complete_ && faultAllows(i, "pause_deadline passed"))
                    resumed(PSN_FILTER_CONTINUE);
            }
            unref();
        });
}

void psn_stream::endPause() {
    if (token_ != 0) tokens().remove(std::exchange(token_, 0));
}

bool psn_stream::filtersRequestBody() const {
    return chain_ && chain_->request_stream;
}
bool psn_stream::filtersResponseBody() const {
    return chain_ && chain_->response_stream;
}

void psn_stream::afterRequestHead() {
    if (chain_ && chain_->request_buffer && exchange_->request.hasBody()) {
        phase_ = Phase::RequestBody;
        body_taken_ = true;
        return exchange_->bufferBody(chain_->request_max);
    }
    dispatchTo(*service_);
}

void psn_stream::dispatchTo(Service& service) {
    service_ = &service;
    phase_ = Phase::Handling;
    view_fresh_ = false;
    const std::string_view target = exchange_->request.target;
    route_ = service.match(exchange_->request.method, target.substr(0, target.find('?')));
    if (route_ == nullptr) {
        if (!body_taken_) {
            body_taken_ = true;
            exchange_->discardBody(0);
        }
        return answer(404, "Not Found");
    }
    route_name_ = bridge::toString(route_->name);
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
            if (!complete_ && !exchange_->isGone()) handle();
    }
}

void psn_stream::bodyReady() {
    body_complete_ = true;
    if (phase_ == Phase::RequestBody) {
        // Filters that asked for all of the body see it before the route is chosen.
        if (runBody(true, 0, exchange_->body(), true) != Flow::Continue) return;
        return dispatchTo(*service_);
    }
    handle();
}

void psn_stream::handle() {
    request();
    if ((route_->flags & PSN_ROUTE_BLOCKING) == 0) return callHandler();
    auto* executor = service_->runtime().executor(toView(route_->executor));
    ref();
    const bool queued = executor != nullptr && executor->submit([this](bool late) {
        if (late) {
            onLoop([this] { answer(503, "Service Unavailable: server is too busy"); });
        } else if (!gone()) {
            callHandler();
        }
        unref();
    });
    if (queued) return;
    unref();
    service_->runtime().metrics.count("engine.executor.queue_full");
    answer(503, "Service Unavailable: server is too busy");
}

void psn_stream::callHandler() {
    ref();
    psn_rc rc = PSN_FAIL;
    const auto handovers = handovers_.load();
    {
        const InPlugin mark(service_->id());
        rc = service_->handle(route_->id, this);
    }
    if (handovers_.load() != handovers) return unref();
    if (rc != PSN_OK && !answered_.load()) {
        service_->runtime().log.write(
            4, service_->id(),
            "handler of route " + route_name_ + " failed with code " + std::to_string(rc));
        onLoop([this] { answer(500, "Server Error"); });
    } else if (!answered_.load() && holds_.load() == 0) {
        service_->runtime().log.write(
            4, service_->id(), "handler of route " + route_name_ + " returned without an answer");
        onLoop([this] { answer(500, "Server Error"); });
    }
    unref();
}

/// The host's own answer.
void psn_stream::answer(unsigned status, const std::string& text) {
    if (answered_.exchange(true)) return;
    if (!body_taken_) {
        body_taken_ = true;
        ref();
        exchange_->discardBody(0);
        unref();
        if (gone()) return;
    }
    if (local_reply_.empty()) local_reply_ = "host";
    net::ResponseHead head;
    head.status = status;
    head.fields.add("Content-Type", "text/plain; charset=utf-8");
    if (status == 503) head.fields.add("Retry-After", "1");
    exchange_->respond(std::move(head), text);
}

psn_stream::Flow psn_stream::requestPiece(std::string_view piece, bool end) {
    const bool wanted = chain_ && chain_->request_stream;
    if (wanted) {
        const Flow flow = runBody(true, 0, piece, end);
        if (flow != Flow::Continue) return flow;
    }
    if (body_fn_ == nullptr) return Flow::Continue;
    switch (body_fn_(body_user_, this, bridge::toAbi(piece), end ? 1 : 0)) {
        case PSN_OK:
            return Flow::Continue;
        case PSN_AGAIN:
            return Flow::Pause;
        default:
            abort();
            return Flow::Taken;
    }
}

// ---- bodies and responses through the chain -----------------------------------------------------

psn_stream::Flow psn_stream::runBody(bool request, std::ptrdiff_t from, std::string_view piece,
                                     bool end) {
    const auto count = static_cast<std::ptrdiff_t>(chain_ ? chain_->filters.size() : 0);
    const bool buffered = request && phase_ == Phase::RequestBody;
    for (auto i = from; request ? i < count : i >= 0; request ? ++i : --i) {
        auto& f = *chain_->filters[static_cast<std::size_t>(i)];
        if (f.factory == nullptr) continue;
        const auto mode = request ? f.modes.request_mode : f.modes.response_mode;
        const auto fn = request ? f.factory->on_request_body : f.factory->on_response_body;
        if (fn == nullptr || mode == PSN_FILTER_BODY_NONE) continue;
        if (request && (mode == PSN_FILTER_BODY_BUFFER) != buffered) continue;
        if (buffered && f.modes.request_max != 0 && piece.size() > f.modes.request_max) {
            answer(413, "Request Entity Too Large");
            return Flow::Taken;
        }
        const InPlugin mark(f.settings.id);
        in_filter_ = true;
        reply_called_ = false;
        const auto result = fn(f.instance, contexts_[static_cast<std::size_t>(i)], this,
                               bridge::toAbi(piece), end ? 1 : 0);
        in_filter_ = false;
        if (complete_) return Flow::Taken;
        if (result == PSN_FILTER_PAUSE && token_ != 0) {
            paused_at_ = i;
            paused_piece_.assign(piece);
            paused_end_ = end;
            if (!request) phase_ = Phase::ResponseBody;
            armPause(static_cast<std::size_t>(i));
            return Flow::Pause;
        }
        endPause();
        if (result == PSN_FILTER_REPLY && reply_called_) return Flow::Taken;
        if (result == PSN_FILTER_CONTINUE) {
            f.succeeded();
            continue;
        }
        f.failed(net::monotonicNs());
        if (request ? faultAllows(static_cast<std::size_t>(i), "on_request_body failed")
                    : !f.settings.deny_on_error)
            continue;
        if (!request) abort();
        return Flow::Taken;
    }
    return Flow::Continue;
}

psn_stream::Flow psn_stream::responseHead() {
    return runResponseHead(response_top_);
}

psn_stream::Flow psn_stream::runResponseHead(std::ptrdiff_t from) {
    phase_ = Phase::ResponseHead;
    for (auto i = from; i >= 0; --i) {
        auto& f = *chain_->filters[static_cast<std::size_t>(i)];
        if (f.factory == nullptr || f.factory->on_response_headers == nullptr) continue;
        const InPlugin mark(f.settings.id);
        response_top_ = i - 1;  // no re-entry when this filter answers itself
        in_filter_ = true;
        reply_called_ = false;
        const auto result = f.factory->on_response_headers(
            f.instance, contexts_[static_cast<std::size_t>(i)], this);
        in_filter_ = false;
        if (complete_) return Flow::Taken;
        if (result == PSN_FILTER_PAUSE && token_ != 0) {
            paused_at_ = i;
            armPause(static_cast<std::size_t>(i));
            return Flow::Pause;
        }
        endPause();
        if (result == PSN_FILTER_FAIL) {
            f.failed(net::monotonicNs());
            service_->runtime().metrics.count(f.context->metric_prefix + "fault");
        }
    }
    response_top_ = static_cast<std::ptrdiff_t>(opened_) - 1;
    return Flow::Continue;
}

psn_stream::Flow psn_stream::responsePiece(std::string_view piece, bool end) {
    return runBody(false, static_cast<std::ptrdiff_t>(opened_) - 1, piece, end);
}

void psn_stream::resumed(std::uint32_t result) {
    const auto at = paused_at_;
    if (at < 0 || complete_) return;
    paused_at_ = -1;
    if (result == PSN_FILTER_FAIL &&
        !faultAllows(static_cast<std::size_t>(at), "resumed with a failure"))
        return;
    switch (phase_) {
        case Phase::RequestHead:
            return runRequestHead(static_cast<std::size_t>(at) + 1);
        case Phase::RequestBody:
        case Phase::Handling: {
            const std::string piece = std::move(paused_piece_);
            const bool buffered = phase_ == Phase::RequestBody;
            if (runBody(true, at + 1, buffered ? exchange_->body() : std::string_view(piece),
                        paused_end_) != Flow::Continue)
                return;
            if (buffered) return dispatchTo(*service_);
            if (body_fn_ != nullptr)
                body_fn_(body_user_, this, bridge::toAbi(piece), paused_end_ ? 1 : 0);
            return exchange_->resume();
        }
        case Phase::ResponseHead:
            if (runResponseHead(at - 1) == Flow::Continue) exchange_->resume();
            return;
        case Phase::ResponseBody: {
            const std::string piece = std::move(paused_piece_);
            if (runBody(false, at - 1, piece, paused_end_) == Flow::Continue) exchange_->resume();
            return;
        }
    }
}

void psn_stream::writable() {
    if (writable_fn_ != nullptr) writable_fn_(writable_user_, this);
}

void psn_stream::complete(const net::Summary& s) {
    complete_ = true;
    endPause();
    if (!chain_) return;
    auto& runtime = service_->runtime();
    if (chain_->statsd && service_->response_time != nullptr) {
        service_->response_time->observe(static_cast<double>(s.duration_ns) / 1e6);
        if (s.status < 600 && service_->responses[s.status] != nullptr)
            service_->responses[s.status]->value.fetch_add(1, std::memory_order_relaxed);
    }
    psn_summary summary{};
    summary.struct_size = sizeof summary;
    summary.status = s.status;
    summary.request_bytes = s.request_bytes;
    summary.response_bytes = s.response_bytes;
    summary.duration_ns = s.duration_ns;
    summary.upstream_ns = s.upstream_ns;
    summary.route = bridge::toAbi(route_name_);
    summary.upstream = bridge::toAbi(s.upstream);
    if (s.host_reply && local_reply_.empty()) local_reply_ = "host";
    summary.local_reply = bridge::toAbi(local_reply_);
    summary.aborted = s.aborted ? 1 : 0;
    for (std::size_t i = 0; i < opened_; ++i) {
        auto& f = *chain_->filters[i];
        if (f.factory == nullptr || f.factory->on_complete == nullptr) continue;
        const InPlugin mark(f.settings.id);
        f.factory->on_complete(f.instance, contexts_[i], this, &summary);
    }
    if (chain_->access_log && runtime.access_log != nullptr) {
        std::string line;
        line.reserve(256);
        const auto agent = exchange_->request.fields.find("user-agent").value_or("-");
        const auto target = exchange_->request.target;
        line.append(exchange_->client_address)
            .append(" - - \"")
            .append(exchange_->request.method)
            .append(" ");
        // The query may hold addresses and tokens: it stays out of the log.
        line.append(target.substr(0, target.find('?')))
            .append(" HTTP/1.")
            .append(exchange_->request.minor == 0 ? "0" : "1")
            .append("\" ");
        line.append(std::to_string(s.status))
            .append(" ")
            .append(std::to_string(s.duration_ns / 1'000))
            .append("us ");
        line.append(std::to_string(s.response_bytes))
            .append(" ")
            .append(s.upstream.empty() ? "-" : s.upstream)
            .append(" \"");
        for (const char c : agent.substr(0, 200))
            line.push_back(c == '"' || static_cast<unsigned char>(c) < 0x20 ? '_' : c);
        line.append("\" ")
            .append(request_id_.empty() ? "-" : request_id_)
            .append(s.aborted ? " aborted\n" : "\n");
        runtime.access_log->write(line);
    }
}

// ---- psn.stream/1 -------------------------------------------------------------------------------

const psn_request* psn_stream::request() {
    if (view_fresh_) return &view_;
    const auto& r = exchange_->request;
    const std::string_view target = r.target;
    const auto question = target.find('?');
    view_.struct_size = sizeof view_;
    view_.origin =
        exchange_->origin == net::Origin::Inproc ? PSN_ORIGIN_INPROC : PSN_ORIGIN_NETWORK;
    view_.method = bridge::toAbi(r.method);
    view_.target = bridge::toAbi(target);
    view_.path = bridge::toAbi(target.substr(0, question));
    view_.query = question == std::string_view::npos ? psn_str{nullptr, 0}
                                                     : bridge::toAbi(target.substr(question + 1));
    view_.scheme = bridge::toAbi(exchange_->scheme);
    view_.authority = bridge::toAbi(r.fields.find("host").value_or(""));
    view_.client_address = bridge::toAbi(exchange_->client_address);
    view_.peer_address = bridge::toAbi(exchange_->peer_address);
    view_.request_id = bridge::toAbi(request_id_);
    header_views_.clear();
    for (std::size_t i = 0; i < r.fields.size(); ++i) {
        const auto f = r.fields[i];
        header_views_.push_back({bridge::toAbi(f.name), bridge::toAbi(f.value)});
    }
    view_.headers = header_views_.data();
    view_.header_count = static_cast<std::uint32_t>(header_views_.size());
    view_.has_body = r.hasBody() ? 1 : 0;
    view_.content_length = r.content_length;
    view_.received_ns = exchange_->received_ns;
    view_fresh_ = true;
    return &view_;
}

psn_rc psn_stream::respond(const psn_response& r) {
    if (!isValid(r)) return PSN_INVALID;
    if (gone()) return PSN_GONE;
    const bool from_filter = in_filter_ && exchange_->loop().isCurrent();
    if (from_filter) {
        reply_called_ = true;
        answered_.store(true);
        local_reply_ = current_plugin_id();
        if (paused_at_ >= 0 && phase_ == Phase::RequestHead) response_top_ = paused_at_ - 1;
    } else if (answered_.exchange(true)) {
        return PSN_GONE;
    }
    auto head = std::make_shared<net::ResponseHead>(headOf(r));
    auto body = std::make_shared<std::string>(toView(r.body));
    onLoop([this, head, body] {
        if (!body_taken_) {
            body_taken_ = true;
            exchange_->discardBody(0);
        }
        exchange_->respond(std::move(*head), std::move(*body));
    });
    return PSN_OK;
}

psn_rc psn_stream::start(const psn_response& r, std::int64_t length, psn_writable_fn fn,
                         void* user) {
    if (!isValid(r)) return PSN_INVALID;
    if (gone() || answered_.exchange(true)) return PSN_GONE;
    writable_fn_ = fn;
    writable_user_ = user;
    auto head = std::make_shared<net::ResponseHead>(headOf(r));
    head->content_length = length;
    onLoop([this, head] {
        if (!body_taken_) {
            body_taken_ = true;
            exchange_->discardBody(0);
        }
        exchange_->start(std::move(*head));
    });
    return PSN_OK;
}

psn_rc psn_stream::write(std::string_view data, bool end) {
    if (gone()) return PSN_GONE;
    if (exchange_->loop().isCurrent()) {
        switch (exchange_->write(data, end)) {
            case Exchange::Written::Ok:
                return PSN_OK;
            case Exchange::Written::Wait:
                return PSN_AGAIN;
            case Exchange::Written::Gone:
                return PSN_GONE;
        }
    }
    onLoop([this, copy = std::string(data), end] { exchange_->write(copy, end); });
    return PSN_AGAIN;
}

psn_rc psn_stream::readBody(psn_body_fn fn, void* user) {
    if (!exchange_->loop().isCurrent()) return PSN_DENIED;
    if (gone()) return PSN_GONE;
    if (body_fn_ != nullptr || route_ == nullptr || route_->body != PSN_BODY_STREAM)
        return PSN_DENIED;
    body_fn_ = fn;
    body_user_ = user;
    if (body_complete_) {
        fn(user, this, bridge::toAbi(exchange_->body()), 1);
        return PSN_OK;
    }
    if (body_taken_) return PSN_DENIED;
    body_taken_ = true;
    exchange_->streamBody(route_->max_body);
    return PSN_OK;
}

psn_rc psn_stream::resumeRead() {
    onLoop([this] { exchange_->resume(); });
    return PSN_OK;
}

psn_rc psn_stream::forward(const psn_forward& f) {
    if (f.struct_size < sizeof(psn_forward)) return PSN_INVALID;
    auto& runtime = service_->runtime();
    const std::string upstream = bridge::toString(f.upstream);
    if (!runtime.hasUpstream(upstream)) return PSN_NOT_FOUND;
    for (std::uint32_t i = 0; i < f.set_count; ++i)
        if (!cleanField(toView(f.set_headers[i].name), toView(f.set_headers[i].value)))
            return PSN_INVALID;
    if (gone() || answered_.exchange(true)) return PSN_GONE;
    if (exchange_->loop().isCurrent()) {
        auto& r = exchange_->request;
        for (std::uint32_t i = 0; i < f.remove_count; ++i)
            r.fields.remove(toView(f.remove_headers[i]));
        for (std::uint32_t i = 0; i < f.set_count; ++i)
            r.fields.set(toView(f.set_headers[i].name), toView(f.set_headers[i].value));
        if (f.target.n != 0) r.target = bridge::toString(f.target);
        view_fresh_ = false;
        doForward(upstream, f.deadline_ms);
        return PSN_OK;
    }
    std::vector<std::string> remove;
    std::vector<std::pair<std::string, std::string>> set;
    for (std::uint32_t i = 0; i < f.remove_count; ++i)
        remove.push_back(bridge::toString(f.remove_headers[i]));
    for (std::uint32_t i = 0; i < f.set_count; ++i)
        set.emplace_back(bridge::toString(f.set_headers[i].name),
                         bridge::toString(f.set_headers[i].value));
    onLoop([this, remove, set, upstream, target = bridge::toString(f.target),
            deadline = f.deadline_ms] {
        auto& r = exchange_->request;
        for (const auto& n : remove) r.fields.remove(n);
        for (const auto& [n, v] : set) r.fields.set(n, v);
        if (!target.empty()) r.target = target;
        view_fresh_ = false;
        doForward(upstream, deadline);
    });
    return PSN_OK;
}

void psn_stream::doForward(const std::string& upstream, std::uint64_t deadline_ms) {
    if (complete_) return;
    auto& runtime = service_->runtime();
    if (const auto it = runtime.inproc.find(upstream); it != runtime.inproc.end()) {
        exchange_->origin = net::Origin::Inproc;
        handovers_.fetch_add(1);
        answered_.store(false);
        return dispatchTo(*runtime.services.at(it->second));
    }
    body_taken_ = true;
    exchange_->body_max = route_ != nullptr ? route_->max_body : 0;
    exchange_->forward(*runtime.engine->upstream(upstream), deadline_ms);
}

psn_rc psn_stream::setRequestHeader(std::string_view name, std::string_view value, bool remove) {
    if (!cleanField(name, value)) return PSN_INVALID;
    if (gone()) return PSN_GONE;
    if (!exchange_->loop().isCurrent() || phase_ == Phase::ResponseHead ||
        phase_ == Phase::ResponseBody)
        return PSN_DENIED;
    if (remove)
        exchange_->request.fields.remove(name);
    else
        exchange_->request.fields.set(name, value);
    view_fresh_ = false;
    return PSN_OK;
}

psn_rc psn_stream::setResponseHeader(std::string_view name, std::string_view value, int mode) {
    if (!cleanField(name, value)) return PSN_INVALID;
    if (gone()) return PSN_GONE;
    if (!exchange_->loop().isCurrent() || phase_ != Phase::ResponseHead) return PSN_DENIED;
    auto& fields = exchange_->response.fields;
    if (mode == 0)
        fields.set(name, value);
    else if (mode == 1)
        fields.add(name, value);
    else
        fields.remove(name);
    return PSN_OK;
}

psn_token psn_stream::pauseToken() {
    if (!in_filter_) return 0;
    if (token_ == 0) token_ = tokens().add(*this);
    return token_;
}

psn_rc psn_stream::resumeToken(psn_token token, std::uint32_t result, const psn_response* reply) {
    if (reply != nullptr && !isValid(*reply)) return PSN_INVALID;
    auto* stream = tokens().take(token);
    if (stream == nullptr) return PSN_GONE;
    auto head = std::make_shared<net::ResponseHead>();
    auto body = std::make_shared<std::string>();
    if (reply != nullptr) {
        *head = headOf(*reply);
        *body = toView(reply->body);
    }
    // Always by message: the filter may still be inside the call that pauses.
    stream->exchange_->loop().post(
        [stream, token, result, head, body, has_reply = reply != nullptr] {
            if (stream->token_ == token && !stream->complete_) {
                stream->token_ = 0;
                if (has_reply) {
                    stream->answered_.store(true);
                    stream->local_reply_ =
                        stream->chain_->filters[static_cast<std::size_t>(stream->paused_at_)]
                            ->settings.id;
                    stream->response_top_ = stream->paused_at_ - 1;
                    if (!stream->body_taken_) {
                        stream->body_taken_ = true;
                        stream->exchange_->discardBody(0);
                    }
                    stream->exchange_->respond(std::move(*head), std::move(*body));
                } else {
                    stream->resumed(result);
                }
            }
            stream->unref();
        });
    return PSN_OK;
}

psn_rc psn_stream::setRequestId(std::string_view id) {
    if (id.empty() || id.size() > 64) return PSN_INVALID;
    for (const char c : id)
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-'))
            return PSN_INVALID;
    request_id_ = id;
    view_fresh_ = false;
    return PSN_OK;
}

void psn_stream::abort() {
    answered_.store(true);
    onLoop([this] { exchange_->abort(); });
}

std::string psn_stream::current_plugin_id() {
    return bridge::current_plugin == nullptr ? "host" : bridge::current_plugin;
}
