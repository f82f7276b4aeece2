#pragma once

#include <persona/abi/http_filter.h>
#include <persona/abi/http_service.h>

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "host/bridge/executor.h"
#include "host/config/plugin_config.h"
#include "host/module/module.h"
#include "host/net/engine.h"
#include "host/observe/log.h"
#include "host/observe/metrics.h"
#include "host/tables/counters.h"

namespace persona::host::bridge {

class Service;

/// All that the ABI tables reach: one for each process.
struct Runtime {
    observe::Log& log;
    observe::Metrics& metrics;
    observe::AccessLog* access_log = nullptr;
    tables::Counters& counters;
    Timers& timers;
    std::map<std::string, std::unique_ptr<Executor>, std::less<>> executors;
    net::Engine* engine = nullptr;
    std::map<std::string, std::shared_ptr<Service>, std::less<>> services;
    config::InprocUpstreams inproc;

    [[nodiscard]] Executor* executor(std::string_view name);
    [[nodiscard]] bool hasUpstream(std::string_view name);
};

/// One psn_host: who calls is known by the pointer that the plugin passes back.
class PluginContext {
  public:
    PluginContext(Runtime& runtime, std::string id, const std::string& metric_prefix);
    ~PluginContext();
    PluginContext(const PluginContext&) = delete;
    PluginContext& operator=(const PluginContext&) = delete;
    [[nodiscard]] const psn_host& host() const { return host_; }
    [[nodiscard]] static PluginContext& of(const psn_host* host) {
        return *static_cast<PluginContext*>(host->reserved);
    }
    void cancelTimers();

    Runtime& runtime;
    const std::string id, metric_prefix;
    std::mutex timers_mutex;
    std::set<std::uint64_t> timers;

  private:
    psn_host host_;
};

/// A plugin's own error text, ready to be passed as psn_err.
struct ErrorText {
    char text[1024];
    psn_err err{text, sizeof text, 0};
    [[nodiscard]] std::string str() const {
        return err.len == 0 ? "no reason given" : std::string(text, err.len);
    }
};

[[nodiscard]] inline std::string toString(psn_str s) {
    return s.n == 0 ? std::string() : std::string(s.p, s.n);
}
[[nodiscard]] inline std::string_view toView(psn_str s) {
    return {s.p, s.n};
}
[[nodiscard]] inline psn_str toAbi(std::string_view s) {
    return {s.data(), s.size()};
}

/// The id of the plugin whose code this thread is in, for the crash handler; nullptr: none.
extern thread_local const char* current_plugin;
class InPlugin {
  public:
    explicit InPlugin(const std::string& id) : before_(current_plugin) {
        current_plugin = id.c_str();
    }
    ~InPlugin() { current_plugin = before_; }
    InPlugin(const InPlugin&) = delete;
    InPlugin& operator=(const InPlugin&) = delete;

  private:
    const char* before_;
};

}  // namespace persona::host::bridge
