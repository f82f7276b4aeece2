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
    std::atomic<std::uint32_t> connections{0};
    std::atomic<unsigned short> port{0};
    std::mutex address_mutex;
    std::unordered_map<std::uint64_t, std::uint32_t> per_address;
    [[nodiscard]] std::shared_ptr<TlsContext> tlsContext() {
        const std::lock_guard lock(tls_mutex);
        return tls;
    }
};

class ServerConnection;

/// The accepting socket of one listener on one loop, and the connections that it made.
class Listener final : public EventHandler {
  public:
    Listener(LoopImpl& loop, std::shared_ptr<ListenerShared> shared, Fd fd);
    ~Listener();
    void start();
    void stop();  ///< no more accepts; idle connections close
    void closeAll();
    [[nodiscard]] std::size_t size() const { return connections_.size(); }
    [[nodiscard]] ListenerShared& shared() { return *shared_; }
    void removed(ServerConnection& connection);
    /// Connections without a complete request, oldest first, are the ones to go when all is taken.
    void headless(ServerConnection& connection, bool add);

  private:
    void onEvents(std::uint32_t events) override;
    bool evictOldest();
    LoopImpl& loop_;
    std::shared_ptr<ListenerShared> shared_;
    Fd fd_;
    Fd spare_;  ///< given up to accept and close when out of descriptors
    bool stopped_ = false;
    std::vector<std::unique_ptr<ServerConnection>> connections_;
    ServerConnection *headless_first_ = nullptr, *headless_last_ = nullptr;
};

}  // namespace persona::host::net
