#pragma once

#include <yaml-cpp/yaml.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "host/bridge/shared_state.h"
#include "host/config/host_config.h"
#include "host/net/engine.h"
#include "host/observe/log.h"
#include "host/observe/metrics.h"

/// What stands round a host: its environment, its clock, its files, and who counts for the engine.
namespace persona::host::app {

[[nodiscard]] std::string directoryOf(const std::string& path);
[[nodiscard]] std::int64_t wallMs();  ///< since 1970
[[nodiscard]] std::vector<std::pair<std::string, std::string>> environment();
/// Parts of the file that differ from what the process was started with and stay as they were until
/// a restart: one line each.
[[nodiscard]] std::vector<std::string> changedSinceStart(const YAML::Node& now,
                                                         const YAML::Node& then);
/// Empty when both name the same roles, else what differs: roles are replaced with their process.
[[nodiscard]] std::string otherServices(const config::HostConfig& now,
                                        const config::HostConfig& then);
/// Where the swappable modules of a configuration lie, each once.
[[nodiscard]] std::vector<std::string> directoriesOfModules(const config::HostConfig& settings);
/// Counts and writes for the engine. Both outlive it.
[[nodiscard]] std::unique_ptr<net::EngineObserver> observerOf(observe::Log& log,
                                                              observe::Metrics& metrics);

/// How full the tables are and what they forgot, as series of the Prometheus page. Looks at all of
/// them: not for each call of the page. [control]
void showTables(tables::Tables& tables, observe::Metrics& metrics);

/// What `shared_state:` asks for, created; nullptr: nothing, or problems went to the document.
[[nodiscard]] std::unique_ptr<bridge::SharedState> sharedStateOf(const config::HostConfig& settings,
                                                                 bridge::BuildContext& context);

}  // namespace persona::host::app
