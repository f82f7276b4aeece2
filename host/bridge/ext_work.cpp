#include <persona/abi/ext/executor.h>
#include <persona/abi/ext/http_client.h>
#include <persona/abi/ext/timer.h>

#include <optional>

#include "host/bridge/candidate.h"
#include "host/bridge/edge.h"
#include "host/bridge/ext.h"
#include "host/bridge/service.h"
#include "host/net/head_scan.h"

/// The tables for work beside the request: timers, executors, calls to other services. Work that is
/// under way keeps its plugin's generation alive.
namespace persona::host::bridge {

namespace {

constexpr std::uint64_t kLargestAnswer = 64ULL << 20;

template <typename Fn>
void guarded(const PluginContext& c, const char* what, Fn&& fn) {
    try {
        fn();
    } catch (...) {
        c.runtime.log.write(4, c.id, std::string("an exception left ") + what);
    }
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

/// Whether it is one request where it arrives: it goes out on a connection that others share, and
/// what is written there as a second one would be answered to somebody else.
bool isOneRequest(const psn_client_request& q) {
    const auto target = toView(q.target);
    return (q.method.n == 0 || net::isToken(toView(q.method))) && cleanTarget(target) &&
           (q.upstream.n == 0 || target.starts_with('/')) && cleanFields(q.headers, q.header_count);
}

psn_rc clientSend(const psn_host* h, const psn_client_request* q, psn_client_fn fn, void* user) {
    auto& c = PluginContext::of(h);
    auto& runtime = c.runtime;
    if (q == nullptr || q->struct_size < sizeof(psn_client_request) || fn == nullptr)
        return PSN_INVALID;
    if (runtime.engine == nullptr) return PSN_DENIED;
    if (q->max_body > kLargestAnswer)
        return c.tooMuch(PSN_TOO_LARGE, "max_body of over 64 MiB for an answer");
    if (q->header_count > kMostFields) return c.tooMuch(PSN_INVALID, "a call with over 256 fields");
    if (!isOneRequest(*q)) return PSN_INVALID;
    net::ClientRequest r;
    r.url = toString(q->url);
    r.method = q->method.n == 0 ? "GET" : toString(q->method);
    r.target = toString(q->target);
    for (std::uint32_t i = 0; i < q->header_count; ++i)
        r.fields.add(toView(q->headers[i].name), toView(q->headers[i].value));
    r.body = toString(q->body);
    if (q->max_body != 0) r.max_body = q->max_body;
    if (q->deadline_ms != 0) r.deadline = net::milliseconds(boundedMs(q->deadline_ms));
    r.allow_private = (q->flags & PSN_CLIENT_ALLOW_PRIVATE) != 0;
    const auto done = [fn, user, &c, keep = c.keepAlive()](const net::ClientResult& result) {
        std::vector<psn_header> headers;
        for (std::size_t i = 0; i < result.fields.size(); ++i)
            headers.push_back({toAbi(result.fields[i].name), toAbi(result.fields[i].value)});
        const psn_client_response response{sizeof(psn_client_response),
                                           result.status,
                                           headers.data(),
                                           static_cast<std::uint32_t>(headers.size()),
                                           0,
                                           toAbi(result.body)};
        {
            const InPlugin mark(c.tag);
            guarded(c, "a client's answer",
                    [&] { fn(user, codeOf(result.error), &response, toAbi(result.detail)); });
        }
        c.calls.fetch_sub(1);
    };
    if (q->upstream.n != 0) {
        const auto name = toString(q->upstream);
        if (const auto it = runtime.inproc.find(name); it != runtime.inproc.end()) {
            c.calls.fetch_add(1);
            callInproc(runtime, *runtime.services.at(it->second), std::move(r), done);
            return PSN_OK;
        }
        r.upstream = runtime.engine->upstream(name);
        if (r.upstream == nullptr) return PSN_NOT_FOUND;
    }
    c.calls.fetch_add(1);
    runtime.engine->send(std::move(r), done);
    return PSN_OK;
}

/// Of two that keep what they learn in one table, only the one that judges may write (0060).
void timerFires(const PluginContext& c, psn_timer_fn fn, void* user, bool repeats) {
    const auto part = c.part.load(std::memory_order_relaxed);
    if (part == Part::Resting && repeats) return;
    std::optional<OnlyLooking> looking;
    if (part != Part::Acting) looking.emplace();
    const InPlugin mark(c.tag);
    guarded(c, "a timer", [&] { fn(user); });
}

psn_rc timerStart(const psn_host* h, std::uint64_t delay, std::uint64_t period, psn_timer_fn fn,
                  void* user, std::uint64_t* id) {
    auto& c = PluginContext::of(h);
    if (fn == nullptr || id == nullptr) return PSN_INVALID;
    // Under the lock, so that a timer that fires at once finds itself in the list that it leaves.
    const std::lock_guard lock(c.timers_mutex);
    auto own = std::make_shared<std::uint64_t>(0);
    *id = c.runtime.timers.start(boundedMs(delay), boundedMs(period), [fn, user, &c, own, period] {
        if (period == 0) {
            const std::lock_guard inner(c.timers_mutex);
            c.timers.erase(*own);
        }
        timerFires(c, fn, user, period != 0);
    });
    if (*id == 0) return c.tooMuch(PSN_FULL, "over 10,000 timers");
    *own = *id;
    c.timers.insert(*id);
    return PSN_OK;
}

}  // namespace

const psn_timer_api& timerApi() {
    static const psn_timer_api kApi{sizeof(psn_timer_api), 0, timerStart,
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
            if (fn == nullptr) return PSN_INVALID;
            c.works.fetch_add(1);
            const bool queued = e->submit(
                [fn, user, &c, keep = c.keepAlive()](bool late) {
                    {
                        const InPlugin mark(c.tag);
                        guarded(c, "executor work", [&] { fn(user, late ? 1 : 0); });
                    }
                    c.works.fetch_sub(1);
                },
                boundedMs(deadline));
            if (queued) return PSN_OK;
            c.works.fetch_sub(1);
            c.runtime.metrics.count("engine.executor.queue_full");
            return PSN_FULL;
        },
        [](const psn_host*) -> std::uint32_t { return Executor::onExecutor() ? 1 : 0; }};
    return kApi;
}

const psn_http_client_api& clientApi() {
    static const psn_http_client_api kApi{sizeof(psn_http_client_api), 0, clientSend};
    return kApi;
}

}  // namespace persona::host::bridge
