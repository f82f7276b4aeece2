#include "host/net/listening.h"

#include <sys/un.h>
#include <unistd.h>

namespace persona::host::net {

namespace {

void nameOf(const Fd& fd, SocketAddress& out) {
    out.size = sizeof out.storage;
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&out.storage), &out.size);
}
std::string pathOf(const SocketAddress& address) {
    return reinterpret_cast<const sockaddr_un*>(&address.storage)->sun_path;
}

}  // namespace

std::string openSockets(ListenerShared& shared, std::size_t loops, std::vector<Fd>& out) {
    const auto& l = shared.settings;
    const bool local = shared.address.family() == AF_UNIX;
    std::string error;
    // A first socket without SO_REUSEPORT finds another process on the port; with it, the
    // kernel would share the port between the two in silence.
    if (!local && shared.address.port() != 0)
        if (!listenOn(shared.address, l.address, false, l.unix_mode, error).valid()) return error;
    for (std::size_t i = 0; i < (local ? 1 : loops); ++i) {
        Fd fd = listenOn(shared.address, l.address, !local, l.unix_mode, error);
        if (!fd.valid()) return error;
        if (!local) nameOf(fd, shared.address);
        out.push_back(std::move(fd));
    }
    shared.port = local ? 0 : shared.address.port();
    shared.owns_path = local;
    return "";
}

std::string adoptSockets(ListenerShared& shared, const std::vector<Fd>& sockets) {
    SocketAddress is;
    nameOf(sockets.front(), is);
    const auto& expected = shared.address;
    const bool same =
        is.family() == expected.family() &&
        (is.family() == AF_UNIX ? pathOf(is) == pathOf(expected)
                                : is.host() == expected.host() &&
                                      (expected.port() == 0 || is.port() == expected.port()));
    if (!same)
        return "the socket that was handed over is " +
               (is.family() == AF_UNIX ? pathOf(is)
                                       : is.host() + " port " + std::to_string(is.port())) +
               ", the configuration says " + shared.settings.address +
               ": make ListenStream= of the socket unit the same, or restart instead of "
               "replacing";
    shared.address = is;
    shared.port = is.family() == AF_UNIX ? 0 : is.port();
    return "";
}

void ListenerShared::removePath() const {
    if (owns_path) ::unlink(pathOf(address).c_str());
}

}  // namespace persona::host::net
