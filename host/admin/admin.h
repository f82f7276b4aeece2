#pragma once

#include <functional>
#include <string>

#include "host/admin/commands.h"
#include "host/generation/manager.h"

namespace persona::host::admin {

/// Gets the pid of the process that has taken this one's place, or why none has.
using Replaced = std::function<void(int pid, const std::string& error)>;

/// What the admin side may reach. All [control] but `on_control` and `metrics`.
struct Port {
    bridge::Runtime& runtime;
    generation::Manager& generations;
    module::Store& modules;
    std::function<void(std::function<void()>)> on_control;  ///< [any]
    std::function<std::string()> metrics;                   ///< [any] Prometheus text
    std::function<void(Replaced)> replace;                  ///< [any] asks for a successor
};

/// Answers the admin listeners. The TCP one shows: GET /metrics, /generations, /__heartbeat__. The
/// unix socket, whose file permissions say who may, also changes: POST /reload[?dry_run=1],
/// /revert, /replace, /loglevel?level=L, /commands (what roles offer: commands.h),
/// /filter?to=FILTER&words=W, /heuristic (one that is tried: heuristic_trials.cpp), beside GET
/// /generations, /modules, /counters, /loglevel, /commands. JSON, but /metrics.
class Admin final : public net::Dispatcher {
  public:
    Admin(Port port, bool may_change)
        : port_(std::move(port)), may_change_(may_change), commands_(port_.runtime) {}
    void dispatch(net::ExchangePtr exchange) override;

  private:
    void route(const net::ExchangePtr& exchange);
    /// Runs `work` on a loop, where nothing may throw: 500 instead.
    template <typename Work>
    void guarded(const net::ExchangePtr& exchange, Work&& work) const;
    void answer(const net::ExchangePtr& exchange, unsigned status, const std::string& type,
                std::string body) const;
    void read(const net::ExchangePtr& exchange, const std::string& path) const;
    void change(const net::ExchangePtr& exchange, const std::string& path,
                const std::string& query);
    void command(const net::ExchangePtr& exchange);
    void tryHeuristic(const net::ExchangePtr& exchange);
    void tellFilter(const net::ExchangePtr& exchange, const std::string& query) const;
    [[nodiscard]] static std::string textOf(const generation::Outcome& outcome, bool revert);
    [[nodiscard]] static std::string errorText(const std::string& why);
    [[nodiscard]] std::string generations() const;
    [[nodiscard]] std::string modules() const;
    [[nodiscard]] std::string counters() const;
    Port port_;
    const bool may_change_;
    Commands commands_;
};

}  // namespace persona::host::admin
