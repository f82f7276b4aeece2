#include <Poco/Util/ServerApplication.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <iostream>

#include "host/admin/ctl.h"
#include "host/app/doctor.h"
#include "host/app/fetch.h"
#include "host/app/host.h"
#include "host/app/key_backup.h"

/// The program persona-host: commands, signals, exit codes.
namespace persona::host::app {
namespace {

constexpr const char* kUsageText =
    "persona-host [run] CONFIG        serve (the default)\n"
    "persona-host check-config CONFIG exit status 78 when something is wrong\n"
    "persona-host print-config CONFIG effective values and where each comes from; secrets are "
    "masked\n"
    "persona-host doctor CONFIG       what it needs outside of the file: addresses, DNS, rights, "
    "disk\n"
    "persona-host schema CONFIG       JSON Schema of CONFIG with the options of its plugins, for "
    "editors\n"
    "persona-host healthcheck URL     exit status 0 when GET URL answers 200 within 10 s\n"
    "persona-host keys export|import  copies the domain's key, encrypted, and puts it back\n"
    "persona-host ctl ...             asks a running process; see persona-host ctl --help\n"
    "persona-host WORDS...            a command of a role, such as: accounts find ADDRESS; "
    "persona-host "
    "ctl help lists them\n"
    "persona-host version\n";

std::string ownPath() {
    char path[4096];
    const auto n = ::readlink("/proc/self/exe", path, sizeof path);
    return n > 0 ? std::string(path, static_cast<std::size_t>(n)) : "persona-host";
}

sigset_t handledSignals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int s : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR2}) ::sigaddset(&set, s);
    return set;
}

const std::vector<std::string>& ownCommands() {
    static const std::vector<std::string> kCommands{"run",         "check-config", "print-config",
                                                    "healthcheck", "schema",       "doctor",
                                                    "version",     "help"};
    return kCommands;
}

/// Those that work on files; `keys list` and `keys rotate` are keysigner's.
bool isKeysCommand(int argc, char** argv) {
    return argc >= 3 && std::string_view(argv[1]) == "keys" &&
           (std::string_view(argv[2]) == "export" || std::string_view(argv[2]) == "import");
}

/// Words that name neither a command of the host nor a file: a role of a running process may know
/// them (psn.admin/1).
bool isRoleCommand(int argc, char** argv) {
    const std::string first = argc >= 2 ? argv[1] : "";
    if (first.empty() ||
        first.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos ||
        first.front() == '-' || ::access(first.c_str(), F_OK) == 0)
        return false;
    const auto& own = ownCommands();
    return std::find(own.begin(), own.end(), first) == own.end();
}

/// A pid file that is locked as long as the process lives.
class PidFile {
  public:
    explicit PidFile(const std::string& path) : path_(path) {}
    ~PidFile() {
        if (fd_ >= 0) ::unlink(path_.c_str());
        release();
    }
    PidFile(const PidFile&) = delete;
    PidFile& operator=(const PidFile&) = delete;
    std::string write() {
        if (path_.empty()) return "";
        fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (fd_ < 0) return "pid_file " + path_ + " cannot be written";
        if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
            ::close(fd_);
            fd_ = -1;
            return "pid_file " + path_ + " is locked: another instance runs";
        }
        const auto pid = std::to_string(::getpid()) + "\n";
        if (::ftruncate(fd_, 0) != 0 || ::write(fd_, pid.data(), pid.size()) < 0)
            return "pid_file " + path_ + " cannot be written";
        return "";
    }

    /// Leaves the file to another process.
    void release() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }

  private:
    std::string path_;
    int fd_ = -1;
};

class Application final : public Poco::Util::ServerApplication {
  public:
    explicit Application(net::InheritedSockets sockets) : sockets_(std::move(sockets)) {}

  protected:
    int main(const ArgVec& all) override {
        ArgVec args = all;
        std::string command = "run";
        if (!args.empty()) {
            if (args.front() == "-h" || args.front() == "--help") args.front() = "help";
            if (args.front() == "--version") args.front() = "version";
            for (const auto& c : ownCommands())
                if (args.front() == c) {
                    command = c;
                    args.erase(args.begin());
                    break;
                }
        }
        if (command == "version") {
            std::cout << "persona-host " << PERSONA_VERSION << " (ABI " << PSN_ABI_MAJOR << "."
                      << PSN_ABI_MINOR << ")\n";
            return kOk;
        }
        if (command == "help" || args.size() != 1) {
            (command == "help" ? std::cout : std::cerr) << kUsageText;
            return command == "help" ? kOk : kUsage;
        }
        if (args.front().starts_with('-')) {
            std::cerr << "persona-host: unknown option " << args.front() << "\n" << kUsageText;
            return kUsage;
        }
        if (command == "healthcheck") return healthcheck(args.front());
        return withConfig(command, args.front());
    }
    void defineOptions(Poco::Util::OptionSet&) override { stopOptionsProcessing(); }

