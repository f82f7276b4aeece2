#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "host/net/engine.h"
#include "host/net/reactor.h"

namespace persona::host::net {

class ClientCall;
class Listener;
class ServerConnection;
class UpstreamConnection;
class UpstreamPool;

/// Objects that died in the middle of a call into them; freed when the loop's turn ends.
struct Graveyard {
    std::vector<std::unique_ptr<ExchangeHooks>> hooks;
    std::vector<std::unique_ptr<ServerConnection>> servers;
    std::vector<std::unique_ptr<UpstreamConnection>> upstreams;
};

/// State of one loop. Everything [loop] unless tagged.
class LoopImpl final : public Loop {
  public:
    LoopImpl(unsigned index, EngineObserver& observer);
    ~LoopImpl() override;

    void post(std::function<void()> task) override { reactor.post(std::move(task)); }
    [[nodiscard]] bool isCurrent() const override { return reactor.isCurrent(); }
    [[nodiscard]] unsigned index() const override { return index_; }
    std::function<void()> after(milliseconds delay, std::function<void()> task) override {
        return reactor.after(delay.count() * 1'000'000, std::move(task));
    }

    /// "Date" field value of this second.
    [[nodiscard]] std::string_view date();
    /// Out of descriptors: closes the connection that has waited longest without a complete
    /// request, here or, by message, on the other loops. False: none here.
    bool makeRoom();
    /// Counts, and says why in the log: a few lines a second, the rest as a number.
    void fault(std::string_view counter, std::string_view text);
    bool evictHere();
    /// Ends every client call with `detail`. [loop]
    void failCalls(const std::string& detail);

    Reactor reactor;
    EngineObserver& observer;
    std::vector<char> read_buffer;      ///< shared by all client connections of the loop
    std::vector<char> upstream_buffer;  ///< and by all upstream connections
    std::string head_scratch;           ///< heads are built here
    Graveyard graveyard, dead;
    std::vector<std::unique_ptr<UpstreamPool>> pools;  ///< by UpstreamGroup::index
    std::vector<Listener*> listeners;
    std::vector<LoopImpl*> peers;  ///< the other loops
    std::unordered_set<ClientCall*> calls;
    bool draining = false;
    bool patient = false;  ///< draining, while a successor accepts: nobody is sent away unannounced
    std::atomic<std::uint64_t> exchanges{0};

  private:
    unsigned index_;
    std::int64_t date_second_ = -1, fault_second_ = -1;
    unsigned faults_ = 0;
    std::string date_;
};

}  // namespace persona::host::net
