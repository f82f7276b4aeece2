#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "host/app/successor.h"
#include "host/bridge/service.h"
#include "host/net/inherited.h"

namespace persona::host::generation {
class Manager;
}

namespace persona::host::app {

/// Exit codes of persona-host (sysexits.h).
enum ExitCode { kOk = 0, kRefused = 1, kUsage = 64, kUnavailable = 69, kConfig = 78 };

/// A configuration turned into a running process. [control]
class Host {
  public:
    /// `program`: path of this executable, for probes and the default plugin directory.
    Host(std::string config_file, std::string program);
    ~Host();
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    /// Reads and checks the file, and the options of every plugin that it names. Problems, or none.
    std::vector<std::string> load();
    /// After load() without problems: activates, binds, serves. Empty, or what failed.
    std::string start(net::InheritedSockets sockets = {});
    /// Builds a new generation of filters from the file as it is now, reads certificates again,
    /// takes over the log level. Waits for it. Empty, or what failed; then everything stays as it
    /// was. `from`: who asks, for the log.
    std::string reload(const std::string& from);
    /// Starts this program again with our sockets and waits until it serves; from then on this
    /// process only drains. Answers who asked for it over the control socket. Its pid, or why
    /// everything stays as it was.
    Successor replace();
    /// Serves what is in flight, then stops. True: nothing was cut.
    bool drainAndStop();
    [[nodiscard]] generation::Manager& generations();
    /// Runs `task` on [control].
    void onControl(std::function<void()> task);
    /// Port that a listener is bound to ("admin" too); 0: no such listener.
    [[nodiscard]] unsigned short port(const std::string& listener) const;
    [[nodiscard]] std::string describeEffective() const;
    /// JSON Schema of the file, with the options of the plugins that it names.
    [[nodiscard]] std::string schema() const;
    /// Value of a plugin's option, whichever plugin has it first; empty: none, or not set.
    [[nodiscard]] std::string option(const std::string& name) const;
    /// What the file says where state is kept; its other faults are not looked at.
    [[nodiscard]] static std::string stateDirectory(const std::string& config_file);
    [[nodiscard]] const config::HostConfig& settings() const;
    void log(unsigned level, const std::string& message);

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

/// Tells systemd (or whoever set NOTIFY_SOCKET): "READY=1", "STOPPING=1", ... The first call opens
/// the socket, which a process that is locked down cannot do. [control]
void notifySupervisor(const std::string& state);
/// Prints the plugin at fault and the loaded modules when the process crashes.
void installCrashHandler();
/// The module list that the crash handler prints; copied.
void setCrashModules(const std::vector<std::string>& lines);
/// Where it notes which plugin it was in; -1: nowhere.
void setCrashLog(int fd);

}  // namespace persona::host::app
