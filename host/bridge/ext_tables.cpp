#include <persona/abi/ext/clock.h>
#include <persona/abi/ext/counters.h>
#include <persona/abi/ext/draft/metric_series.h>
#include <persona/abi/ext/draft/rates.h>
#include <persona/abi/ext/log.h>
#include <persona/abi/ext/metrics.h>
#include <sys/random.h>

#include <algorithm>
#include <chrono>

#include "host/bridge/ext.h"
#include "host/bridge/heuristics.h"
#include "host/bridge/stream.h"
#include "host/net/reactor.h"

/// The host's half of the C ABI: tables of functions that find their runtime through the psn_host.
namespace persona::host::bridge {

namespace {

constexpr std::uint32_t kMostMetrics = 1'000;

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
            if (spec == nullptr || out == nullptr || spec->struct_size < sizeof(psn_counter_spec))
                return PSN_INVALID;
            if (!mayDo(c, "psn.counters/1 open", Place::Control)) return PSN_DENIED;
            *out = c.runtime.counters.openCounters(toView(name), *spec, replaced, error, in_shadow);
            if (*out == nullptr) {
                setError(err, error);
                return c.tooMuch(PSN_INVALID, error);
            }
            if (replaced)
                c.runtime.log.write(
                    3, c.id,
                    "counter table " + toString(name) + " has another shape now: it starts empty");
            return PSN_OK;
        },
        [](psn_counter_table* t, psn_str key, std::uint32_t delta, std::int64_t now,
           psn_counter_value* out) {
            // A rehearsal sees what is there and charges nobody.
            return in_shadow ? t->peek(toView(key), delta, now, out)
                             : t->add(toView(key), delta, now, out);
        },
        [](psn_counter_table* t, psn_str key, std::int64_t now, psn_counter_value* out) {
            return t->get(toView(key), now, out);
        },
        [](psn_counter_table* t, psn_str key, std::uint32_t flag, std::int64_t now) {
            return in_shadow ? PSN_OK : t->setFlag(toView(key), flag, now);
        },
        [](psn_counter_table* t, psn_str key) {
            return in_shadow ? PSN_OK : t->erase(toView(key));
        }};
    return kApi;
}

const psn_rates_api& ratesApi() {
    using Mode = psn_rate_table::Mode;
    static const psn_rates_api kApi{
        sizeof(psn_rates_api),
        0,
        [](const psn_host* h, psn_str name, const psn_rate_spec* spec, psn_rate_table** out,
           psn_err* err) -> psn_rc {
            auto& c = PluginContext::of(h);
            if (spec == nullptr || out == nullptr || spec->struct_size < sizeof(psn_rate_spec))
                return PSN_INVALID;
            if (!mayDo(c, "psn.rates open", Place::Control)) return PSN_DENIED;
            bool replaced = false;
            std::string error;
            *out = c.runtime.counters.openRates(toView(name), *spec, replaced, error, in_shadow);
            if (*out == nullptr) {
                setError(err, error);
                return c.tooMuch(PSN_INVALID, error);
            }
            if (replaced)
                c.runtime.log.write(
                    3, c.id,
                    "rate table " + toString(name) + " has another size now: it starts empty");
            return PSN_OK;
        },
        [](psn_rate_table* t, std::uint64_t key, std::uint32_t rule, const psn_rate_limit* limit,
           std::uint32_t cost, std::int64_t now, psn_rate_answer* out) {
            return t->spend(key, rule, *limit, cost, now, in_shadow ? Mode::Peek : Mode::Take, out);
        },
        [](psn_rate_table* t, std::uint64_t key, std::uint32_t rule, const psn_rate_limit* limit,
           std::uint32_t cost, std::int64_t now, psn_rate_answer* out) {
            return t->spend(key, rule, *limit, cost, now, Mode::Peek, out);
        },
        [](psn_rate_table* t, std::uint64_t key, std::uint32_t rule, const psn_rate_limit* limit,
           std::uint32_t cost, std::int64_t now, psn_rate_answer* out) {
            return t->spend(key, rule, *limit, cost, now, in_shadow ? Mode::Peek : Mode::Charge,
                            out);
        },
        [](psn_rate_table* t, std::uint64_t key, std::uint32_t rule) {
            return in_shadow ? PSN_OK : t->forget(key, rule);
        },
        [](psn_rate_table* t, std::uint64_t key, std::uint32_t rule, const psn_rate_limit* limit,
           std::uint32_t cost, std::int64_t now) {
            return t->spend(key, rule, *limit, cost, now, in_shadow ? Mode::Peek : Mode::Refund,
                            nullptr);
        },
        [](const psn_rate_table* t, std::uint64_t key, std::uint32_t rule) {
            t->prefetch(key, rule);
        }};
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
            auto& c = PluginContext::of(h);
            if (!clean || out == nullptr || kind < PSN_METRIC_COUNTER || kind > PSN_METRIC_GAUGE)
                return PSN_INVALID;
            if (!mayDo(c, "psn.metrics/1 declare", Place::Control)) return PSN_DENIED;
            if (c.metrics_declared.fetch_add(1) >= kMostMetrics)
                return c.tooMuch(PSN_FULL, "over 1,000 metrics");
            *out = &c.runtime.metrics.declare(kind, c.metric_prefix + std::string(text));
            return PSN_OK;
        },
        [](psn_metric* m, std::int64_t delta) {
            if (!in_shadow) m->value.fetch_add(delta, std::memory_order_relaxed);
        },
        [](psn_metric* m, std::int64_t value) { m->value.store(value, std::memory_order_relaxed); },
        [](psn_metric* m, double millis) {
            if (!in_shadow) m->observe(millis);
        }};
    return kApi;
}

