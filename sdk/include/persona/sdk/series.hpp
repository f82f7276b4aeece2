#pragma once

#include <persona/abi/ext/draft/metric_series.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host.hpp"

/// Draft, as the interface below it: may still change.
namespace persona::sdk {

/// [control] A metric with labels (psn.metric-series); without effect where the host has none.
inline Metric series(const Host& host, std::uint32_t kind, std::string_view name,
                     std::initializer_list<std::pair<std::string_view, std::string_view>> labels) {
    const auto* api = static_cast<const psn_metric_series_api*>(
        host.raw()->get_extension(host.raw(), abi(PSN_METRIC_SERIES_ID)));
    const auto* metrics = static_cast<const psn_metrics_api*>(
        host.raw()->get_extension(host.raw(), abi(PSN_METRICS_ID)));
    if (api == nullptr || metrics == nullptr) return {};
    std::vector<psn_label> rows;
    for (const auto& [label, value] : labels) rows.push_back({abi(label), abi(value)});
    psn_metric* out = nullptr;
    const auto rc = api->declare(host.raw(), kind, abi(name), rows.data(),
                                 static_cast<std::uint32_t>(rows.size()), &out);
    return rc == PSN_OK ? Metric(metrics, out) : Metric();
}

}  // namespace persona::sdk
