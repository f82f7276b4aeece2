#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "host/bridge/runtime.h"

namespace persona::host::bridge {

/// A member of a chain: a plugin's instance, or one of the host's own ("access-log", "statsd").
class Filter {
  public:
    config::FilterSettings settings;
    const psn_http_filter_factory* factory = nullptr;  ///< nullptr: built in
    psn_instance* instance = nullptr;
    psn_filter_body modes{};
    std::shared_ptr<const module::Image> image;
    std::unique_ptr<PluginContext> context;
    std::unique_ptr<config::PluginConfig> options;

    /// Breaker (plugin-host 3.2): 5 faults in a row, or over 5 % of 200 and more calls in 10 s,
    /// open it for 30 s.
    [[nodiscard]] bool isOpen(std::int64_t now_ns);
    void called(std::int64_t now_ns);
    void succeeded() { in_a_row_.store(0, std::memory_order_relaxed); }
    /// True when this fault opened the breaker.
    bool failed(std::int64_t now_ns);
    ~Filter();
    Filter() = default;
    Filter(const Filter&) = delete;
    Filter& operator=(const Filter&) = delete;
    bool active = false;

  private:
    std::atomic<std::uint32_t> in_a_row_{0}, calls_{0}, faults_{0};
    std::atomic<std::int64_t> window_start_ns_{0}, open_until_ns_{0};
};

/// The filters in front of a service; immutable, shared by the requests that started with it.
class Chain {
  public:
    std::uint64_t generation = 0;
    std::vector<std::unique_ptr<Filter>> filters;
    bool request_stream = false, request_buffer = false, response_stream = false;
    std::uint64_t request_max = 0;
    bool access_log = false, statsd = false;
};

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
    /// [loop] Another plugin of this process asks; no chain.
    void dispatchInproc(const net::ExchangePtr& exchange);
    [[nodiscard]] const psn_route* match(std::string_view method, std::string_view path) const;
    [[nodiscard]] std::shared_ptr<const Chain> chain(const net::Loop& loop) const;
    /// [control] Sends the chain to every loop; requests under way keep theirs.
    void publish(std::shared_ptr<const Chain> chain);

    [[nodiscard]] Runtime& runtime() const { return runtime_; }
    [[nodiscard]] const std::string& id() const { return settings_.id; }
    [[nodiscard]] const config::ServiceSettings& settings() const { return settings_; }
    [[nodiscard]] psn_rc handle(std::uint32_t route_id, psn_stream* stream) const;
    [[nodiscard]] const module::Image& image() const { return *image_; }
    [[nodiscard]] PluginContext& context() { return *context_; }

    psn_metric *response_time = nullptr, *responses[600] = {};

  private:
    void heartbeat(const net::ExchangePtr& exchange, bool deep);
    Runtime& runtime_;
    config::ServiceSettings settings_;
    std::unique_ptr<PluginContext> context_;
    std::unique_ptr<config::PluginConfig> options_;
    std::shared_ptr<const module::Image> image_;
    const psn_http_service_factory* factory_ = nullptr;
    psn_instance* instance_ = nullptr;
    const psn_route* routes_ = nullptr;
    std::uint32_t route_count_ = 0;
    bool active_ = false;
    /// One pointer for each loop, touched only there once the loops run.
    std::vector<std::shared_ptr<const Chain>> chains_;
    std::shared_ptr<const Chain> initial_;
};

/// [control] Builds the chain of a service: creates and activates every filter; on the first error
/// all is undone and the text says why.
[[nodiscard]] std::shared_ptr<const Chain> buildChain(
    Runtime& runtime, const config::ServiceSettings& service, std::uint64_t generation,
    module::Store& store, const std::string& plugin_dir, config::Document& document,
    const YAML::Node& common, std::set<std::string>& used_common, std::string& error);

/// A call to a service of this process, without a socket. `done` is called once, on the loop.
void callInproc(Runtime& runtime, Service& service, net::ClientRequest request,
                std::function<void(net::ClientResult)> done);

/// Path of a module named in the configuration.
[[nodiscard]] std::string modulePath(const std::string& plugin_dir, const std::string& module);

}  // namespace persona::host::bridge
