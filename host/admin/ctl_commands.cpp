#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include <iostream>
#include <sstream>

#include "host/admin/control_client.h"
#include "host/admin/ctl.h"

/// ctl's half of what roles offer to operators (commands.h is that of the process).
namespace persona::host::admin {

namespace {

using Poco::JSON::Array;
using Poco::JSON::Object;

Object::Ptr parse(const std::string& body) {
    return Poco::JSON::Parser().parse(body).extract<Object::Ptr>();
}

std::string str(const Object::Ptr& o, const char* key) {
    return o->optValue<std::string>(key, "");
}

/// Empty: that process does not answer.
Array::Ptr commandsOf(const std::string& socket) {
    const auto result = askSocket(socket, "GET", "/commands");
    if (result.status != 200) return {};
    try {
        return parse(result.body)->getArray("commands");
    } catch (const Poco::Exception&) {
        return {};
    }
}

bool has(const Array::Ptr& commands, const std::string& line) {
    for (const auto& item : *commands)
        if ((line + " ").starts_with(str(item.extract<Object::Ptr>(), "name") + " ")) return true;
    return false;
}

int runAt(const std::string& socket, const std::vector<std::string>& words, bool json) {
    Object q;
    Array list;
    for (const auto& w : words) list.add(w);
    q.set("words", list);
    q.set("json", json);
    std::ostringstream body;
    q.stringify(body);
    const auto result = askSocket(socket, "POST", "/commands", body.str());
    if (result.status == 0)
        return complain(kNotReached,
                        socket + ": " + result.detail +
                            "; does the process run, and may this user use the socket?");
    try {
        const auto o = parse(result.body);
        if (o->optValue("ok", false)) {
            std::cout << str(o, "text");
            return kDone;
        }
        return complain(o->optValue("exit", static_cast<int>(kRefused)), str(o, "error"));
    } catch (const Poco::Exception& e) {
        return complain(kNotReached, socket + " gave an answer that is none: " + e.displayText());
    }
}

}  // namespace

int listCommands(const std::vector<std::string>& sockets) {
    std::cout << kCtlUsage;
    int code = kDone;
    for (const auto& socket : sockets) {
        const auto commands = commandsOf(socket);
        if (!commands) {
            code = complain(kNotReached, socket + " does not answer; does the process run?");
            continue;
        }
        std::cout << "At " << socket << ":\n";
        for (const auto& item : *commands) {
            const auto& c = item.extract<Object::Ptr>();
            const auto arguments = str(c, "arguments");
            std::cout << "  " << str(c, "name") << (arguments.empty() ? "" : " ") << arguments
                      << "\n      " << str(c, "help") << "\n";
        }
    }
    return code;
}

int roleCommand(const std::vector<std::string>& sockets, const std::vector<std::string>& words,
                bool json) {
    if (sockets.size() == 1) return runAt(sockets.front(), words, json);
    std::string line;
    for (const auto& w : words) line += (line.empty() ? "" : " ") + w;
    std::vector<std::string> having;
    std::string silent;
    for (const auto& socket : sockets) {
        const auto commands = commandsOf(socket);
        if (!commands)
            silent += "\n  " + socket + " (does not answer)";
        else if (has(commands, line))
            having.push_back(socket);
    }
    if (having.size() == 1) return runAt(having.front(), words, json);
    if (having.empty())
        return complain(silent.empty() ? kUsage : kNotReached,
                        "no process behind a socket in var/run has a command '" + words.front() +
                            "'; persona-host ctl help lists what there is" + silent);
    std::string why = "several processes have it: say which with --socket";
    for (const auto& s : having) why += "\n  " + s;
    return complain(kNoSocket, why);
}

}  // namespace persona::host::admin
