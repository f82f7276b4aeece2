#include "host/net/listener.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>

#include "host/net/server_connection.h"

namespace persona::host::net {

Listener::Listener(LoopImpl& loop, std::shared_ptr<ListenerShared> shared, Fd fd)
    : loop_(loop),
      shared_(std::move(shared)),
      fd_(std::move(fd)),
      spare_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {}

Listener::~Listener() = default;

void Listener::start() {
    loop_.reactor.add(fd_.get(), *this, EPOLLIN);
}

void Listener::stop() {
    if (stopped_) return;
    stopped_ = true;
    loop_.reactor.remove(fd_.get(), *this);
    fd_.reset();
    // drain() may remove the connection from the vector: go backwards.
    for (std::size_t i = connections_.size(); i-- > 0;) connections_[i]->drain();
}

void Listener::closeAll() {
    while (!connections_.empty()) connections_.back()->destroy();
}

void Listener::onEvents(std::uint32_t) {
    const auto& limits = shared_->settings.limits;
    for (int i = 0; i < 64 && !stopped_; ++i) {
        SocketAddress peer;
        peer.size = sizeof peer.storage;
        Fd fd(::accept4(fd_.get(), reinterpret_cast<sockaddr*>(&peer.storage), &peer.size,
                        SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!fd.valid()) {
            if (errno != EMFILE && errno != ENFILE) return;
            loop_.observer.count("engine.limit.descriptors");
            if (evictOldest()) continue;
            // Nobody to send away: take the newcomer with the spare descriptor and close it, so
            // that the listening socket does not spin.
            spare_.reset();
            const Fd turned_away(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            spare_ = Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
            return;
        }
        if (shared_->connections.load(std::memory_order_relaxed) >= limits.connections) {
            loop_.observer.count("engine.limit.connections");
            if (!evictOldest()) continue;
        }
        const auto key = peer.prefixKey();
        {
            const std::lock_guard lock(shared_->address_mutex);
            auto& n = shared_->per_address[key];
            if (key != 0 && n >= limits.connections_per_address) {
                loop_.observer.count("engine.limit.connections_per_address");
                continue;
            }
            ++n;
        }
        shared_->connections.fetch_add(1, std::memory_order_relaxed);
        auto connection = std::make_unique<ServerConnection>(loop_, *this, std::move(fd), peer);
        auto* c = connection.get();
        c->address_key = key;
        c->index = connections_.size();
        connections_.push_back(std::move(connection));
        c->start();
    }
}

void Listener::removed(ServerConnection& connection) {
    shared_->connections.fetch_sub(1, std::memory_order_relaxed);
    {
        const std::lock_guard lock(shared_->address_mutex);
        const auto it = shared_->per_address.find(connection.address_key);
        if (it != shared_->per_address.end() && --it->second == 0) shared_->per_address.erase(it);
    }
    const auto i = connection.index;
    loop_.graveyard.servers.push_back(std::move(connections_[i]));
    if (i + 1 != connections_.size()) {
        connections_[i] = std::move(connections_.back());
        connections_[i]->index = i;
    }
    connections_.pop_back();
}

void Listener::headless(ServerConnection& c, bool add) {
    if (c.is_headless == add) return;
    c.is_headless = add;
    if (add) {
        c.older = headless_last_;
        c.newer = nullptr;
        (headless_last_ != nullptr ? headless_last_->newer : headless_first_) = &c;
        headless_last_ = &c;
    } else {
        (c.older != nullptr ? c.older->newer : headless_first_) = c.newer;
        (c.newer != nullptr ? c.newer->older : headless_last_) = c.older;
        c.older = c.newer = nullptr;
    }
}

bool Listener::evictOldest() {
    if (headless_first_ == nullptr) return false;
    loop_.observer.count("engine.evicted");
    headless_first_->destroy();
    return true;
}

}  // namespace persona::host::net
