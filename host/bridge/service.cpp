#include "host/bridge/service.h"

#include <unistd.h>

#include "host/bridge/stream.h"
#include "host/net/reactor.h"

namespace persona::host::bridge {

namespace {

/// Hooks of an exchange: the engine's side of a psn_stream.
class StreamHooks final : public net::ExchangeHooks {
  public:
    explicit StreamHooks(psn_stream* stream) : stream_(stream) {}
    ~StreamHooks() override { stream_->unref(); }
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
    [[nodiscard]] bool filtersRequestBody() const override { return stream_->filtersRequestBody(); }
    [[nodiscard]] bool filtersResponseBody() const override {
        return stream_->filtersResponseBody();
    }

  private:
    psn_stream* stream_;
};

void answerText(net::Exchange& exchange, unsigned status, std::string body) {
    net::ResponseHead head;
    head.status = status;
    exchange.respond(std::move(head), std::move(body));
}

/// Hooks of an exchange that the host answers by itself.
class PlainHooks final : public net::ExchangeHooks {
    void onComplete(const net::Summary&) override {}
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

// ---- breaker ------------------------------------------------------------------------------------

bool Filter::isOpen(std::int64_t now_ns) {
    return open_until_ns_.load(std::memory_order_relaxed) > now_ns;
}

void Filter::called(std::int64_t now_ns) {
    if (now_ns - window_start_ns_.load(std::memory_order_relaxed) > 10'000'000'000) {
        window_start_ns_.store(now_ns, std::memory_order_relaxed);
        calls_.store(0, std::memory_order_relaxed);
        faults_.store(0, std::memory_order_relaxed);
    }
    calls_.fetch_add(1, std::memory_order_relaxed);
}

bool Filter::failed(std::int64_t now_ns) {
    const auto row = in_a_row_.fetch_add(1) + 1;
    const auto faults = faults_.fetch_add(1) + 1;
    const auto calls = calls_.load();
    if (row < 5 && !(calls >= 200 && faults * 20 > calls)) return false;
    in_a_row_.store(0);
    faults_.store(0);
    calls_.store(0);
    open_until_ns_.store(now_ns + 30'000'000'000);
    return true;
}

Filter::~Filter() {
    if (factory == nullptr || instance == nullptr) return;
    if (context) context->cancelTimers();
    if (active && factory->deactivate != nullptr) factory->deactivate(instance);
    factory->destroy(instance);
}

// ---- service ------------------------------------------------------------------------------------

Service::Service(Runtime& runtime, config::ServiceSettings settings)
    : runtime_(runtime), settings_(std::move(settings)) {}

Service::~Service() {
    deactivate();
    if (instance_ != nullptr) factory_->destroy(instance_);
}

std::string Service::create(std::shared_ptr<const module::Image> image,
                            std::unique_ptr<config::PluginConfig> options) {
    image_ = std::move(image);
    options_ = std::move(options);
    const std::string what = "service '" + id() + "' (" + image_->file + ")";
    factory_ = static_cast<const psn_http_service_factory*>(
        image_->entry->get_factory({PSN_HTTP_SERVICE_ID, sizeof PSN_HTTP_SERVICE_ID - 1}));
    if (factory_ == nullptr) return what + ": the plugin has no factory " PSN_HTTP_SERVICE_ID;
    if (factory_->struct_size < sizeof(psn_http_service_factory) || factory_->create == nullptr ||
        factory_->destroy == nullptr || factory_->routes == nullptr || factory_->handle == nullptr)
        return what + ": factory: expected size " +
               std::to_string(sizeof(psn_http_service_factory)) +
               " and create, destroy, routes, handle; rebuild with the SDK";
    const std::string prefix = "browserid." + id() + ".";
    context_ = std::make_unique<PluginContext>(runtime_, id(), prefix);
    response_time = &runtime_.metrics.declare(2, prefix + "response_time");
    for (const unsigned status : {200, 204, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405,
                                  408, 409, 413, 415, 421, 429, 431, 500, 501, 502, 503, 504})
        responses[status] =
            &runtime_.metrics.declare(1, prefix + "response." + std::to_string(status));
    ErrorText error;
    const InPlugin mark(settings_.id);
    if (factory_->create(&context_->host(), reinterpret_cast<const psn_config*>(options_.get()),
                         &instance_, &error.err) != PSN_OK ||
        instance_ == nullptr) {
        instance_ = nullptr;
        return what + ": create: " + error.str();
    }
    routes_ = factory_->routes(instance_, &route_count_);
    for (std::uint32_t i = 0; i < route_count_; ++i)
        if ((routes_[i].flags & PSN_ROUTE_BLOCKING) != 0 &&
            runtime_.executor(toView(routes_[i].executor)) == nullptr)
            return what + ": route " + toString(routes_[i].name) + " wants executor '" +
                   toString(routes_[i].executor) + "': add it under executors";
    return "";
}

std::string Service::activate() {
    if (factory_->activate != nullptr) {
        ErrorText error;
        const InPlugin mark(settings_.id);
        if (factory_->activate(instance_, &error.err) != PSN_OK)
            return "service '" + id() + "': activate: " + error.str();
    }
    active_ = true;
    return "";
}

void Service::deactivate() {
    if (!active_) return;
    active_ = false;
    context_->cancelTimers();
    const InPlugin mark(settings_.id);
    if (factory_->deactivate != nullptr) factory_->deactivate(instance_);
    chains_.clear();
    initial_.reset();
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

std::shared_ptr<const Chain> Service::chain(const net::Loop& loop) const {
    return loop.index() < chains_.size() ? chains_[loop.index()] : initial_;
}

void Service::publish(std::shared_ptr<const Chain> chain) {
    if (runtime_.engine == nullptr || chains_.empty()) {
        initial_ = chain;
        chains_.assign(runtime_.engine == nullptr ? 0 : runtime_.engine->loops(), chain);
        return;
    }
    for (unsigned i = 0; i < runtime_.engine->loops(); ++i)
        runtime_.engine->loop(i).post([this, i, chain] { chains_[i] = chain; });
    initial_ = std::move(chain);
}

void Service::dispatch(net::ExchangePtr exchange) {
    const std::string_view target = exchange->request.target;
    if (target.starts_with("/__heartbeat__") && exchange->request.method == "GET") {
        const auto rest = target.substr(14);
        if (rest.empty() || rest.front() == '?') {
            bool deep = false;
            for (std::string_view q = rest.empty() ? rest : rest.substr(1); !q.empty();) {
                const auto amp = q.find('&');
                const auto pair = q.substr(0, amp);
                deep = deep || pair.substr(0, pair.find('=')) == "deep";
                if (amp == std::string_view::npos) break;
                q.remove_prefix(amp + 1);
            }
            return heartbeat(exchange, deep);
        }
    }
    auto* stream = new psn_stream(exchange, *this, chain(exchange->loop()));
    exchange->attach(std::make_unique<StreamHooks>(stream));
    stream->begin();
}

void Service::dispatchInproc(const net::ExchangePtr& exchange) {
    auto* stream = new psn_stream(exchange, *this, nullptr);
    exchange->attach(std::make_unique<StreamHooks>(stream));
    stream->begin();
}

void Service::heartbeat(const net::ExchangePtr& exchange, bool deep) {
    exchange->attach(std::make_unique<PlainHooks>());
    exchange->discardBody(0);
    struct Check {
        std::mutex mutex;
        std::size_t left = 1;
        bool own_ok = true;
        std::string failures;
    };
    auto check = std::make_shared<Check>();
    const auto depends = deep ? settings_.depends_on : std::vector<std::string>{};
    check->left = 1 + depends.size();
    const auto finish = [exchange, check] {
        {
            const std::lock_guard lock(check->mutex);
            if (--check->left != 0) return;
        }
        const bool ok = check->own_ok && check->failures.empty();
        exchange->loop().post([exchange, ok,
                               text = ok                        ? std::string("ok")
                                      : check->failures.empty() ? "bad"
                                                                : "bad\n" + check->failures] {
            answerText(*exchange, ok ? 200 : 500, text);
        });
    };
    for (const auto& name : depends) {
        net::ClientRequest request;
        request.target = "/__heartbeat__";
        request.deadline = net::milliseconds(5'000);
        const auto done = [check, finish, name](const net::ClientResult& r) {
            if (r.status != 200) {
                const std::lock_guard lock(check->mutex);
                check->failures +=
                    name + ": " +
                    (r.status != 0 ? "response code " + std::to_string(r.status) : r.detail) + "\n";
            }
            finish();
        };
        if (const auto it = runtime_.inproc.find(name); it != runtime_.inproc.end()) {
            auto* executor = runtime_.executor("");
            const auto* other = runtime_.services.at(it->second).get();
            const bool queued = executor->submit([other, done](bool late) {
                ErrorText error;
                net::ClientResult r;
                r.status = 200;
                if (late || (other->factory_->health != nullptr &&
                             other->factory_->health(other->instance_, 0, &error.err) != PSN_OK)) {
                    r.status = 0;
                    r.detail = late ? "no answer in time" : error.str();
                }
                done(r);
            });
            if (!queued) done({net::ClientError::QueueFull, "executor queue is full", 0, {}, ""});
        } else {
            request.upstream = runtime_.engine->upstream(name);
            runtime_.engine->send(std::move(request), done);
        }
    }
    if (factory_->health == nullptr) return finish();
    const bool queued = runtime_.executor("")->submit([this, check, finish, deep](bool late) {
        ErrorText error;
        const InPlugin mark(settings_.id);
        if (late || factory_->health(instance_, deep ? 1 : 0, &error.err) != PSN_OK) {
            runtime_.log.write(
                3, id(),
                "heartbeat: " + (late ? std::string("no thread was free in time") : error.str()));
            check->own_ok = false;
        }
        finish();
    });
    if (!queued) {
        check->own_ok = false;
        finish();
    }
}

// ---- chain --------------------------------------------------------------------------------------

std::shared_ptr<const Chain> buildChain(Runtime& runtime, const config::ServiceSettings& service,
                                        std::uint64_t generation, module::Store& store,
                                        const std::string& plugin_dir, config::Document& document,
                                        const YAML::Node& common,
                                        std::set<std::string>& used_common, std::string& error) {
    auto chain = std::make_shared<Chain>();
    chain->generation = generation;
    for (const auto& settings : service.filters) {
        auto filter = std::make_unique<Filter>();
        filter->settings = settings;
        filter->context = std::make_unique<PluginContext>(
            runtime, settings.id, "browserid." + service.id + "." + settings.id + ".");
        if (!settings.builtin.empty()) {
            chain->access_log = chain->access_log || settings.builtin == "access-log";
            chain->statsd = chain->statsd || settings.builtin == "statsd";
            chain->filters.push_back(std::move(filter));
            continue;
        }
        const std::string what = "filter '" + settings.id + "' of service '" + service.id + "'";
        module::Refusal refusal;
        filter->image =
            store.load(modulePath(plugin_dir, settings.module), filter->context->host(), refusal);
        if (!filter->image) {
            error = what + ": " + refusal.text();
            return nullptr;
        }
        const auto* factory = static_cast<const psn_http_filter_factory*>(
            filter->image->entry->get_factory({PSN_HTTP_FILTER_ID, sizeof PSN_HTTP_FILTER_ID - 1}));
        if (factory == nullptr || factory->struct_size < sizeof(psn_http_filter_factory) ||
            factory->create == nullptr || factory->destroy == nullptr) {
            error = what + ": the plugin has no usable factory " PSN_HTTP_FILTER_ID
                           "; rebuild with the SDK";
            return nullptr;
        }
        const auto before = document.problems().size();
        filter->options = config::PluginConfig::read(
            document, factory->options, factory->option_count, settings.options, common,
            settings.path + ".config", used_common);
        if (document.problems().size() != before) {
            error = document.problems()[before];
            return nullptr;
        }
        ErrorText text;
        const InPlugin mark(settings.id);
        if (factory->create(&filter->context->host(),
                            reinterpret_cast<const psn_config*>(filter->options.get()),
                            &filter->instance, &text.err) != PSN_OK ||
            filter->instance == nullptr) {
            filter->instance = nullptr;
            error = what + ": create: " + text.str();
            return nullptr;
        }
        filter->factory = factory;
        if (factory->body_modes != nullptr) factory->body_modes(filter->instance, &filter->modes);
        if (filter->modes.response_mode == PSN_FILTER_BODY_BUFFER) {
            error = what + ": response bodies are passed in pieces: declare PSN_FILTER_BODY_STREAM";
            return nullptr;
        }
        if (factory->activate != nullptr &&
            factory->activate(filter->instance, &text.err) != PSN_OK) {
            error = what + ": activate: " + text.str();
            return nullptr;
        }
        filter->active = true;
        chain->request_stream =
            chain->request_stream || filter->modes.request_mode == PSN_FILTER_BODY_STREAM;
        if (filter->modes.request_mode == PSN_FILTER_BODY_BUFFER) {
            chain->request_buffer = true;
            chain->request_max = std::max(chain->request_max, filter->modes.request_max);
        }
        chain->response_stream =
            chain->response_stream || filter->modes.response_mode == PSN_FILTER_BODY_STREAM;
        chain->filters.push_back(std::move(filter));
    }
    return chain;
}

}  // namespace persona::host::bridge
