#include <array>
#include <atomic>
#include <cmath>
#include <mutex>
#include <persona/sdk/heuristic.hpp>
#include <persona/sdk/siphash.hpp>

#include "libs/abuse/shards.h"

/// An alarm, no limit (anti-abuse.md 3.2 "entropy"): how evenly requests are spread over clients,
/// paths and programs. A flood from few makes the first one fall, one from very many makes it rise,
/// and both look alike in what they ask for and with what.
namespace persona::antiabuse {

class Entropy final : public sdk::Heuristic {
  public:
    static std::vector<psn_option> options() {
        using sdk::option;
        return {
            option("epoch", PSN_OPT_DURATION, "10s", "time that is looked at", 0, 1'000, 600'000),
            option("z", PSN_OPT_DOUBLE, "4", "deviations from what is usual that are an alarm"),
            option("fewest", PSN_OPT_INT, "500", "requests of an epoch that say something", 0, 10,
                   10'000'000),
            option("learn", PSN_OPT_INT, "30", "epochs before the first alarm", 0, 2, 100'000)};
    }

    Entropy(const psn_host* h, const psn_config* c)
        : Heuristic(h, c),
          epoch_ns_(config.num("epoch") * 1'000'000),
          z_(config.real("z")),
          fewest_(static_cast<std::uint64_t>(config.num("fewest"))),
          learn_(static_cast<std::uint64_t>(config.num("learn"))) {
        alarms_ = host.counter("alarms");
        for (std::size_t i = 0; i < kKinds; ++i)
            gauges_[i] = host.gauge(std::string(kNames[i]) + "_per_mille");
    }

    /// Paths and programs are few.
    void prepare(const sdk::Facts& f) const {
        __builtin_prefetch(&counts_[abuse::partOf(kParts)][0][bucket(f.prefixKey(0), 0)], 1);
    }

    sdk::Verdict evaluate(const sdk::Facts& f) override {
        roll(f.nowNs());
        const std::array<std::uint64_t, kKinds> keys{f.prefixKey(0), f.raw().path_key,
                                                     f.agentKey()};
        auto& counts = counts_[abuse::partOf(kParts)];
        for (std::size_t i = 0; i < kKinds; ++i)
            counts[i][bucket(keys[i], i)].fetch_add(1, std::memory_order_relaxed);
        total_.add(1);
        return sdk::Verdict::abstain();
    }

    std::optional<std::string> command(std::string_view words) override {
        if (words != "show") return std::nullopt;
        const std::lock_guard lock(rolling_);
        std::string out = "{\"epochs\":" + std::to_string(seen_);
        for (std::size_t i = 0; i < kKinds; ++i)
            out += ",\"" + std::string(kNames[i]) +
                   "\":{\"now\":" + std::to_string(usual_[i].last) +
                   ",\"usual\":" + std::to_string(usual_[i].mean) +
                   ",\"deviation\":" + std::to_string(std::sqrt(usual_[i].variance)) + "}";
        return out + "}";
    }

  private:
    static constexpr std::size_t kKinds = 3, kBuckets = 4'096, kParts = 4;
    using Counts = std::array<std::array<std::atomic<std::uint32_t>, kBuckets>, kKinds>;
    static constexpr std::array<const char*, kKinds> kNames{"clients", "paths", "agents"};
    struct Usual {
        double mean = 0, variance = 0, last = 0;
    };

    static std::size_t bucket(std::uint64_t key, std::size_t kind) {
        return sdk::mixed(key, kind) % kBuckets;
    }
    void roll(std::int64_t now) {
        if (now < end_.load(std::memory_order_relaxed)) return;
        const std::unique_lock lock(rolling_, std::try_to_lock);
        if (!lock.owns_lock() || now < end_.load(std::memory_order_relaxed)) return;
        const bool first = end_.exchange(now + epoch_ns_) == 0;
        const auto total = total_.take();
        std::array<double, kKinds> h{};
        for (std::size_t i = 0; i < kKinds; ++i) h[i] = takeEntropy(i, total);
        if (!first && total >= fewest_) judge(h);
    }
    /// Of 0 (one for all) to 1 (spread evenly), and the counts are cleared.
    double takeEntropy(std::size_t kind, std::uint64_t total) {
        double h = 0;
        for (std::size_t i = 0; i < kBuckets; ++i) {
            std::uint64_t n = 0;
            for (auto& part : counts_) n += part[kind][i].exchange(0, std::memory_order_relaxed);
            if (n == 0 || total == 0) continue;
            const double p = static_cast<double>(n) / static_cast<double>(total);
            h -= p * std::log2(p);
        }
        return h / std::log2(static_cast<double>(kBuckets));
    }
    /// What is an alarm does not become what is usual.
    void judge(const std::array<double, kKinds>& h) {
        constexpr double kNew = 0.05, kLeast = 0.01;
        for (std::size_t i = 0; i < kKinds; ++i) {
            auto& u = usual_[i];
            u.last = h[i];
            gauges_[i].set(static_cast<std::int64_t>(h[i] * 1'000));
            const double off = h[i] - u.mean;
            if (seen_ >= learn_ && std::abs(off) > z_ * std::max(kLeast, std::sqrt(u.variance))) {
                alarms_.add();
                host.warn("requests are spread unusually over " + std::string(kNames[i]) + ": " +
                          std::to_string(h[i]) + ", usually " + std::to_string(u.mean));
                continue;
            }
            const double by = seen_ == 0 ? 1 : std::max(kNew, 1.0 / static_cast<double>(seen_ + 1));
            u.mean += by * off;
            u.variance = seen_ == 0 ? 0 : (1 - by) * (u.variance + by * off * off);
        }
        ++seen_;
    }

    const std::int64_t epoch_ns_;
    const double z_;
    const std::uint64_t fewest_, learn_;
    std::array<Counts, kParts> counts_{};  ///< a loop writes to its own
    abuse::SharedSum total_;
    std::atomic<std::int64_t> end_{0};
    std::mutex rolling_;
    std::array<Usual, kKinds> usual_{};
    std::uint64_t seen_ = 0;
    std::array<sdk::Metric, kKinds> gauges_;
    sdk::Metric alarms_;
};

}  // namespace persona::antiabuse

PSN_HEURISTIC_PLUGIN(
    persona::antiabuse::Entropy,
    R"({"id":"entropy","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["heuristic"],"sdk":"1.0","hot_swap":true})")
