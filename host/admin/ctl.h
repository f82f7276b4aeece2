#pragma once

#include <Poco/JSON/Object.h>

#include <string>
#include <vector>

namespace persona::host::admin {

/// Exit codes of ctl (sysexits.h).
enum Exit {
    kDone = 0,
    kRefused = 1,      ///< by the process; the reason is printed
    kUsage = 64,       ///< wrong usage, or no such command
    kNotReached = 69,  ///< the process, or what it works with
    kNoSocket = 78     ///< none in the configuration
};

/// `persona-host ctl ...`: asks a running process through its control socket.
int ctlMain(const std::vector<std::string>& arguments);
extern const char* const kCtlUsage;

/// A command that no part of the host knows: the role that offers it answers (psn.admin/1). Among
/// several sockets the one whose process has it is asked.
int roleCommand(const std::vector<std::string>& sockets, const std::vector<std::string>& words,
                bool json);
/// `aa ...`, to the one socket: words to the anti-abuse filter, and heuristics that are tried.
int abuseCommand(const std::vector<std::string>& words, bool json, const std::string& socket);
/// The answer to a reload.
void showOutcome(const Poco::JSON::Object::Ptr& outcome);
/// Prints what the roles behind those sockets offer.
int listCommands(const std::vector<std::string>& sockets);

}  // namespace persona::host::admin
