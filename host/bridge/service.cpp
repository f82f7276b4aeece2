#include "host/bridge/service.h"

#include <persona/abi/ext/admin.h>
#include <persona/abi/ext/metrics.h>
#include <unistd.h>

#include "host/bridge/stream.h"
#include "host/net/reactor.h"

namespace persona::host::bridge {

namespace {

/// Hooks of an exchange: the engine's side of a psn_stream.
class StreamHooks final : public net::ExchangeHooks {
  public:
    explicit StreamHooks(psn_stream* stream) : stream_(stream) {}
    ~StreamHooks() override {
        stream_->detach();
        stream_->unref();
    }
    StreamHooks(const StreamHooks&) = delete;
    StreamHooks& operator=(const StreamHooks&) = delete;
    void onBodyReady() override { stream_->bodyReady(); }
    net::Flow onRequestBody(std::string_view piece, bool end) override {
        return stream_->requestPiece(piece, end);
    }
    net::Flow onResponseHead() override { return stream_->responseHead(); }
    net::Flow onResponseBody(std::string_view piece, bool end) override {
        return stream_->responsePiece(piece, end);
    }
    void onWritable() override { stream_->writable(); }
    void onComplete(const net::Summary& summary) override { stream_->complete(summary); }
    [[nodiscard]] std::uint64_t buffersResponse() const override {
        return stream_->buffersResponse();
    }
    [[nodiscard]] bool filtersRequestBody() const override { return stream_->filtersRequestBody(); }
    [[nodiscard]] bool filtersResponseBody() const override {
        return stream_->filtersResponseBody();
    }

