#pragma once

#include <string>
#include <vector>

#include "host/net/engine.h"

namespace persona::host::admin {

/// One request to a control socket; waits for the answer. status 0: `detail` says why there is
/// none.
[[nodiscard]] net::ClientResult askSocket(const std::string& socket, const std::string& method,
                                          const std::string& target, const std::string& body = "");

/// Which control sockets there may be to ask: that of the configuration file, else
/// PERSONA_CONTROL_SOCKET, else every *.sock in var/run. Empty: `why` says why not.
[[nodiscard]] std::vector<std::string> findSockets(const std::string& config, std::string& why);

/// Prints what is wrong; gives `code` back.
int complain(int code, const std::string& why);

}  // namespace persona::host::admin
