#pragma once

#include <atomic>
#include <mutex>
#include <unordered_map>

#include "host/net/loop_impl.h"
#include "host/net/transport.h"

namespace persona::host::net {

/// A listener as all loops share it: settings, TLS, and the counts behind its caps.
struct ListenerShared {
    ListenerSettings settings;
    std::shared_ptr<Dispatcher> dispatcher;
    std::shared_ptr<TlsContext> tls;  ///< swapped under tls_mutex
    std::mutex tls_mutex;
    SocketAddress address;
    std::vector<Cidr> trusted;
    bool trust_unix = false;
    std::atomic<std::uint32_t> connections{0};
    std::atomic<unsigned short> port{0};
    bool owns_path = false;  ///< of a unix socket: the file goes with us
    std::mutex address_mutex;
    std::unordered_map<std::uint64_t, std::uint32_t> per_address;
    void removePath() const;  ///< when it is ours
    [[nodiscard]] std::shared_ptr<TlsContext> tlsContext() {
        const std::lock_guard lock(tls_mutex);
        return tls;
    }
};

class ServerConnection;

/// Connections in the order in which they came to wait, through links of their own. [loop]
class WaitingList {
  public:
    void add(ServerConnection& connection);
    void remove(ServerConnection& connection);
    [[nodiscard]] ServerConnection* oldest() const { return first_; }

  private:
    ServerConnection *first_ = nullptr, *last_ = nullptr;
};

/// The accepting socket of one listener on one loop, and the connections that it made.
class Listener final : public EventHandler {
  public:
    Listener(LoopImpl& loop, std::shared_ptr<ListenerShared> shared, Fd fd);
    ~Listener();
    [[nodiscard]] bool start();  ///< false with errno
    void stop();                 ///< no more accepts; connections end as Engine::drain says
    void closeAll();
    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] std::size_t size() const { return connections_.size(); }
    [[nodiscard]] ListenerShared& shared() { return *shared_; }
    void removed(ServerConnection& connection);
    /// Those without a complete request are the ones to go when all is taken: first those that are
    /// in the middle of a head or never sent one, then those that rest between requests; the one
    /// that waits longest goes, not the newcomer.
    WaitingList headless, resting;
    [[nodiscard]] ServerConnection* candidate() const {
        return headless.oldest() != nullptr ? headless.oldest() : resting.oldest();
    }
    bool evictOldest();

  private:
    void onEvents(std::uint32_t events) override;
    [[nodiscard]] bool admit(std::uint64_t key);
    void discount(std::uint64_t key);
    void pauseAccepting();
    void sweep();  ///< while draining: idle connections close
    LoopImpl& loop_;
    std::shared_ptr<ListenerShared> shared_;
    Fd fd_;
    bool stopped_ = false, paused_ = false;
    std::function<void()> cancel_pause_;
    std::vector<std::unique_ptr<ServerConnection>> connections_;
};

}  // namespace persona::host::net
