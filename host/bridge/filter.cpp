#include "host/bridge/filter.h"

#include <persona/abi/ext/metrics.h>

#include <algorithm>

namespace persona::host::bridge {

std::string Filter::adopt(const psn_plugin_entry& entry, Lifecycle& out, const psn_option*& options,
                          std::size_t& count) {
    std::string wrong;
    const auto* f = factoryOf<psn_http_filter_factory>(entry, PSN_HTTP_FILTER_ID, wrong);
    if (!wrong.empty()) return wrong;
    if (f == nullptr || f->struct_size < sizeof(psn_http_filter_factory) || f->create == nullptr ||
        f->destroy == nullptr)
        return "the plugin has no usable factory " PSN_HTTP_FILTER_ID "; rebuild with the SDK";
    factory = f;
    out = {f->create, f->activate, f->deactivate, f->destroy, f->get_extension};
    options = f->options;
    count = f->option_count;
    return "";
}

std::string Filter::created() {
    auto& metrics = context->runtime.metrics;
    request_over.counter = &metrics.declare(PSN_METRIC_COUNTER, "engine.limit.request_buffer");
    response_over.counter = &metrics.declare(PSN_METRIC_COUNTER, "engine.limit.response_buffer");
    if (factory->body_modes == nullptr) return "";
    try {
        factory->body_modes(instance, &modes);
    } catch (...) {
        return "body_modes: an exception left the plugin";
    }
    const auto check = [this](const char* side, std::uint32_t mode,
                              std::uint64_t max) -> std::string {
        if (mode > PSN_FILTER_BODY_BUFFER)
            return std::string("body_modes: ") + side + "_mode: expected PSN_FILTER_BODY_*, got " +
                   std::to_string(mode);
        if (mode == PSN_FILTER_BODY_BUFFER && max > kLargestBuffer)
            context->misuse(Misuse::TooMuch, "refused: a buffer of over 16 MiB for a body");
        if (mode == PSN_FILTER_BODY_BUFFER && (max == 0 || max > kLargestBuffer))
            return std::string("body_modes: ") + side + "_max: expected 1 to " +
                   std::to_string(kLargestBuffer) + " octets, got " + std::to_string(max);
        return "";
    };
    auto wrong = check("request", modes.request_mode, modes.request_max);
    return wrong.empty() ? check("response", modes.response_mode, modes.response_max) : wrong;
}

std::uint64_t Chain::inFlight() const {
    std::uint64_t sum = 0;
    for (const auto& cell : in_flight) sum += cell.count.load(std::memory_order_relaxed);
    return sum;
}

namespace {

void widen(Chain& chain, const psn_filter_body& m) {
    if (m.request_mode != PSN_FILTER_BODY_NONE && chain.request_mode == BodyMode::None)
        chain.request_mode = BodyMode::Stream;
    if (m.response_mode != PSN_FILTER_BODY_NONE && chain.response_mode == BodyMode::None)
        chain.response_mode = BodyMode::Stream;
    if (m.request_mode == PSN_FILTER_BODY_BUFFER) {
        chain.request_mode = BodyMode::Whole;
        chain.request_max = std::max(chain.request_max, m.request_max);
    }
    if (m.response_mode == PSN_FILTER_BODY_BUFFER) {
        chain.response_mode = BodyMode::Whole;
        chain.response_max =
            chain.response_max == 0 ? m.response_max : std::min(chain.response_max, m.response_max);
    }
}

}  // namespace

std::string buildChain(BuildContext& context, const config::ServiceSettings& service,
                       Chain& chain) {
    chain.service = service.id;
    const auto loops = static_cast<unsigned>(chain.in_flight.size() - 1);
    for (const auto& s : service.filters) {
        MemberSettings m;
        m.id = s.id;
        m.what = "filter '" + s.id + "' of service '" + service.id + "'";
        m.module = s.module;
        m.metric_prefix = "browserid." + service.id + "." + s.id + ".";
        m.options_path = s.path + ".config";
        m.options = s.options;
        m.deny_on_error = s.deny_on_error;
        m.budget_us = s.budget_us;
        // In the list before it is created, so that whatever was made is put away in order.
        auto& filter = *chain.filters.emplace_back(std::make_unique<Filter>(std::move(m), loops));
        filter.pause_deadline_ms = s.pause_deadline_ms;
        if (!s.builtin.empty()) {
            chain.access_log = chain.access_log || s.builtin == "access-log";
            chain.statsd = chain.statsd || s.builtin == "statsd";
            continue;
        }
        if (auto wrong = filter.create(context); !wrong.empty()) return wrong;
        widen(chain, filter.modes);
    }
    return "";
}

std::unique_ptr<Heuristic> buildHeuristic(BuildContext& context, const config::HeuristicSettings& s,
                                          const std::string& metric_prefix, std::string& error) {
    MemberSettings m;
    m.id = s.id;
    m.what = "heuristic '" + s.id + "'";
    m.module = s.module;
    m.metric_prefix = metric_prefix;
    m.options_path = s.path + ".config";
    m.options = s.options;
    m.deny_on_error = s.deny_on_error;
    m.budget_us = s.budget_us;
    auto one = std::make_unique<Heuristic>(std::move(m), context.runtime.engine_loops);
    error = one->create(context);
    return one;
}

std::string buildHeuristics(BuildContext& context,
                            const std::vector<config::HeuristicSettings>& settings,
                            Heuristics& out) {
    for (const auto& s : settings) {
        std::string error;
        out.push_back(buildHeuristic(context, s, "browserid.heuristic." + s.id + ".", error));
        if (!error.empty()) return error;
    }
    return "";
}

}  // namespace persona::host::bridge