const psn_metric_series_api& seriesApi() {
    constexpr std::uint32_t kMostLabels = 8;
    static const auto isName = [](std::string_view text, std::size_t most) {
        return !text.empty() && text.size() <= most &&
               std::all_of(text.begin(), text.end(),
                           [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
    };
    static const psn_metric_series_api kApi{
        sizeof(psn_metric_series_api), 0,
        [](const psn_host* h, std::uint32_t kind, psn_str name, const psn_label* labels,
           std::uint32_t count, psn_metric** out) -> psn_rc {
            auto& c = PluginContext::of(h);
            if (out == nullptr || kind < PSN_METRIC_COUNTER || kind > PSN_METRIC_GAUGE ||
                !isName(toView(name), 128) || count > kMostLabels)
                return PSN_INVALID;
            std::string text;
            for (std::uint32_t i = 0; i < count; ++i) {
                const auto& l = labels[i];
                if (!isName(toView(l.name), 64) || l.value.n > 128) return PSN_INVALID;
                text += (i == 0 ? "" : ",") + toString(l.name) + "=\"" +
                        observe::labelValue(toView(l.value)) + "\"";
            }
            if (!mayDo(c, "psn.metric-series declare", Place::Control)) return PSN_DENIED;
            *out = &c.runtime.metrics.series(kind, toView(name), text);
            return PSN_OK;
        }};
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
                                {PSN_RATES_ID, &ratesApi()},
                                {PSN_TIMER_ID, &timerApi()},
                                {PSN_EXECUTOR_ID, &executorApi()},
                                {PSN_METRICS_ID, &metricsApi()},
                                {PSN_METRIC_SERIES_ID, &seriesApi()},
                                {PSN_HTTP_CLIENT_ID, &clientApi()},
                                {PSN_STREAM_ID, &streamApi()},
                                {PSN_THREAD_CHECK_ID, &threadCheckApi()},
                                {PSN_HEURISTICS_ID, &heuristicsApi()},
                                {PSN_CONFIG_ID, &config::configApi()}};
    for (const auto& row : kRows)
        if (row.id == toView(id)) return row.table;
    return nullptr;
}

}  // namespace

PluginContext::PluginContext(Runtime& r, std::string plugin_id, const std::string& prefix)
    : runtime(r),
      id(std::move(plugin_id)),
      metric_prefix(prefix),
      tag(internTag(id, "", false)),
      host_{sizeof(psn_host),
            PSN_ABI_MAJOR,
            PSN_ABI_MINOR,
            {"persona-host", 12},
            {PERSONA_VERSION, sizeof PERSONA_VERSION - 1},
            getExtension,
            this} {
    const std::array names{"misuse.resumed_twice", "misuse.resumed_late", "misuse.replied_twice",
                           "misuse.too_much"};
    for (std::size_t i = 0; i < misuses_.size(); ++i)
        misuses_[i].counter = &r.metrics.declare(PSN_METRIC_COUNTER, metric_prefix + names[i]);
}

PluginContext::~PluginContext() {
    cancelTimers();
}

void PluginContext::tally(Tally& kind, const std::string& detail) const {
    if (kind.counter != nullptr) kind.counter->value.fetch_add(1, std::memory_order_relaxed);
    std::uint64_t held_back = 0;
    if (kind.lines.may(net::monotonicNs(), held_back))
        runtime.log.write(3, id, detail + heldBack(held_back));
}

void PluginContext::misuse(Misuse kind, const std::string& detail) {
    tally(misuses_[static_cast<std::size_t>(kind)], detail);
}

psn_rc PluginContext::tooMuch(psn_rc code, const std::string& detail) {
    misuse(Misuse::TooMuch, "refused: " + detail);
    return code;
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
