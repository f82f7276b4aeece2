#pragma once

#include <persona/abi/http_filter.h>
#include <persona/abi/http_service.h>

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "host/bridge/executor.h"
#include "host/bridge/log_limit.h"
#include "host/bridge/plugin_tag.h"
#include "host/config/plugin_config.h"
#include "host/module/module.h"
#include "host/net/engine.h"
#include "host/observe/log.h"
#include "host/observe/metrics.h"
#include "host/tables/tables.h"

namespace persona::host::bridge {

class Service;
class Heuristic;

/// All that the ABI tables reach: one for each process.
struct Runtime {
    observe::Log& log;
    observe::Metrics& metrics;
    observe::AccessLog* access_log = nullptr;
    tables::Tables& counters;
    Timers& timers;
    config::InprocUpstreams inproc;
    std::map<std::string, std::unique_ptr<Executor>, std::less<>> executors{};
    std::map<std::string, std::shared_ptr<Service>, std::less<>> services{};
    net::Engine* engine = nullptr;  ///< nullptr until it is made
    unsigned engine_loops = 1;
    bool thread_check = false;
    std::atomic<bool> loops_run{false};  ///< from here on, what loops own is changed by message

    [[nodiscard]] Executor* executor(std::string_view name);
    [[nodiscard]] bool hasUpstream(std::string_view name);
};

/// One kind of trouble with a plugin: its counter, and how often it is written about.
struct Tally {
    psn_metric* counter = nullptr;  ///< nullptr until it is declared: only written about
    LogLimit lines;
};

/// What a plugin may not do and is refused with a code. The request goes on, so neither on_error
/// nor the breaker has a part in it.
enum class Misuse {
    ResumedTwice,  ///< a token that has done its work
    ResumedLate,   ///< a token whose pause is over: by its deadline, or because there was none
    RepliedTwice,  ///< an answer to what has one
    TooMuch        ///< over a bound of this interface: values, fields, tables, metrics, timers
};

/// What a plugin does to what the host keeps. Looking: it is tried beside another one, and its
/// timers change nothing. Resting: it judges nobody at present, and its timers that repeat do not
/// run; one of a single call only looks.
enum class Part { Acting, Looking, Resting };

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
    /// [any] Counts; a line a second of each kind.
    void tally(Tally& kind, const std::string& detail) const;
    /// [any] Counts and says what the plugin was refused.
    void misuse(Misuse kind, const std::string& detail);
    /// [any] The code for what is over a bound: says so, and gives it back.
    psn_rc tooMuch(psn_rc code, const std::string& detail);
    /// Keeps the generation of this plugin alive as long as work of it is under way.
    [[nodiscard]] std::shared_ptr<const void> keepAlive() const { return owner.lock(); }

    Runtime& runtime;
    const std::string id, metric_prefix;
    const PluginTag* tag;
    std::weak_ptr<const void> owner;  ///< empty for roles, which live as long as the process
    const std::vector<std::unique_ptr<Heuristic>>* heuristics = nullptr;  ///< of its generation
    std::atomic<std::uint32_t> works{0}, calls{0};  ///< under way, for `ctl generations`
    std::atomic<Part> part{Part::Acting};           ///< [control] writes
    std::mutex timers_mutex;
    std::set<std::uint64_t> timers;

    std::atomic<std::uint32_t> metrics_declared{0};

  private:
    std::array<Tally, 4> misuses_;  ///< by Misuse
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

/// Calls a plugin. False: an exception left it, which no plugin may do and not every one prevents.
template <typename Fn>
[[nodiscard]] bool contained(Fn&& call) {
    try {
        call();
        return true;
    } catch (...) {
        return false;
    }
}

[[nodiscard]] inline std::string toString(psn_str s) {
    return s.n == 0 ? std::string() : std::string(s.p, s.n);
}
[[nodiscard]] inline std::string_view toView(psn_str s) {
    return {s.p, s.n};
}
[[nodiscard]] inline psn_str toAbi(std::string_view s) {
    return {s.data(), s.size()};
}

/// The plugin's factory of that kind, nullptr when it has none; `wrong` when asking it went wrong.
template <typename T>
[[nodiscard]] const T* factoryOf(const psn_plugin_entry& entry, std::string_view id,
                                 std::string& wrong) {
    const T* factory = nullptr;
    if (!contained([&] { factory = static_cast<const T*>(entry.get_factory(toAbi(id))); }))
        wrong = "get_factory: an exception left the plugin";
    return factory;
}

/// Path of a module named in the configuration.
[[nodiscard]] std::string modulePath(const std::string& plugin_dir, const std::string& module);

}  // namespace persona::host::bridge