  private:
    psn_stream* stream_;
};

}  // namespace

Executor* Runtime::executor(std::string_view name) {
    const auto it = executors.find(name.empty() ? std::string_view("default") : name);
    return it == executors.end() ? nullptr : it->second.get();
}

bool Runtime::hasUpstream(std::string_view name) {
    return inproc.find(name) != inproc.end() ||
           (engine != nullptr && engine->upstream(name) != nullptr);
}

std::string modulePath(const std::string& plugin_dir, const std::string& module) {
    return module.starts_with("/") ? module : plugin_dir + "/" + module;
}

// ---- service ------------------------------------------------------------------------------------

Service::Service(Runtime& runtime, config::ServiceSettings settings)
    : runtime_(runtime), settings_(std::move(settings)) {}

Service::~Service() {
    deactivate();
    if (instance_ != nullptr && !contained([this] { factory_->destroy(instance_); }))
        runtime_.log.write(4, id(), "an exception left destroy");
}

std::string Service::create(std::shared_ptr<const module::Image> image,
                            std::unique_ptr<config::PluginConfig> options) {
    image_ = std::move(image);
    options_ = std::move(options);
    const std::string what = "service '" + id() + "' (" + image_->file + ")";
    std::string wrong;
    factory_ = factoryOf<psn_http_service_factory>(*image_->entry, PSN_HTTP_SERVICE_ID, wrong);
    if (!wrong.empty()) return what + ": " + wrong;
    if (factory_ == nullptr) return what + ": the plugin has no factory " PSN_HTTP_SERVICE_ID;
    if (factory_->struct_size < sizeof(psn_http_service_factory) || factory_->create == nullptr ||
        factory_->destroy == nullptr || factory_->routes == nullptr || factory_->handle == nullptr)
        return what + ": factory: expected size " +
               std::to_string(sizeof(psn_http_service_factory)) +
               " and create, destroy, routes, handle; rebuild with the SDK";
    const std::string prefix = "browserid." + id() + ".";
    context_ = std::make_unique<PluginContext>(runtime_, id(), prefix);
    ErrorText error;
    tag_ = context_->tag = internTag(id(), image_->hash, false);
    const InPlugin mark(tag_);
    psn_rc rc = PSN_FAIL;
    if (!contained([&] {
            rc = factory_->create(&context_->host(),
                                  reinterpret_cast<const psn_config*>(options_.get()), &instance_,
                                  &error.err);
        })) {
        instance_ = nullptr;
        return what + ": create: an exception left the plugin";
    }
    if (rc != PSN_OK || instance_ == nullptr) {
        instance_ = nullptr;
        return what + ": create: " + error.str();
    }
    if (!contained([this] { routes_ = factory_->routes(instance_, &route_count_); }))
        return what + ": routes: an exception left the plugin";
    declareMetrics();
    for (std::uint32_t i = 0; i < route_count_; ++i)
        if ((routes_[i].flags & PSN_ROUTE_BLOCKING) != 0 &&
            runtime_.executor(toView(routes_[i].executor)) == nullptr)
            return what + ": route " + toString(routes_[i].name) + " wants executor '" +
                   toString(routes_[i].executor) + "': add it under executors";
    if (!contained([&] { wrong = readCommands(); }))
        return what + ": " PSN_ADMIN_ID ": an exception left the plugin";
    return wrong.empty() ? "" : what + ": " + wrong;
}

/// The names of wsapi.md 2.3, and what Prometheus can add up: one histogram for each role, route
/// and status class.
void Service::declareMetrics() {
    auto& metrics = runtime_.metrics;
    const std::string prefix = "browserid." + id() + ".";
    response_time_ = &metrics.declare(PSN_METRIC_TIMING, prefix + "response_time");
    for (const unsigned status :
         {200, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405,
          408, 409, 413, 415, 416, 421, 429, 431, 500, 501, 502, 503, 504})
        responses_[status] =
            &metrics.declare(PSN_METRIC_COUNTER, prefix + "response." + std::to_string(status));
    for (std::uint32_t i = 0; i <= route_count_; ++i) {
        const auto route = i < route_count_ ? toView(routes_[i].name) : std::string_view("none");
        auto& classes = by_route_.emplace_back();
        for (std::size_t n = 0; n < classes.size(); ++n)
            classes[n] = &metrics.series(PSN_METRIC_TIMING, "browserid.response_time",
                                         "role=\"" + observe::labelValue(id()) + "\",route=\"" +
                                             observe::labelValue(route) + "\",class=\"" +
                                             std::to_string(n + 1) + "xx\"");
    }
}

std::string Service::activate() {
    if (factory_->activate != nullptr) {
        ErrorText error;
        const InPlugin mark(tag_);
        psn_rc rc = PSN_FAIL;
        if (!contained([&] { rc = factory_->activate(instance_, &error.err); }))
            return "service '" + id() + "': activate: an exception left the plugin";
        if (rc != PSN_OK) return "service '" + id() + "': activate: " + error.str();
    }
    active_ = true;
    return "";
}

void Service::deactivate() {
    if (!active_) return;
    active_ = false;
    context_->cancelTimers();
    const InPlugin mark(tag_);
    if (factory_->deactivate != nullptr && !contained([this] { factory_->deactivate(instance_); }))
        runtime_.log.write(4, id(), "an exception left deactivate");
    dropChains();
}

psn_rc Service::handle(std::uint32_t route_id, psn_stream* stream) const {
    return factory_->handle(instance_, route_id, stream);
}

const psn_route* Service::match(std::string_view method, std::string_view path) const {
    for (std::uint32_t i = 0; i < route_count_; ++i) {
        const auto& r = routes_[i];
        const auto wanted = toView(r.method), pattern = toView(r.pattern);
        if (!wanted.empty() && wanted != method && !(wanted == "GET" && method == "HEAD")) continue;
        if (r.match == PSN_MATCH_EXACT ? path == pattern : path.starts_with(pattern)) return &r;
    }
    return nullptr;
}

void Service::measure(const net::Summary& s, const psn_route* route) const {
    if (response_time_ == nullptr) return;
    const double millis = static_cast<double>(s.duration_ns) / 1e6;
    response_time_->observe(millis);
    if (s.status < std::size(responses_) && responses_[s.status] != nullptr)
        responses_[s.status]->value.fetch_add(1, std::memory_order_relaxed);
    if (s.status < 100 || s.status > 599) return;
    const auto index = route == nullptr ? route_count_ : static_cast<std::size_t>(route - routes_);
    by_route_[index][s.status / 100 - 1]->observe(millis);
}

void Service::publish(const Chain& chain, const std::shared_ptr<const void>& generation,
                      const std::function<void()>& done) {
    const unsigned loops = runtime_.engine_loops;
    if (pins_.empty()) pins_.resize(loops);
    for (unsigned i = 0; i < loops; ++i) {
        auto swap = [this, i, &chain, generation, done] {
            if (auto* old = std::exchange(pins_[i], new Pin(chain, generation, i))) old->retire();
            if (done) done();
        };
        // Before the engine runs there is nobody to disturb, and no loop to send a message to.
        if (!runtime_.loops_run)
            swap();
        else
            runtime_.engine->loop(i).post(std::move(swap));
    }
}

void Service::dropChains() {
    for (auto*& pin : pins_)
        if (pin != nullptr) std::exchange(pin, nullptr)->retire();
}

void Service::attach(const net::ExchangePtr& exchange, Pin* pin) {
    auto* stream = new psn_stream(exchange, *this, pin);
    exchange->attach(std::make_unique<StreamHooks>(stream));
    stream->begin();
}

void Service::dispatch(net::ExchangePtr exchange) {
    bool deep = false;
    if (isHeartbeat(*exchange, deep)) return heartbeat(exchange, deep);
    if (tap_.isOpen()) tap_.offer(*exchange);
    const auto loop = exchange->loop().index();
    attach(exchange, loop < pins_.size() ? pins_[loop] : nullptr);
}

}  // namespace persona::host::bridge
