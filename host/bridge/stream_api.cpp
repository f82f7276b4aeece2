#include "host/bridge/edge.h"
#include "host/bridge/stream.h"
#include "host/net/reactor.h"

/// psn.stream/1: what plugins may do with a stream, checked.

using persona::host::bridge::cleanField;
using persona::host::bridge::isValid;
using persona::host::bridge::kLongestValue;
using persona::host::bridge::kMostFields;
using persona::host::bridge::StreamRef;
using persona::host::bridge::toAbi;
using persona::host::bridge::toString;
using persona::host::bridge::toView;
namespace net = persona::host::net;
namespace bridge = persona::host::bridge;

namespace {

constexpr std::size_t kMostValues = 64, kLongestShared = 4096;

/// The parts of a psn_forward, copied: its views may point into the very fields that change.
struct Changes {
    std::vector<std::string> remove;
    std::vector<std::pair<std::string, std::string>> set;
    std::string target;
    explicit Changes(const psn_forward& f) : target(toString(f.target)) {
        remove.reserve(f.remove_count);
        for (std::uint32_t i = 0; i < f.remove_count; ++i)
            remove.push_back(toString(f.remove_headers[i]));
        set.reserve(f.set_count);
        for (std::uint32_t i = 0; i < f.set_count; ++i)
            set.emplace_back(toString(f.set_headers[i].name), toString(f.set_headers[i].value));
    }
    void apply(net::RequestHead& r) const {
        for (const auto& n : remove) r.fields.remove(n);
        for (const auto& [n, v] : set) r.fields.set(n, v);
        if (!target.empty()) r.target = target;
    }
};

}  // namespace

std::vector<psn_header>& psn_stream::spareViews() {
    static thread_local std::vector<psn_header> spare;
    return spare;
}

net::ResponseHead bridge::headOf(const psn_response& r) {
    net::ResponseHead head;
    head.status = r.status;
    head.fields = net::Fields::recycled();
    for (std::uint32_t i = 0; i < r.header_count; ++i)
        head.fields.add(toView(r.headers[i].name), toView(r.headers[i].value));
    return head;
}

const psn_request* psn_stream::request() {
    if (view_fresh_) return &view_;
    const auto& r = exchange_->request;
    const std::string_view target = r.target;
    const auto question = target.find('?');
    view_.struct_size = sizeof view_;
    view_.origin =
        exchange_->origin == net::Origin::Inproc ? PSN_ORIGIN_INPROC : PSN_ORIGIN_NETWORK;
    view_.method = toAbi(r.method);
    view_.target = toAbi(target);
    view_.path = toAbi(target.substr(0, question));
    view_.query = question == std::string_view::npos ? psn_str{nullptr, 0}
                                                     : toAbi(target.substr(question + 1));
    view_.scheme = toAbi(exchange_->scheme);
    view_.authority = toAbi(r.fields.find("host").value_or(""));
    view_.client_address = toAbi(exchange_->client_address);
    view_.peer_address = toAbi(exchange_->peer_address);
    view_.request_id = toAbi(request_id_);
    if (header_views_.capacity() == 0) header_views_.swap(spareViews());
    header_views_.clear();
    header_views_.reserve(r.fields.size());
    for (std::size_t i = 0; i < r.fields.size(); ++i) {
        const auto f = r.fields[i];
        header_views_.push_back({toAbi(f.name), toAbi(f.value)});
    }
    view_.headers = header_views_.data();
    view_.header_count = static_cast<std::uint32_t>(header_views_.size());
    view_.has_body = r.hasBody() ? 1 : 0;
    view_.content_length = r.content_length;
    view_.received_ns = exchange_->received_ns;
    view_fresh_ = true;
    return &view_;
}

bridge::PluginContext* psn_stream::caller() const {
    if (!exchange_->loop().isCurrent() || call_ == nullptr) return nullptr;
    return filter(call_->filter).context.get();
}

psn_rc psn_stream::tooMuch(psn_rc code, const char* what) const {
    auto* whose = caller();
    return whose == nullptr ? code : whose->tooMuch(code, what);
}

psn_rc psn_stream::respond(const psn_response& r) {
    if (r.header_count > kMostFields) return tooMuch(PSN_INVALID, "an answer of over 256 fields");
    if (!isValid(&r)) return PSN_INVALID;
    if (gone()) return PSN_GONE;
    const bool on_loop = exchange_->loop().isCurrent();
    if (on_loop && call_ != nullptr) {
        // Sent when the filter's call has returned and says REPLY.
        if (call_->reply || head_sent_) {
            caller()->misuse(bridge::Misuse::RepliedTwice,
                             forLog("answered a request that has its answer"));
            return PSN_GONE;
        }
        call_->reply.emplace(Reply{bridge::headOf(r), toString(r.body)});
        return PSN_OK;
    }
    if (!handling_.load()) return PSN_DENIED;  // filters answer in their calls, or by resume_reply
    if (answered_.exchange(true)) return PSN_GONE;
    if (on_loop) {
        send({bridge::headOf(r), toString(r.body)});
        return PSN_OK;
    }
    onLoop([this, reply = std::make_shared<Reply>(Reply{bridge::headOf(r), toString(r.body)})] {
        send(std::move(*reply));
    });
    return PSN_OK;
}

