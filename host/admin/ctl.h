#pragma once

#include <string>
#include <vector>

namespace persona::host::admin {

/// `persona-host ctl ...`: asks a running process through its control socket. Exit codes: 0 done, 1
/// refused by the process (the reason is printed), 64 wrong usage, 69 not reached, 78 no socket in
/// the configuration.
int ctlMain(const std::vector<std::string>& arguments);
extern const char* const kCtlUsage;

}  // namespace persona::host::admin
