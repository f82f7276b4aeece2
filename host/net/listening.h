#pragma once

#include <string>
#include <vector>

#include "host/net/listener.h"

namespace persona::host::net {

// How a listener comes by its sockets. Both set the address and the port that it really has, and
// return an empty text, or what failed and the remedy. [control]

/// Opens a socket for each loop, or one for all where it is a file.
[[nodiscard]] std::string openSockets(ListenerShared& shared, std::size_t loops,
                                      std::vector<Fd>& out);
/// Uses sockets that somebody else opened, at the address that the configuration says.
[[nodiscard]] std::string adoptSockets(ListenerShared& shared, const std::vector<Fd>& sockets);

}  // namespace persona::host::net
