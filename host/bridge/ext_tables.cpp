#include <persona/abi/ext/clock.h>
#include <persona/abi/ext/counters.h>
#include <persona/abi/ext/executor.h>
#include <persona/abi/ext/http_client.h>
#include <persona/abi/ext/log.h>
#include <persona/abi/ext/metrics.h>
#include <persona/abi/ext/timer.h>
#include <sys/random.h>

#include <algorithm>
#include <chrono>

#include "host/bridge/stream.h"
#include "host/net/reactor.h"

/// The host's half of the C ABI: tables of functions that find their runtime through the psn_host.
namespace persona::host::bridge {

namespace {

void setError(psn_err* err, std::string_view text) {
    if (err == nullptr || err->buf == nullptr) return;
    err->len = static_cast<std::uint32_t>(std::min<std::size_t>(text.size(), err->cap));
    std::copy_n(text.data(), err->len, err->buf);
}

const psn_log_api& logApi() {
    static const psn_log_api kApi{
        sizeof(psn_log_api), 0,
        [](const psn_host* h, std::uint32_t level) -> std::uint32_t {
            return PluginContext::of(h).runtime.log.enabled(level) ? 1 : 0;
        },
        [](const psn_host* h, std::uint32_t level, psn_str component, psn_str message) {
            auto& c = PluginContext::of(h);
            c.runtime.log.write(level,
                                component.n == 0 ? std::string_view(c.id) : toView(component),
                                toView(message));
        }};
    return kApi;
}

const psn_clock_api& clockApi() {
    static const psn_clock_api kApi{
        sizeof(psn_clock_api), 0,
        [](const psn_host*) -> std::int64_t {
            return std::chrono::duration_cast<std::chrono::milliseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                .count();
        },
        [](const psn_host*) -> std::int64_t { return net::monotonicNs(); },
        [](const psn_host*, void* out, std::size_t n) -> psn_rc {
            auto* p = static_cast<char*>(out);
            while (n > 0) {
                const auto got = ::getrandom(p, n, 0);
                if (got <= 0) return PSN_FAIL;
                p += got;
                n -= static_cast<std::size_t>(got);
            }
            return PSN_OK;
        }};
    return kApi;
}

const psn_counters_api& countersApi() {
    static const psn_counters_api kApi{
        sizeof(psn_counters_api),
        0,
        [](const psn_host* h, psn_str name, const psn_counter_spec* spec, psn_counter_table** out,
           psn_err* err) -> psn_rc {
            auto& c = PluginContext::of(h);
            bool replaced = false;
            std::string error;
            if (spec == nullptr || spec->struct_size < sizeof(psn_counter_spec)) return PSN_INVALID;
            *out = c.runtime.counters.open(toView(name), *spec, replaced, error);
            if (*out == nullptr) {
                setError(err, error);
                return PSN_INVALID;
            }
            if (replaced)
                c.runtime.log.write(
                    3, c.id,
                    "counter table " + toString(name) + " has another shape now: it starts empty");
            return PSN_OK;
        },
        [](psn_counter_table* t, psn_str key, std::uint32_t delta, std::int64_t now,
           psn_counter_value* out) { return t->add(toView(key), delta, now, out); },
        [](psn_counter_table* t, psn_str key, std::int64_t now, psn_counter_value* out) {
            return t->get(toView(key), now, out);
        },
        [](psn_counter_table* t, psn_str key, std::uint32_t flag, std::int64_t now) {
            return t->setFlag(toView(key), flag, now);
        },
        [](psn_counter_table* t, psn_str key) { return t->erase(toView(key)); }};
    return kApi;
}

const psn_timer_api& timerApi() {
    static const psn_timer_api kApi{sizeof(psn_timer_api), 0,
                                    [](const psn_host* h, std::uint64_t delay, std::uint64_t period,
                                       psn_timer_fn fn, void* user, std::uint64_t* id) -> psn_rc {
                                        auto& c = PluginContext::of(h);
                                        if (fn == nullptr || id == nullptr) return PSN_INVALID;
                                        const std::string& plugin = c.id;
                                        *id = c.runtime.timers.start(
                                            delay, period, [fn, user, &plugin] {
                                                const InPlugin mark(plugin);
                                                fn(user);
                                            });
                                        if (*id == 0) return PSN_FULL;
                                        const std::lock_guard lock(c.timers_mutex);
                                        c.timers.insert(*id);
                                        return PSN_OK;
                                    },
                                    [](const psn_host* h, std::uint64_t id) {
                                        auto& c = PluginContext::of(h);
                                        c.runtime.timers.cancel(id);
                                        const std::lock_guard lock(c.timers_mutex);
                                        c.timers.erase(id);
                                    }};
    return kApi;
}

const psn_executor_api& executorApi() {
    static const psn_executor_api kApi{
        sizeof(psn_executor_api), 0,
        [](const psn_host* h, psn_str name, std::uint64_t deadline, psn_work_fn fn,
           void* user) -> psn_rc {
            auto& c = PluginContext::of(h);
            auto* e = c.runtime.executor(toView(name));
            if (e == nullptr) return PSN_NOT_FOUND;
            const std::string& plugin = c.id;
            return e->submit(
                       [fn, user, &plugin](bool late) {
                           const InPlugin mark(plugin);
                           fn(user, late ? 1 : 0);
                       },
                       deadline)
                       ? PSN_OK
                       : PSN_FULL;
        },
        [](const psn_host*) -> std::uint32_t { return Executor::onExecutor() ? 1 : 0; }};
    return kApi;
}

const psn_metrics_api& metricsApi() {
    static const psn_metrics_api kApi{
        sizeof(psn_metrics_api),
        0,
        [](const psn_host* h, std::uint32_t kind, psn_str name, psn_metric** out) -> psn_rc {
            const auto text = toView(name);
            const bool clean = !text.empty() && text.size() <= 128 &&
                               std::all_of(text.begin(), text.end(), [](char c) {
                                   return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                                          c == '_' || c == '.' || c == '-';
                               });
            if (!clean || kind < PSN_METRIC_COUNTER || kind > PSN_METRIC_GAUGE) return PSN_INVALID;
            auto& c = PluginContext::of(h);
            *out = &c.runtime.metrics.declare(kind, c.metric_prefix + std::string(text));
            return PSN_OK;
        },
        [](psn_metric* m, std::int64_t delta) {
            m->value.fetch_add(delta, std::memory_order_relaxed);
        },
        [](psn_metric* m, std::int64_t value) { m->value.store(value, std::memory_order_relaxed); },
        [](psn_metric* m, double millis) { m->observe(millis); }};
    return kApi;
}

psn_rc codeOf(net::ClientError e) {
    switch (e) {
        case net::ClientError::None:
            return PSN_OK;
        case net::ClientError::Timeout:
            return PSN_TIMEOUT;
        case net::ClientError::Unreachable:
            return PSN_UNREACHABLE;
        case net::ClientError::TooLarge:
            return PSN_TOO_LARGE;
        case net::ClientError::QueueFull:
            return PSN_FULL;
        case net::ClientError::Denied:
            return PSN_DENIED;
        case net::ClientError::Protocol:
            return PSN_FAIL;
    }
    return PSN_FAIL;
}

psn_rc clientSend(const psn_host* h, const psn_client_request* q, psn_client_fn fn, void* user) {
    auto& c = PluginContext::of(h);
    auto& runtime = c.runtime;
    if (q == nullptr || q->struct_size < sizeof(psn_client_request) || fn == nullptr)
        return PSN_INVALID;
    if (runtime.engine == nullptr) return PSN_DENIED;
    net::ClientRequest r;
    r.url = toString(q->url);
    r.method = q->method.n == 0 ? "GET" : toString(q->method);
    r.target = toString(q->target);
    for (std::uint32_t i = 0; i < q->header_count; ++i)
        r.fields.add(toView(q->headers[i].name), toView(q->headers[i].value));
    r.body = toString(q->body);
    if (q->max_body != 0) r.max_body = q->max_body;
    if (q->deadline_ms != 0)
        r.deadline = net::milliseconds(static_cast<std::int64_t>(q->deadline_ms));
    r.allow_private = (q->flags & PSN_CLIENT_ALLOW_PRIVATE) != 0;
    const auto done = [fn, user](const net::ClientResult& result) {
        std::vector<psn_header> headers;
        for (std::size_t i = 0; i < result.fields.size(); ++i)
            headers.push_back({toAbi(result.fields[i].name), toAbi(result.fields[i].value)});
        const psn_client_response response{sizeof(psn_client_response),
                                           result.status,
                                           headers.data(),
                                           static_cast<std::uint32_t>(headers.size()),
                                           0,
                                           toAbi(result.body)};
        fn(user, codeOf(result.error), &response, toAbi(result.detail));
    };
    if (q->upstream.n != 0) {
        const auto name = toString(q->upstream);
        if (const auto it = runtime.inproc.find(name); it != runtime.inproc.end()) {
            callInproc(runtime, *runtime.services.at(it->second), std::move(r), done);
            return PSN_OK;
        }
        r.upstream = runtime.engine->upstream(name);
        if (r.upstream == nullptr) return PSN_NOT_FOUND;
    }
    runtime.engine->send(std::move(r), done);
    return PSN_OK;
}

const psn_http_client_api& clientApi() {
    static const psn_http_client_api kApi{sizeof(psn_http_client_api), 0, clientSend};
    return kApi;
}

const void* getExtension(const psn_host*, psn_str id) {
    struct Row {
        std::string_view id;
        const void* table;
    };
    static const Row kRows[] = {{PSN_LOG_ID, &logApi()},
                                {PSN_CLOCK_ID, &clockApi()},
                                {PSN_COUNTERS_ID, &countersApi()},
                                {PSN_TIMER_ID, &timerApi()},
                                {PSN_EXECUTOR_ID, &executorApi()},
                                {PSN_METRICS_ID, &metricsApi()},
                                {PSN_HTTP_CLIENT_ID, &clientApi()},
                                {PSN_STREAM_ID, &streamApi()},
                                {PSN_CONFIG_ID, &config::configApi()}};
    for (const auto& row : kRows)
        if (row.id == toView(id)) return row.table;
    return nullptr;
}

}  // namespace

const psn_stream_api& streamApi() {
    static const psn_stream_api kApi{
        sizeof(psn_stream_api),
        0,
        [](psn_stream* s) { return s->request(); },
        [](psn_stream* s, psn_str name, psn_str* value) -> psn_rc {
            const auto v = s->exchange().request.fields.find(toView(name));
            if (!v) return PSN_NOT_FOUND;
            *value = toAbi(*v);
            return PSN_OK;
        },
        [](psn_stream* s) { return toAbi(s->exchange().body()); },
        [](psn_stream* s, const psn_response* r) { return s->respond(*r); },
        [](psn_stream* s, const psn_response* r, std::int64_t length, psn_writable_fn fn,
           void* user) { return s->start(*r, length, fn, user); },
        [](psn_stream* s, psn_str data, std::uint32_t end) {
            return s->write(toView(data), end != 0);
        },
        [](psn_stream* s, psn_body_fn fn, void* user) { return s->readBody(fn, user); },
        [](psn_stream* s) { return s->resumeRead(); },
        [](psn_stream* s, const psn_forward* f) { return s->forward(*f); },
        [](psn_stream* s) { s->abort(); },
        [](psn_stream* s) { s->hold(); },
        [](psn_stream* s) { s->release(); },
        [](psn_stream* s) -> std::uint32_t { return s->gone() ? 1 : 0; },
        [](psn_stream* s, psn_str n, psn_str v) {
            return s->setRequestHeader(toView(n), toView(v), false);
        },
        [](psn_stream* s, psn_str n) { return s->setRequestHeader(toView(n), "", true); },
        [](psn_stream* s, psn_str n, psn_str v) {
            return s->setResponseHeader(toView(n), toView(v), 0);
        },
        [](psn_stream* s, psn_str n, psn_str v) {
            return s->setResponseHeader(toView(n), toView(v), 1);
        },
        [](psn_stream* s, psn_str n) { return s->setResponseHeader(toView(n), "", 2); },
        [](psn_stream* s, psn_str name, psn_str* value) -> psn_rc {
            const auto v = s->exchange().response.fields.find(toView(name));
            if (!v) return PSN_NOT_FOUND;
            *value = toAbi(*v);
            return PSN_OK;
        },
        [](psn_stream* s) -> std::uint32_t { return s->exchange().response.status; },
        [](psn_stream* s, psn_str id) { return s->setRequestId(toView(id)); },
        [](psn_stream* s) { return s->pauseToken(); },
        [](psn_token t, std::uint32_t result) {
            return psn_stream::resumeToken(t, result, nullptr);
        },
        [](psn_token t, const psn_response* r) {
            return psn_stream::resumeToken(t, PSN_FILTER_REPLY, r);
        },
        [](psn_stream* s, psn_str key, psn_str value) -> psn_rc {
            if (key.n == 0 || key.n > 128 || value.n > 4096 || s->values.size() >= 64)
                return PSN_INVALID;
            s->values[toString(key)] = toString(value);
            return PSN_OK;
        },
        [](psn_stream* s, psn_str key, psn_str* value) -> psn_rc {
            const auto it = s->values.find(toView(key));
            if (it == s->values.end()) return PSN_NOT_FOUND;
            *value = toAbi(it->second);
            return PSN_OK;
        }};
    return kApi;
}

PluginContext::PluginContext(Runtime& r, std::string plugin_id, const std::string& prefix)
    : runtime(r),
      id(std::move(plugin_id)),
      metric_prefix(prefix),
      host_{sizeof(psn_host),
            PSN_ABI_MAJOR,
            PSN_ABI_MINOR,
            {"persona-host", 12},
            {PERSONA_VERSION, sizeof PERSONA_VERSION - 1},
            getExtension,
            this} {}

PluginContext::~PluginContext() {
    cancelTimers();
}

void PluginContext::cancelTimers() {
    std::set<std::uint64_t> mine;
    {
        const std::lock_guard lock(timers_mutex);
        mine.swap(timers);
    }
    for (const auto t : mine) runtime.timers.cancel(t);
}

}  // namespace persona::host::bridge
