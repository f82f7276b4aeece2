#pragma once

#include <persona/abi/ext/admin.h>

#include <cstdint>
#include <string>
#include <vector>

namespace persona::host::bridge {

/// A command that a role offers to operators (psn.admin/1).
struct CommandInfo {
    std::string name, arguments, help;
    std::uint32_t min_arguments = 0, max_arguments = 0;
    bool changes = false;
};

struct CommandRequest {
    std::vector<std::string> arguments;
    bool json = false;
    std::string from;  ///< who asks, for the log
};

struct CommandAnswer {
    psn_rc rc = PSN_FAIL;
    std::string text;   ///< what it said, also before it failed
    std::string error;  ///< unless PSN_OK: why, and what to do
};

}  // namespace persona::host::bridge
