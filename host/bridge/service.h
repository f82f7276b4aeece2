#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "host/bridge/command.h"
#include "host/bridge/runtime.h"
#include "host/bridge/tap.h"

namespace persona::host::bridge {

class Chain;
class Pin;

/// A role: a plugin's instance, its routes, its chain. Gets the requests of its listeners.
class Service final : public net::Dispatcher {
  public:
    Service(Runtime& runtime, config::ServiceSettings settings);
    ~Service() override;

    /// [control] Steps in order; empty, or what failed.
    std::string create(std::shared_ptr<const module::Image> image,
                       std::unique_ptr<config::PluginConfig> options);
    std::string activate();
    void deactivate();

    void dispatch(net::ExchangePtr exchange) override;
    /// [loop] Starts a stream; pin nullptr: no chain, as for another plugin of this process.
    void attach(const net::ExchangePtr& exchange, Pin* pin);
    [[nodiscard]] const psn_route* match(std::string_view method, std::string_view path) const;
    /// [control] Sends the chain to every loop; requests under way keep theirs. `done` is called on
    /// each loop when it has swapped.
    void publish(const Chain& chain, const std::shared_ptr<const void>& generation,
                 const std::function<void()>& done = {});
    /// [control] The loops have ended: lets go of the chains.
    void dropChains();
    /// [loop] Counts an answer under this service's name, and by route and status class. `route`:
    /// one of this service's, or nullptr when it had none.
    void measure(const net::Summary& summary, const psn_route* route) const;

    /// What passes here, for a generation that is being tried.
    [[nodiscard]] Tap& tap() { return tap_; }
    [[nodiscard]] Runtime& runtime() const { return runtime_; }
    [[nodiscard]] const std::string& id() const { return settings_.id; }
    [[nodiscard]] const PluginTag* tag() const { return tag_; }
    [[nodiscard]] const config::ServiceSettings& settings() const { return settings_; }
    [[nodiscard]] psn_rc handle(std::uint32_t route_id, psn_stream* stream) const;
    [[nodiscard]] const module::Image& image() const { return *image_; }
    /// What operators can ask it for (psn.admin/1).
    [[nodiscard]] const std::vector<CommandInfo>& commands() const { return commands_; }
    /// [executor] Runs commands()[index].
    [[nodiscard]] CommandAnswer run(std::size_t index, const CommandRequest& request) const;

  private:
    static bool isHeartbeat(const net::Exchange& exchange, bool& deep);
    void heartbeat(const net::ExchangePtr& exchange, bool deep);
    /// [executor] What its own health says is wrong; empty: nothing.
    [[nodiscard]] std::string illness(bool deep) const;
    std::string readCommands();
    Runtime& runtime_;
    config::ServiceSettings settings_;
    std::unique_ptr<PluginContext> context_;
    std::unique_ptr<config::PluginConfig> options_;
    std::shared_ptr<const module::Image> image_;
    const psn_http_service_factory* factory_ = nullptr;
    psn_instance* instance_ = nullptr;
    const psn_route* routes_ = nullptr;
    std::uint32_t route_count_ = 0;
    const psn_admin_plugin* admin_ = nullptr;
    std::vector<CommandInfo> commands_;
    bool active_ = false;
    Tap tap_;
    void declareMetrics();
    psn_metric *response_time_ = nullptr, *responses_[600] = {};
    std::vector<std::array<psn_metric*, 5>> by_route_;  ///< of 1xx to 5xx; the last: no route
    const PluginTag* tag_ = nullptr;
    /// One for each loop, touched only there once the loops run.
    std::vector<Pin*> pins_;
};

/// A call to a service of this process, without a socket. `done` is called once, on the loop.
void callInproc(Runtime& runtime, Service& service, net::ClientRequest request,
                std::function<void(net::ClientResult)> done);

}  // namespace persona::host::bridge
