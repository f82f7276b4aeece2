#pragma once

#include <persona/abi/config.h>
#include <persona/abi/ext/clock.h>
#include <persona/abi/ext/counters.h>
#include <persona/abi/ext/draft/rates.h>
#include <persona/abi/ext/executor.h>
#include <persona/abi/ext/http_client.h>
#include <persona/abi/ext/log.h>
#include <persona/abi/ext/metrics.h>
#include <persona/abi/ext/timer.h>
#include <persona/abi/stream.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

/// A table of the fake psn.counters/1: a map, without a bound that matters to a test.
struct psn_counter_table {
    psn_counter_spec spec{};
    struct Entry {
        double previous = 0, current = 0;
        std::int64_t window = 0, touched_ns = 0;
        std::uint32_t flag = 0;
    };
    std::mutex mutex;
    std::map<std::string, Entry, std::less<>> entries;
};

/// A table of the fake psn.rates: for each key and rule the time until which its budget is spent.
struct psn_rate_table {
    std::mutex mutex;
    std::map<std::pair<std::uint64_t, std::uint32_t>, std::int64_t> until_ms;
};

struct psn_metric {
    std::uint32_t kind = 0;
    std::int64_t value = 0;
    std::uint64_t observations = 0;
};

namespace persona::testing {

/// The host's side of the ABI, played in memory.
class FakeHost {
  public:
    FakeHost();
    ~FakeHost();
    FakeHost(const FakeHost&) = delete;
    FakeHost& operator=(const FakeHost&) = delete;

    [[nodiscard]] const psn_host* host() const { return &host_; }
    [[nodiscard]] static FakeHost& of(const psn_host* host) {
        return *static_cast<FakeHost*>(host->reserved);
    }
    void advance(std::int64_t ns);
    /// Waits until the executor is idle; called before an instance ends.
    void drainExecutor();
    void cancelTimers();
    /// Of the instances of that generation and before.
    void cancelTimers(unsigned generation);
    /// From now on timers belong to the next generation; those of the ones before rest.
    unsigned nextGeneration();
    [[nodiscard]] std::size_t timers() const;
    /// Keyed hash with which facts stand for addresses; never 0.
    [[nodiscard]] std::uint64_t keyOf(std::string_view text) const;

    mutable std::mutex mutex;  ///< of everything below
    std::int64_t now_ns = 1'000'000'000, wall_ms = 1'700'000'000'000;
    std::vector<std::string> log;
    std::map<std::string, std::unique_ptr<psn_metric>, std::less<>> metrics;
    std::map<std::string, std::unique_ptr<psn_counter_table>, std::less<>> tables;
    std::map<std::string, std::unique_ptr<psn_rate_table>, std::less<>> rates;
    std::deque<std::pair<unsigned, std::string>> client_answers;
    std::vector<std::string> client_requests;  ///< "POST upstream target"
    std::uint64_t random_state = 0x9e3779b97f4a7c15ULL;

  private:
    friend struct Tables;
    struct Timer {
        std::int64_t due_ns = 0;
        std::uint64_t period_ms = 0;
        unsigned generation = 0;
        psn_timer_fn fn = nullptr;
        void* user = nullptr;
    };
    struct Work {
        psn_work_fn fn = nullptr;
        void* user = nullptr;
    };
    void work();

    psn_host host_{};
    std::map<std::uint64_t, Timer> timers_;
    std::uint64_t next_timer_ = 1;
    unsigned generation_ = 1;
    std::condition_variable work_ready_, work_done_;
    std::deque<Work> queue_;
    unsigned busy_ = 0;
    bool stop_ = false;
    std::vector<std::thread> workers_;
};

/// The table psn.stream/1 of the fake streams (fake_stream.cpp).
[[nodiscard]] const psn_stream_api* streamApi();
/// The table psn.rates (fake_rates.cpp).
[[nodiscard]] const psn_rates_api* ratesApi();
/// The table psn.config/1 (options.cpp).
[[nodiscard]] const psn_config_api* configApi();

}  // namespace persona::testing
