#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "host/bridge/heuristics.h"

namespace persona::host::bridge {

/// A member of a chain: a plugin's instance, or one of the host's own ("access-log", "statsd"),
/// which are flags of the chain and have no factory.
class Filter final : public Member {
  public:
    using Member::Member;
    ~Filter() override { retire(); }
    const psn_http_filter_factory* factory = nullptr;
    psn_filter_body modes{};
    std::int64_t pause_deadline_ms = 250;
    Tally request_over, response_over;  ///< bodies larger than the buffer that it asked for
    [[nodiscard]] bool isBuiltIn() const { return factory == nullptr; }
    static constexpr std::uint64_t kLargestBuffer = 16ULL << 20;

  private:
    std::string adopt(const psn_plugin_entry& entry, Lifecycle& out, const psn_option*& options,
                      std::size_t& count) override;
    std::string created() override;
};

/// How bodies of one direction pass a chain: not at all, in pieces as they come, or held until all
/// is there and then through one filter after the other.
enum class BodyMode { None, Stream, Whole };

/// The filters in front of one service in one generation; read-only while requests use it.
class Chain {
  public:
    explicit Chain(unsigned loops) : in_flight(loops + 1) {}
    std::string service;
    std::uint64_t generation = 0;
    std::vector<std::unique_ptr<Filter>> filters;
    BodyMode request_mode = BodyMode::None, response_mode = BodyMode::None;
    std::uint64_t request_max = 0;   ///< octets; Whole only: the largest that a filter takes
    std::uint64_t response_max = 0;  ///< octets; Whole only: the smallest bound
    bool access_log = false, statsd = false;

    /// Requests of one loop that are under way; written by that loop alone.
    struct alignas(64) Cell {
        std::atomic<std::uint64_t> count{0};
    };
    mutable std::vector<Cell> in_flight;
    [[nodiscard]] std::uint64_t inFlight() const;
};

/// A loop's hold on a chain: one for each loop and publication. The last request that leaves a
/// retired pin frees it, on its loop, and with it the loop's share of the generation. [loop]
class Pin {
  public:
    Pin(const Chain& chain, std::shared_ptr<const void> generation, unsigned loop)
        : chain_(chain), generation_(std::move(generation)), cell_(chain.in_flight[loop].count) {}
    [[nodiscard]] const Chain& chain() const { return chain_; }
    void enter() {
        ++users_;
        cell_.store(cell_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    void leave() {
        cell_.store(cell_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
        if (--users_ == 0 && retired_) delete this;
    }
    /// No more requests will enter.
    void retire() {
        retired_ = true;
        if (users_ == 0) delete this;
    }

  private:
    ~Pin() = default;
    const Chain& chain_;
    std::shared_ptr<const void> generation_;
    std::atomic<std::uint64_t>& cell_;
    std::uint64_t users_ = 0;
    bool retired_ = false;
};

/// [control] Builds the chain of a service: creates every filter. The text says what failed; what
/// was created is put away with the chain.
[[nodiscard]] std::string buildChain(BuildContext& context, const config::ServiceSettings& service,
                                     Chain& chain);
/// [control] The same for the heuristics of a generation.
[[nodiscard]] std::string buildHeuristics(BuildContext& context,
                                          const std::vector<config::HeuristicSettings>& settings,
                                          Heuristics& out);

}  // namespace persona::host::bridge
