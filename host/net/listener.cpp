#include "host/net/listener.h"

#include <sys/epoll.h>

#include <cerrno>

#include "host/net/server_connection.h"

namespace persona::host::net {

void WaitingList::add(ServerConnection& c) {
    c.waits_in = this;
    c.waits_since_ns = c.loopNow();
    c.older = last_;
    c.newer = nullptr;
    (last_ != nullptr ? last_->newer : first_) = &c;
    last_ = &c;
}

void WaitingList::remove(ServerConnection& c) {
    (c.older != nullptr ? c.older->newer : first_) = c.newer;
    (c.newer != nullptr ? c.newer->older : last_) = c.older;
    c.older = c.newer = nullptr;
    c.waits_in = nullptr;
}

Listener::Listener(LoopImpl& loop, std::shared_ptr<ListenerShared> shared, Fd fd)
    : loop_(loop), shared_(std::move(shared)), fd_(std::move(fd)) {
    loop_.listeners.push_back(this);
}

Listener::~Listener() {
    std::erase(loop_.listeners, this);
}

bool Listener::start() {
    return loop_.reactor.add(fd_.get(), *this, EPOLLIN);
}

void Listener::stop() {
    if (stopped_) return;
    stopped_ = true;
    if (cancel_pause_) cancel_pause_();
    if (!paused_) loop_.reactor.remove(fd_.get(), *this);
    fd_.reset();
    sweep();
}

void Listener::sweep() {
    // drain() may remove the connection from the vector: go backwards.
    for (std::size_t i = connections_.size(); i-- > 0;) connections_[i]->drain();
    if (!connections_.empty()) loop_.after(milliseconds(50), [this] { sweep(); });
}

void Listener::closeAll() {
    while (!connections_.empty()) connections_.back()->destroy();
}

/// Out of descriptors with nobody to send away on this loop: who waits stays in the backlog while
/// the other loops make room.
void Listener::pauseAccepting() {
    paused_ = true;
    loop_.reactor.remove(fd_.get(), *this);
    cancel_pause_ = loop_.after(milliseconds(20), [this] {
        cancel_pause_ = nullptr;
        paused_ = false;
        if (!start()) pauseAccepting();
    });
}

/// Counts the connection in, unless its address or the listener has no room.
bool Listener::admit(std::uint64_t key) {
    const auto& limits = shared_->settings.limits;
    {
        // The address first: who has all that is due to it must not push out others.
        const std::lock_guard lock(shared_->address_mutex);
        auto& n = shared_->per_address[key];
        if (key != 0 && n >= limits.connections_per_address) {
            loop_.fault("engine.limit.connections_per_address",
                        shared_->settings.name + ": too many connections from one address");
            return false;
        }
        ++n;
    }
    if (shared_->connections.fetch_add(1, std::memory_order_relaxed) < limits.connections)
        return true;
    loop_.fault("engine.limit.connections",
                shared_->settings.name + ": as many connections as are allowed");
    if (evictOldest()) return true;
    discount(key);
    return false;
}

void Listener::onEvents(std::uint32_t) {
    for (int i = 0; i < 64 && !stopped_; ++i) {
        SocketAddress peer;
        peer.size = sizeof peer.storage;
        Fd fd(::accept4(fd_.get(), reinterpret_cast<sockaddr*>(&peer.storage), &peer.size,
                        SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!fd.valid()) {
            if (errno != EMFILE && errno != ENFILE) return;
            loop_.fault("engine.limit.descriptors", "no file descriptor left");
            if (loop_.makeRoom()) continue;
            return pauseAccepting();
        }
        const auto key = peer.prefixKey();
        if (!admit(key)) continue;
        auto connection = std::make_unique<ServerConnection>(loop_, *this, std::move(fd), peer);
        auto* c = connection.get();
        c->address_key = key;
        c->index = connections_.size();
        connections_.push_back(std::move(connection));
        c->start();
    }
}

void Listener::discount(std::uint64_t key) {
    shared_->connections.fetch_sub(1, std::memory_order_relaxed);
    const std::lock_guard lock(shared_->address_mutex);
    const auto it = shared_->per_address.find(key);
    if (it != shared_->per_address.end() && --it->second == 0) shared_->per_address.erase(it);
}

void Listener::removed(ServerConnection& connection) {
    discount(connection.address_key);
    const auto i = connection.index;
    loop_.graveyard.servers.push_back(std::move(connections_[i]));
    if (i + 1 != connections_.size()) {
        connections_[i] = std::move(connections_.back());
        connections_[i]->index = i;
    }
    connections_.pop_back();
}

bool Listener::evictOldest() {
    auto* const c = candidate();
    if (c == nullptr) return false;
    loop_.observer.count("engine.evicted");
    c->destroy();
    return true;
}

bool LoopImpl::evictHere() {
    Listener* chosen = nullptr;
    for (auto* l : listeners) {
        const auto* c = l->candidate();
        if (c == nullptr) continue;
        const auto* best = chosen != nullptr ? chosen->candidate() : nullptr;
        const bool partial = l->headless.oldest() != nullptr;
        const bool best_partial = chosen != nullptr && chosen->headless.oldest() != nullptr;
        if (best == nullptr || (partial && !best_partial) ||
            (partial == best_partial && c->waits_since_ns < best->waits_since_ns))
            chosen = l;
    }
    return chosen != nullptr && chosen->evictOldest();
}

bool LoopImpl::makeRoom() {
    if (evictHere()) return true;
    for (auto* peer : peers) peer->post([peer] { peer->evictHere(); });
    return false;
}

}  // namespace persona::host::net