psn_rc psn_stream::start(const psn_response& r, std::int64_t length, psn_writable_fn fn,
                         void* user) {
    if (!isValid(&r)) return PSN_INVALID;
    if (gone()) return PSN_GONE;
    if (!handling_.load() || (exchange_->loop().isCurrent() && call_ != nullptr)) return PSN_DENIED;
    if (answered_.exchange(true)) return PSN_GONE;
    auto head = std::make_shared<net::ResponseHead>(bridge::headOf(r));
    head->content_length = length < 0 ? -1 : length;
    onLoop([this, head, fn, user] {
        writable_fn_ = fn;
        writable_user_ = user;
        takeRestOfBody();
        exchange_->start(std::move(*head));
    });
    return PSN_OK;
}

psn_rc psn_stream::write(std::string_view data, bool end) {
    if (gone()) return PSN_GONE;
    if (!exchange_->loop().isCurrent()) {
        onLoop([this, copy = std::string(data), end] {
            // Whoever writes from elsewhere was told to wait: say at once when there is room.
            if (exchange_->write(copy, end) == Exchange::Written::Ok && !end) writable();
        });
        return PSN_AGAIN;
    }
    if (call_ != nullptr) return PSN_DENIED;
    switch (exchange_->write(data, end)) {
        case Exchange::Written::Ok:
            return PSN_OK;
        case Exchange::Written::Wait:
            return PSN_AGAIN;
        case Exchange::Written::Gone:
            break;
    }
    return PSN_GONE;
}

psn_rc psn_stream::readBody(psn_body_fn fn, void* user) {
    if (fn == nullptr) return PSN_INVALID;
    if (!exchange_->loop().isCurrent() || call_ != nullptr) return PSN_DENIED;
    if (gone()) return PSN_GONE;
    if (body_fn_ != nullptr || route_ == nullptr || route_->body != PSN_BODY_STREAM)
        return PSN_DENIED;
    if (body_complete_) {
        body_fn_ = fn;
        body_user_ = user;
        passToReader(exchange_->body(), true);
        return PSN_OK;
    }
    if (body_taken_) return PSN_DENIED;
    body_fn_ = fn;
    body_user_ = user;
    body_taken_ = true;
    exchange_->streamBody(route_->max_body);
    return PSN_OK;
}

psn_rc psn_stream::resumeRead() {
    if (gone()) return PSN_GONE;
    // By message: the reader may still be inside the call that pauses. Only its own pause ends.
    exchange_->loop().post([this, keep = StreamRef(*this)] {
        if (!reader_paused_ || complete_) return;
        reader_paused_ = false;
        exchange_->resume(Exchange::Side::Request);
    });
    return PSN_OK;
}

