#include "host/app/surroundings.h"

#include <persona/abi/ext/metrics.h>
#include <unistd.h>

#include <chrono>
#include <set>

#include "host/bridge/runtime.h"

extern char** environ;

namespace persona::host::app {

namespace {

class Observer final : public net::EngineObserver {
  public:
    Observer(observe::Log& log, observe::Metrics& metrics) : log_(log), metrics_(metrics) {
        // There from the start: a rule cannot see the first step of a counter that it makes.
        for (const char* name : {"engine.client.gone",
                                 "engine.client.half_closed",
                                 "engine.evicted",
                                 "engine.executor.queue_full",
                                 "engine.limit.body_min_rate",
                                 "engine.limit.connections",
                                 "engine.limit.connections_per_address",
                                 "engine.limit.descriptors",
                                 "engine.limit.header_deadline",
                                 "engine.limit.idle_timeout",
                                 "engine.limit.write_timeout",
                                 "engine.tls.handshake_failed",
                                 "engine.upstream.early_answer",
                                 "engine.upstream.ejected",
                                 "engine.upstream.retry",
                                 "engine.upstream.retry_budget",
                                 "engine.upstream.surplus",
                                 "generation.rolled_back",
                                 "tables.snapshot_failed",
                                 "watchdog.warned"})
            metrics_.declare(PSN_METRIC_COUNTER, name);
    }
    void count(std::string_view name) override { metrics_.count(name); }
    void log(int level, std::string_view message) override {
        log_.write(static_cast<unsigned>(level), "engine", message);
    }

  private:
    observe::Log& log_;
    observe::Metrics& metrics_;
};

}  // namespace

std::string directoryOf(const std::string& path) {
    return path.substr(0, path.rfind('/'));
}

std::int64_t wallMs() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

std::vector<std::pair<std::string, std::string>> environment() {
    std::vector<std::pair<std::string, std::string>> out;
    for (char** e = environ; *e != nullptr; ++e) {
        const std::string_view pair = *e;
        const auto equals = pair.find('=');
        if (equals != std::string_view::npos)
            out.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
    }
    return out;
}

std::vector<std::string> changedSinceStart(const YAML::Node& now, const YAML::Node& then) {
    std::vector<std::string> out;
    const auto dump = [](const YAML::Node& node) {
        return node.IsDefined() ? YAML::Dump(node) : std::string();
    };
    for (const auto& key : config::topLevelKeys()) {
        if (key == "services" || key == "heuristics" || key == "log") continue;
        if (dump(now[key]) != dump(then[key]))
            out.push_back("'" + key + "' has changed: it takes effect after a restart");
    }
    for (std::size_t n = 0; n < now["services"].size(); ++n)
        for (const char* key : {"config", "depends_on"})
            if (dump(now["services"][n][key]) != dump(then["services"][n][key]))
                out.push_back("'" + std::string(key) + "' of service '" +
                              now["services"][n]["id"].Scalar() +
                              "' has changed: it takes effect after a restart");
    return out;
}

std::string otherServices(const config::HostConfig& now, const config::HostConfig& then) {
    if (now.services.size() != then.services.size())
        return "services were added or removed: that needs a restart";
    for (std::size_t n = 0; n < then.services.size(); ++n)
        if (now.services[n].id != then.services[n].id ||
            now.services[n].module != then.services[n].module)
            return "service '" + now.services[n].id +
                   "' is another one than at the start: that needs a restart";
    return "";
}

std::vector<std::string> directoriesOfModules(const config::HostConfig& settings) {
    std::set<std::string> out;
    const auto add = [&](const std::string& module) {
        if (!module.empty())
            out.insert(directoryOf(bridge::modulePath(settings.plugin_dir, module)));
    };
    for (const auto& s : settings.services)
        for (const auto& f : s.filters) add(f.module);
    for (const auto& h : settings.heuristics) add(h.module);
    return {out.begin(), out.end()};
}

std::unique_ptr<net::EngineObserver> observerOf(observe::Log& log, observe::Metrics& metrics) {
    return std::make_unique<Observer>(log, metrics);
}

void showTables(tables::Tables& tables, observe::Metrics& metrics) {
    for (const auto& t : tables.list()) {
        const auto label = "table=\"" + observe::labelValue(t.name) + "\"";
        metrics.series(PSN_METRIC_GAUGE, "bid_aa_state_entries", label)
            .value.store(static_cast<std::int64_t>(t.used));
        metrics.series(PSN_METRIC_COUNTER, "bid_aa_evictions", label)
            .value.store(static_cast<std::int64_t>(t.evicted));
    }
}

std::unique_ptr<bridge::SharedState> sharedStateOf(const config::HostConfig& settings,
                                                   bridge::BuildContext& context) {
    const auto& s = settings.shared_state;
    if (s.module.empty()) return nullptr;
    const auto at = context.document.root()["shared_state"];
    if (settings.lockdown) {
        context.document.problem(
            at, "shared_state: a process with `lockdown: true` could not connect again");
        return nullptr;
    }
    bridge::MemberSettings m{"shared_state",  "shared_state",     s.module,
                             "shared_state.", s.path + ".config", s.options};
    auto out = std::make_unique<bridge::SharedState>(m, s, context.runtime);
    if (const auto error = out->create(context); !error.empty()) {
        if (context.document.problems().empty()) context.document.problem(at, error);
        return nullptr;
    }
    return out;
}

}  // namespace persona::host::app