  private:
    static int healthcheck(const std::string& url) {
        const auto result = fetch({}, url);
        if (result.status == 200) return kOk;
        std::cerr << url << ": "
                  << (result.status != 0 ? "status " + std::to_string(result.status)
                                         : result.detail)
                  << "\n";
        return kUnavailable;
    }

    int withConfig(const std::string& command, const std::string& file) {
        if (command != "run")
            if (const auto error = becomeOwnerOf(Host::stateDirectory(file)); !error.empty()) {
                std::cerr << "persona-host: " << error << "\n";
                return kUnavailable;
            }
        Host host(file, ownPath());
        const auto problems = host.load();
        for (const auto& p : problems) std::cerr << p << "\n";
        if (!problems.empty()) return kConfig;
        if (command == "print-config") {
            std::cout << host.describeEffective();
            return kOk;
        }
        if (command == "doctor") return examine(host, std::cout) == 0 ? kOk : kRefused;
        if (command == "schema") {
            std::cout << host.schema();
            return kOk;
        }
        if (command == "check-config") {
            std::cout << file << ": ok\n";
            return kOk;
        }
        return serve(host);
    }

    int serve(Host& host) {
        PidFile pid_file(host.settings().pid_file);
        std::string error = pid_file.write();
        notifySupervisor("STATUS=starting");
        if (error.empty()) error = host.start(std::move(sockets_));
        if (!error.empty()) {
            std::cerr << "persona-host: " << error << "\n";
            return kUnavailable;
        }
        host.log(2, "ready: process " + host.settings().process + ", " +
                        std::to_string(host.settings().engine.listeners.size()) + " listeners");
        notifySupervisor("STATUS=serving\nREADY=1");
        announceReady();
        const auto signals = handledSignals();
        for (;;) {
            int signal = 0;
            if (::sigwait(&signals, &signal) != 0) continue;
            if (signal == SIGUSR2) {
                if (replace(host, pid_file)) break;
                continue;
            }
            if (signal != SIGHUP) {
                notifySupervisor("STOPPING=1");
                break;
            }
            notifySupervisor("RELOADING=1");
            error = host.reload("SIGHUP");
            host.log(error.empty() ? 2 : 4,
                     error.empty() ? "reloaded"
                                   : "reload refused, everything stays as it was: " + error);
            notifySupervisor("READY=1");
        }
        host.log(2, "draining");
        const bool clean = host.drainAndStop();
        host.log(clean ? 2 : 3,
                 clean ? "graceful shutdown complete" : "drain_timeout passed, the rest was cut");
        return kOk;
    }

    /// True: another process serves, and this one is to drain.
    static bool replace(Host& host, PidFile& pid_file) {
        host.log(2, "another process shall take over");
        pid_file.release();
        const auto next = host.replace();
        if (next.error.empty()) {
            notifySupervisor("MAINPID=" + std::to_string(next.pid));
            host.log(2, "process " + std::to_string(next.pid) + " has taken over");
            return true;
        }
        host.log(4, "not replaced, everything stays as it was: " + next.error);
        if (const auto error = pid_file.write(); !error.empty()) host.log(4, error);
        return false;
    }

    net::InheritedSockets sockets_;
};

}  // namespace
}  // namespace persona::host::app

int main(int argc, char** argv) {
    namespace app = persona::host::app;
    if (argc == 3 && std::string_view(argv[1]) == "--probe-plugin")
        return persona::host::module::probeMain(argv[2]);
    ::signal(SIGPIPE, SIG_IGN);
    // Few arenas: the loops allocate little, and an arena for each thread costs resident memory.
    ::mallopt(M_ARENA_MAX, 4);
    const auto signals = app::handledSignals();
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    const bool ctl = argc >= 2 && std::string_view(argv[1]) == "ctl";
    if (ctl || (app::isRoleCommand(argc, argv) && !app::isKeysCommand(argc, argv))) {
        const int status = persona::host::admin::ctlMain({argv + (ctl ? 2 : 1), argv + argc});
        std::cout.flush();
        return status;
    }
    app::installCrashHandler();
    // While there is one thread: the environment is changed.
    std::string error;
    auto sockets = persona::host::net::InheritedSockets::fromEnvironment(error);
    if (!error.empty()) {
        std::cerr << "persona-host: " << error << "\n";
        return app::kConfig;
    }
    int status = 0;
    if (app::isKeysCommand(argc, argv)) {
        status = app::keysMain({argv + 2, argv + argc}, app::ownPath());
    } else {
        app::Application application(std::move(sockets));
        status = application.run(argc, argv);
    }
    std::cout.flush();
    std::fflush(nullptr);
#ifndef PERSONA_SANITIZED
    // Plugins are never unmapped: their static destructors must not race with anything that is
    // left.
    ::_Exit(status);
#else
    return status;
#endif
}
