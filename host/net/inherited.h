#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/net/socket.h"

namespace persona::host::net {

/// Listening sockets that this process was given instead of binding them: by its supervisor, or by
/// the process that it replaces. Both speak sd_listen_fds(3); a socket's name is the listener's.
/// [control]
class InheritedSockets {
  public:
    InheritedSockets() = default;
    /// Takes what LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES say, and removes them, so that no child
    /// believes they are its own. Call it before there are threads. `error` names what is no
    /// listening socket or has no name, and the remedy.
    static InheritedSockets fromEnvironment(std::string& error);
    /// All sockets of that name; they are gone from here.
    [[nodiscard]] std::vector<Fd> take(std::string_view name);
    /// Names that nobody took, separated by ", ".
    [[nodiscard]] std::string rest() const;

  private:
    std::vector<std::pair<std::string, Fd>> sockets_;
};

/// A copy of a descriptor that is closed at exec.
[[nodiscard]] Fd duplicate(int fd);

}  // namespace persona::host::net
