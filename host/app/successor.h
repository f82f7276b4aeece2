#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

namespace persona::host::app {

/// A process that takes this one's place.
struct Successor {
    pid_t pid = -1;
    std::string error;  ///< empty: it serves
};

/// Runs `program arguments...` with this process's environment, outputs and the given listening
/// sockets, under the names of their listeners, and waits until it serves. When it does not, it
/// has been ended and nothing has changed. Waits at most `deadline_ms`. [control]
[[nodiscard]] Successor startSuccessor(const std::string& program,
                                       const std::vector<std::string>& arguments,
                                       const std::vector<std::pair<std::string, int>>& sockets,
                                       int deadline_ms);

/// Tells the process that started this one as its successor, if one did, that it may leave.
void announceReady();

}  // namespace persona::host::app
