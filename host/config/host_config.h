#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "host/config/reader.h"
#include "host/net/settings.h"

namespace persona::host::config {

struct ExecutorSettings {
    std::string name;
    std::int64_t threads = 4, queue = 1024, deadline_ms = 10'000;
    std::int64_t nice = 0;  ///< of its threads, 0 to 19: work that must not delay the loops
};

struct FilterSettings {
    std::string id, builtin, module;
    bool deny_on_error = true;
    std::int64_t pause_deadline_ms = 250, budget_us = 1'000;
    std::string path;    ///< in the file, for messages
    YAML::Node options;  ///< checked against the plugin's own table
};

struct HeuristicSettings {
    std::string id, module;
    bool deny_on_error = false;
    std::int64_t budget_us = 200;
    std::string path;
    YAML::Node options;
};

/// Counts that several processes share (decision 0120).
struct SharedStateSettings {
    std::string module;  ///< empty: each process counts for itself
    std::string path;
    YAML::Node options;
    std::int64_t period_ms = 100, deadline_ms = 50;
    std::map<std::string, std::string> tables;  ///< name -> "half" or "whole" while alone
};

/// How new generations of filters come in and old ones leave.
struct GenerationSettings {
    std::int64_t drain_timeout_ms = 30'000, watch_ms = 60'000, smoke_deadline_ms = 5'000;
    std::int64_t shadow_ms = 0;  ///< tried on live traffic for so long before it is published
    bool auto_rollback = true, smoke = true;
    bool watch_plugins = false;  ///< reload when a plugin file in use is replaced by rename
};

struct ServiceSettings {
    std::string id, module, path;
    YAML::Node options;
    std::vector<std::string> depends_on;  ///< upstreams asked by the deep heartbeat
    std::vector<FilterSettings> filters;
};

/// Upstream "inproc:<service>": no socket, the service answers the same exchange.
using InprocUpstreams = std::map<std::string, std::string, std::less<>>;

struct HostConfig {
    std::string process, state_dir, plugin_dir, pid_file;
    std::string log_level, log_file, log_format, access_log_file;
    bool statsd_enabled = false;
    std::string statsd_address, admin_address, admin_socket, lowest_maturity;
    std::uint32_t admin_socket_mode = 0600;
    std::int64_t watchdog_warn_ms = 1'000, watchdog_abort_ms = 10'000;
    std::int64_t snapshot_interval_ms = 30'000;
    bool thread_check = false;
    GenerationSettings generations;
    SharedStateSettings shared_state;
    std::vector<HeuristicSettings> heuristics;
    bool test_open_roles = false;
    bool lockdown = false;  ///< see host/app/lockdown.h
    net::EngineSettings engine;
    InprocUpstreams inproc;
    std::vector<ExecutorSettings> executors;
    std::vector<ServiceSettings> services;
    YAML::Node common;
};

/// Keys at the top of the file; others set by the environment belong to `common`.
[[nodiscard]] const std::set<std::string>& topLevelKeys();

/// Reads and checks all that the host itself knows; what is wrong is in document.problems().
[[nodiscard]] HostConfig readHostConfig(Document& document, const std::string& default_plugin_dir);

}  // namespace persona::host::config