psn_rc psn_stream::forward(const psn_forward& f) {
    if (f.struct_size < sizeof(psn_forward) || f.set_count > kMostFields ||
        f.remove_count > kMostFields || (f.set_count != 0 && f.set_headers == nullptr) ||
        (f.remove_count != 0 && f.remove_headers == nullptr))
        return PSN_INVALID;
    if (gone()) return PSN_GONE;
    const bool on_loop = exchange_->loop().isCurrent();
    if (!handling_.load() || (on_loop && call_ != nullptr)) return PSN_DENIED;
    if (f.target.n != 0 && f.target.p[0] != '/') return PSN_INVALID;
    for (std::size_t i = 0; i < f.target.n; ++i)
        if (static_cast<unsigned char>(f.target.p[i]) <= 0x20 || f.target.p[i] == 0x7f)
            return PSN_INVALID;
    for (std::uint32_t i = 0; i < f.set_count; ++i)
        if (!cleanField(toView(f.set_headers[i].name), toView(f.set_headers[i].value)))
            return PSN_INVALID;
    auto& runtime = service_->runtime();
    std::string upstream = toString(f.upstream);
    if (!runtime.hasUpstream(upstream)) return PSN_NOT_FOUND;
    if (answered_.exchange(true)) return PSN_GONE;
    if ((f.flags & PSN_FORWARD_HIDE_REPORT) != 0) hides_report_ = true;
    if (on_loop && f.set_count <= 1) {
        // The usual way of a request copies nothing. What is removed leaves its octets where they
        // are, to which all these views may point; what is set may move them, and comes last.
        auto& r = exchange_->request;
        std::string target = toString(f.target);  // of a field, perhaps, as a value may be of it
        for (std::uint32_t i = 0; i < f.remove_count; ++i)
            r.fields.remove(toView(f.remove_headers[i]));
        if (f.set_count == 1)
            r.fields.set(toView(f.set_headers[0].name), toView(f.set_headers[0].value));
        if (!target.empty()) r.target = std::move(target);
        view_fresh_ = false;
        doForward(upstream, f.deadline_ms);
        return PSN_OK;
    }
    onLoop([this, changes = Changes(f), upstream = std::move(upstream), deadline = f.deadline_ms] {
        changes.apply(exchange_->request);
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
        held_.store(false);
        answered_.store(false);
        return dispatchTo(*runtime.services.at(it->second));
    }
    body_taken_ = true;
    exchange_->body_max = route_ != nullptr ? route_->max_body : 0;
    exchange_->forward(*runtime.engine->upstream(upstream), bridge::boundedMs(deadline_ms));
}

psn_rc psn_stream::setRequestHeader(std::string_view name, std::string_view value, bool remove) {
    if (value.size() > kLongestValue) return tooMuch(PSN_INVALID, "a field of over 16 KiB");
    if (!cleanField(name, value)) return PSN_INVALID;
    if (!exchange_->loop().isCurrent()) return PSN_DENIED;
    if (gone()) return PSN_GONE;
    if (phase_ == Phase::Handling || responding_) return PSN_DENIED;
    auto& fields = exchange_->request.fields;
    if (remove)
        fields.remove(name);
    else if (fields.size() >= kMostFields && !fields.find(name))
        return tooMuch(PSN_TOO_LARGE, "a request of over 256 fields");
    else
        fields.set(name, value);
    view_fresh_ = false;
    return PSN_OK;
}

psn_rc psn_stream::setResponseHeader(std::string_view name, std::string_view value, Edit edit) {
    if (value.size() > kLongestValue) return tooMuch(PSN_INVALID, "a field of over 16 KiB");
    if (!cleanField(name, value)) return PSN_INVALID;
    if (!exchange_->loop().isCurrent()) return PSN_DENIED;
    if (gone()) return PSN_GONE;
    if (!responding_ || head_sent_ || call_ == nullptr) return PSN_DENIED;
    auto& fields = exchange_->response.fields;
    if (edit == Edit::Remove) {
        fields.remove(name);
        return PSN_OK;
    }
    if (fields.size() >= kMostFields) return tooMuch(PSN_TOO_LARGE, "an answer of over 256 fields");
    if (edit == Edit::Set) {
        fields.set(name, value);
    } else {
        // The value may be a view into the fields that are about to grow.
        const std::string own_name(name), own_value(value);
        fields.add(own_name, own_value);
    }
    return PSN_OK;
}

psn_rc psn_stream::setRequestId(std::string_view id) {
    if (!exchange_->loop().isCurrent()) return PSN_DENIED;
    if (id.empty() || id.size() > 64) return PSN_INVALID;
    for (const char c : id)
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-'))
            return PSN_INVALID;
    request_id_ = id;
    view_fresh_ = false;
    return PSN_OK;
}

psn_rc psn_stream::setValue(std::string_view key, std::string_view value) {
    if (!exchange_->loop().isCurrent() || call_ == nullptr) return PSN_DENIED;
    if (key.empty() || key.size() > 128) return PSN_INVALID;
    if (value.size() > kLongestShared) return tooMuch(PSN_TOO_LARGE, "a value of over 4 KiB");
    // Everybody reads; each writes under the id of its own plugin alone.
    const auto& own = filter(call_->filter).image->manifest.id;
    if (key.size() <= own.size() || !key.starts_with(own) || key[own.size()] != '.')
        return PSN_DENIED;
    const auto at = values_.find(key);
    if (at != values_.end())
        at->second = value;
    else if (values_.size() >= kMostValues)
        return tooMuch(PSN_FULL, "over 64 values in a request");
    else
        values_.emplace(key, value);
    return PSN_OK;
}

std::optional<std::string_view> psn_stream::value(std::string_view key) const {
    if (!exchange_->loop().isCurrent()) return std::nullopt;
    const auto at = values_.find(key);
    if (at == values_.end()) return std::nullopt;
    return at->second;
}

void psn_stream::abort() {
    if (gone()) return;
    if (exchange_->loop().isCurrent() && call_ != nullptr) {
        call_->aborts = true;
        return;
    }
    answered_.store(true);
    onLoop([this] { exchange_->abort(); });
}
