#pragma once

#include <string>

namespace persona::host::app {

/// Takes from this process, all its threads and for good, what a role needs only until it serves:
/// new sockets and connections, programs and child processes, new executable memory, looking into
/// or signalling other processes, and the rarer ways into the kernel. Each then fails with EPERM.
/// Listening sockets that are open go on accepting. No core is written any more, and processes of
/// the same user may not read the memory.
///
/// [control] once, when every listener is open and every plugin active. Empty: done; else why not.
[[nodiscard]] std::string lockDown();

}  // namespace persona::host::app
