#include "host/admin/ctl.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <Poco/URI.h>

#include <iomanip>
#include <iostream>
#include <sstream>

#include "host/admin/control_client.h"

namespace persona::host::admin {

const char* const kCtlUsage =
    "persona-host ctl [--socket PATH | --config FILE] [--json] COMMAND\n"
    "  generations              what serves, what drains and what holds it\n"
    "  reload [--dry-run]       build a new generation of filters from the configuration\n"
    "  revert                   back to the generation before\n"
    "  replace                  a new process takes the sockets over, the old one drains\n"
    "  modules                  every plugin image that is mapped\n"
    "  counters                 counter tables and metrics\n"
    "  aa WORDS                 to the anti-abuse filter: list, show RULE, mode RULE MODE,\n"
    "                           explain ID, block ADDRESS [SECONDS], unblock ADDRESS, RULE "
    "WORDS\n"
    "  aa load RULE [MODULE] [--options FILE] [--shadow TIME]\n"
    "                           try a new version or configuration beside the one that acts\n"
    "  aa diff|commit|abort RULE   how they differ; the new one acts; it is given up\n"
    "  loglevel [LEVEL]         show or set: trace, debug, info, warn, error\n"
    "  help                     what the roles of the process offer beside these\n"
    "  WORDS...                 one of those, as in: persona-host ctl accounts find ADDRESS\n"
    "The socket is admin.socket of the configuration; without --socket or --config it is "
    "PERSONA_CONTROL_SOCKET,\nor a *.sock in var/run: the only one, or the one whose process "
    "has "
    "the "
    "command.\n"
    "Without the word ctl, WORDS go to the roles alone.\n"
    "Exit status: 0 done, 1 refused, 64 wrong usage, 69 not reached, 78 no socket.\n";

namespace {

using Poco::JSON::Object;

std::string str(const Object::Ptr& o, const std::string& key) {
    return o->optValue<std::string>(key, "");
}

void showGenerations(const Object::Ptr& o) {
    std::cout << std::left << std::setw(6) << "id" << std::setw(10) << "state" << std::setw(10)
              << "age" << std::setw(11) << "in flight" << std::setw(12) << "calls"
              << "faults\n";
    for (const auto& item : *o->getArray("generations")) {
        const auto& g = item.extract<Object::Ptr>();
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
        const auto& m = item.extract<Object::Ptr>();
        std::cout << std::left << std::setw(20) << str(m, "id") << std::setw(10)
                  << str(m, "version") << std::setw(14) << str(m, "maturity")
                  << str(m, "sha256").substr(0, 16) << "  " << str(m, "file") << "\n";
    }
    std::cout << str(o, "mapped") << " of at most " << str(o, "bound") << " images are mapped\n";
}

void showCounters(const Object::Ptr& o) {
    for (const auto& item : *o->getArray("tables")) {
        const auto& t = item.extract<Object::Ptr>();
        std::cout << "table " << std::left << std::setw(40) << str(t, "name") << str(t, "used")
                  << " of " << str(t, "slots") << " slots, " << str(t, "evicted") << " evicted, "
                  << str(t, "bytes") << " octets\n";
    }
    const auto metrics = o->getObject("metrics");
    for (const auto& name : metrics->getNames())
        std::cout << std::left << std::setw(60) << name << metrics->getValue<std::string>(name)
                  << "\n";
}

void showReplaced(const Object::Ptr& o) {
    if (o->getValue<bool>("ok"))
        std::cout << "process " << str(o, "pid") << " serves; the one before drains\n";
    else
        std::cerr << "not replaced: " << str(o, "error") << "\n";
}

struct Asked {
    std::string socket, config;
    bool help = false, json = false, dry_run = false;
    std::vector<std::string> words;
};

bool isBuiltIn(const std::string& command) {
    for (const auto* name :
         {"generations", "reload", "revert", "replace", "modules", "counters", "loglevel", "aa"})
        if (command == name) return true;
    return false;
}

/// kDone, or the exit code after a complaint. After the first word of a role's command options
/// are for that.
int parse(const std::vector<std::string>& arguments, Asked& out) {
    bool role = false;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const auto& a = arguments[i];
        if (a == "--socket" || a == "--config") {
            if (++i == arguments.size()) return complain(kUsage, a + " needs a value");
            (a == "--socket" ? out.socket : out.config) = arguments[i];
        } else if (a == "--json") {
            out.json = true;
        } else if (!out.words.empty() && out.words.front() == "aa" &&
                   (a == "--options" || a == "--shadow")) {
            if (++i == arguments.size()) return complain(kUsage, a + " needs a value");
            out.words.insert(out.words.end(), {a, arguments[i]});
        } else if ((a == "--help" || a == "-h") && !role) {
            out.help = true;
        } else if (a == "--dry-run" && !role) {
            out.dry_run = true;
        } else if (a.starts_with("-") && !role) {
            return complain(kUsage, "unknown option " + a + "\n" + kCtlUsage);
        } else {
            out.words.push_back(a);
            role = !isBuiltIn(out.words.front());
        }
    }
    return kDone;
}

int builtIn(const Asked& q, const std::string& socket) {
    const auto& command = q.words.front();
    if (command == "aa")
        return q.dry_run ? complain(kUsage, kCtlUsage) : abuseCommand(q.words, q.json, socket);
    const bool level = command == "loglevel" && q.words.size() == 2;
    if (q.words.size() > (level ? 2U : 1U) || (q.dry_run && command != "reload")) {
        std::cerr << kCtlUsage;
        return kUsage;
    }
    const bool change = command == "reload" || command == "revert" || command == "replace" || level;
    const auto result = askSocket(socket, change ? "POST" : "GET",
                                  "/" + command +
                                      (q.dry_run ? "?dry_run=1"
                                       : level   ? "?level=" + q.words[1]
                                                 : ""));
    if (result.status == 0)
        return complain(kNotReached,
                        socket + ": " + result.detail +
                            "; does the process run, and may this user use the socket?");
    if (q.json) {
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

}  // namespace

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

int ctlMain(const std::vector<std::string>& arguments) {
    Asked q;
    if (const int wrong = parse(arguments, q); wrong != kDone) return wrong;
    if (q.help) {
        std::cout << kCtlUsage;
        return kDone;
    }
    if (q.words.empty()) {
        std::cerr << kCtlUsage;
        return kUsage;
    }
    std::string why;
    const auto sockets =
        q.socket.empty() ? findSockets(q.config, why) : std::vector<std::string>{q.socket};
    if (sockets.empty()) return complain(kNoSocket, why);
    if (q.words.front() == "help") return listCommands(sockets);
    if (!isBuiltIn(q.words.front())) return roleCommand(sockets, q.words, q.json);
    if (sockets.size() == 1) return builtIn(q, sockets.front());
    why = "several control sockets in var/run: say which with --socket";
    for (const auto& s : sockets) why += "\n  " + s;
    return complain(kNoSocket, why);
}

}  // namespace persona::host::admin
