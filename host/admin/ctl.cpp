#include "host/admin/ctl.h"

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <dirent.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <mutex>
#include <sstream>

#include "host/config/host_config.h"
#include "host/net/engine.h"

namespace persona::host::admin {

const char* const kCtlUsage =
    "persona-host ctl [--socket PATH | --config FILE] [--json] COMMAND\n"
    "  generations              what serves, what drains and what holds it\n"
    "  reload [--dry-run]       build a new generation of filters from the configuration\n"
    "  revert                   back to the generation before\n"
    "  replace                  a new process takes the sockets over, the old one drains\n"
    "  modules                  every plugin image that is mapped\n"
    "  counters                 counter tables and metrics\n"
    "  loglevel [LEVEL]         show or set: trace, debug, info, warn, error\n"
    "The socket is admin.socket of the configuration; without --socket or --config it is taken "
    "from\n"
    "PERSONA_CONTROL_SOCKET, or is the only *.sock in var/run.\n";

namespace {

enum Exit { kDone = 0, kRefused = 1, kUsage = 64, kNotReached = 69, kNoSocket = 78 };

int complain(Exit code, const std::string& why) {
    std::cerr << "persona-host ctl: " << why << "\n";
    return code;
}

/// Empty and `why`, or the path.
std::string findSocket(const std::string& config, std::string& why) {
    if (!config.empty()) {
        auto document = config::Document::load(config);
        const auto c = config::readHostConfig(document, "");
        if (!c.admin_socket.empty()) return c.admin_socket;
        why = document.problems().empty() ? config + " sets no admin.socket"
                                          : document.problems().front();
        return "";
    }
    if (const char* set = std::getenv("PERSONA_CONTROL_SOCKET"); set != nullptr) return set;
    std::vector<std::string> found;
    if (DIR* dir = ::opendir("var/run"); dir != nullptr) {
        while (const dirent* e = ::readdir(dir))
            if (std::string_view(e->d_name).ends_with(".sock"))
                found.push_back(std::string("var/run/") + e->d_name);
        ::closedir(dir);
    }
    if (found.size() == 1) return found.front();
    why = found.empty() ? "no control socket in var/run: say which with --socket or --config"
                        : "several control sockets in var/run: say which with --socket";
    std::sort(found.begin(), found.end());
    for (const auto& f : found) why += "\n  " + f;
    return "";
}

net::ClientResult ask(const std::string& socket, const std::string& method,
                      const std::string& target) {
    class Quiet final : public net::EngineObserver {
        void count(std::string_view) override {}
        void log(int, std::string_view) override {}
    } quiet;
    net::EngineSettings settings;
    settings.loops = 1;
    net::UpstreamSettings upstream;
    upstream.name = "control";
    upstream.addresses = {"unix:" + (socket.starts_with("/") ? socket : [&] {
                              char* cwd = ::realpath(".", nullptr);
                              const std::string absolute = std::string(cwd) + "/" + socket;
                              ::free(cwd);
                              return absolute;
                          }())};
    settings.upstreams.push_back(upstream);
    net::Engine engine(settings, quiet);
    net::ClientResult result;
    if (const auto error = engine.start({}); !error.empty()) {
        result.error = net::ClientError::Unreachable;
        result.detail = error;
        return result;
    }
    net::ClientRequest request;
    request.upstream = engine.upstream("control");
    request.method = method;
    request.target = target;
    request.fields.add("Host", "control");
    request.max_body = 16 << 20;
    request.deadline = net::milliseconds(60'000);
    std::mutex mutex;
    std::condition_variable ready;
    bool done = false;
    engine.send(request, [&](net::ClientResult r) {
        const std::lock_guard lock(mutex);
        result = std::move(r);
        done = true;
        ready.notify_one();
    });
    {
        std::unique_lock lock(mutex);
        ready.wait(lock, [&] { return done; });
    }
    engine.stop();
    return result;
}

using Poco::JSON::Object;

std::string str(const Object::Ptr& o, const std::string& key) {
    return o->optValue<std::string>(key, "");
}

void showGenerations(const Object::Ptr& o) {
    std::cout << std::left << std::setw(6) << "id" << std::setw(10) << "state" << std::setw(10)
              << "age" << std::setw(11) << "in flight" << std::setw(12) << "calls"
              << "faults\n";
    for (const auto& item : *o->getArray("generations")) {
        const auto g = item.extract<Object::Ptr>();
        std::cout << std::setw(6) << str(g, "id") << std::setw(10) << str(g, "state")
                  << std::setw(10)
                  << std::to_string(g->getValue<Poco::Int64>("age_ms") / 1'000) + "s"
                  << std::setw(11) << str(g, "in_flight") << std::setw(12) << str(g, "calls")
                  << str(g, "faults") << "\n";
        for (const auto& m : *g->getArray("members"))
            std::cout << "        " << m.toString() << "\n";
        for (const auto& h : *g->getArray("holds"))
            std::cout << "        held by " << h.toString() << "\n";
    }
    if (const auto error = str(o, "last_error"); !error.empty())
        std::cout << "last error: " << error << "\n";
}

void showModules(const Object::Ptr& o) {
    for (const auto& item : *o->getArray("modules")) {
        const auto m = item.extract<Object::Ptr>();
        std::cout << std::left << std::setw(20) << str(m, "id") << std::setw(10)
                  << str(m, "version") << std::setw(14) << str(m, "maturity")
                  << str(m, "sha256").substr(0, 16) << "  " << str(m, "file") << "\n";
    }
    std::cout << str(o, "mapped") << " of at most " << str(o, "bound") << " images are mapped\n";
}

void showCounters(const Object::Ptr& o) {
    for (const auto& item : *o->getArray("tables")) {
        const auto t = item.extract<Object::Ptr>();
        std::cout << "table " << std::left << std::setw(40) << str(t, "name") << str(t, "used")
                  << " of " << str(t, "slots") << " slots, " << str(t, "evicted") << " evicted, "
                  << str(t, "bytes") << " octets\n";
    }
    const auto metrics = o->getObject("metrics");
    for (const auto& name : metrics->getNames())
        std::cout << std::left << std::setw(60) << name << metrics->getValue<std::string>(name)
                  << "\n";
}

void showOutcome(const Object::Ptr& o) {
    if (!o->getValue<bool>("ok")) {
        std::cerr << "refused at step '" << str(o, "step") << "': " << str(o, "error")
                  << "\ngeneration " << str(o, "generation") << " stays\n";
        return;
    }
    if (o->optValue("dry_run", false))
        std::cout << "it would be published; generation " << str(o, "generation") << " stays\n";
    else
        std::cout << "generation " << str(o, "generation") << " serves, published in "
                  << str(o, "publish_us") << " us\n";
    for (const auto& n : *o->getArray("notes")) std::cout << "note: " << n.toString() << "\n";
}

void showReplaced(const Object::Ptr& o) {
    if (o->getValue<bool>("ok"))
        std::cout << "process " << str(o, "pid") << " serves; the one before drains\n";
    else
        std::cerr << "not replaced: " << str(o, "error") << "\n";
}

}  // namespace

int ctlMain(const std::vector<std::string>& arguments) {
    std::string socket, config, why;
    bool json = false, dry_run = false;
    std::vector<std::string> words;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const auto& a = arguments[i];
        if (a == "--socket" || a == "--config") {
            if (++i == arguments.size()) return complain(kUsage, a + " needs a value");
            (a == "--socket" ? socket : config) = arguments[i];
        } else if (a == "--help" || a == "-h") {
            std::cout << kCtlUsage;
            return kDone;
        } else if (a == "--json") {
            json = true;
        } else if (a == "--dry-run") {
            dry_run = true;
        } else if (a.starts_with("-")) {
            return complain(kUsage, "unknown option " + a + "\n" + kCtlUsage);
        } else {
            words.push_back(a);
        }
    }
    const std::string command = words.empty() ? "" : words.front();
    const bool level = command == "loglevel" && words.size() == 2;
    const bool change = command == "reload" || command == "revert" || command == "replace" || level;
    const bool known = change || command == "generations" || command == "modules" ||
                       command == "counters" || command == "loglevel";
    if (!known || words.size() > (level ? 2U : 1U) || (dry_run && command != "reload")) {
        std::cerr << kCtlUsage;
        return kUsage;
    }
    if (socket.empty()) socket = findSocket(config, why);
    if (socket.empty()) return complain(kNoSocket, why);
    const auto result = ask(socket, change ? "POST" : "GET",
                            "/" + command +
                                (dry_run ? "?dry_run=1"
                                 : level ? "?level=" + words[1]
                                         : ""));
    if (result.status == 0)
        return complain(kNotReached,
                        socket + ": " + result.detail +
                            "; does the process run, and may this user use the socket?");
    if (json) {
        std::cout << result.body;
        return result.status == 200 ? kDone : kRefused;
    }
    try {
        const auto o = Poco::JSON::Parser().parse(result.body).extract<Object::Ptr>();
        if (command == "replace" && o->has("ok"))
            showReplaced(o);
        else if (o->has("ok"))
            showOutcome(o);
        else if (result.status != 200)
            return complain(kRefused, str(o, "error"));
        else if (command == "generations")
            showGenerations(o);
        else if (command == "modules")
            showModules(o);
        else if (command == "counters")
            showCounters(o);
        else
            std::cout << str(o, "level") << "\n";
    } catch (const Poco::Exception& e) {
        return complain(kNotReached, socket + " gave an answer that is none: " + e.displayText());
    }
    return result.status == 200 ? kDone : kRefused;
}

}  // namespace persona::host::admin
