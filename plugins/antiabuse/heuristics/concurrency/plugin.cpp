#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <persona/sdk/heuristic.hpp>
#include <thread>
#include <utility>

#include "libs/abuse/keys.h"

/// How many requests are under way at once (anti-abuse.md 3.2 "concurrency", 3.3 for passwords).
namespace persona::antiabuse {

/// Gauges for any number of keys in a fixed room: each key counts in two places of one cache line
/// and has the lower count. Another key in one of them does no harm; in both it can only make the
/// count too high, and by as much as is under way at this moment.
class Gauges {
  public:
    std::uint32_t up(std::uint64_t key) {
        const auto [a, b] = of(key);
        const auto first = a->fetch_add(1, std::memory_order_relaxed) + 1;
        return std::min(first, b->fetch_add(1, std::memory_order_relaxed) + 1);
    }
    void down(std::uint64_t key) {
        const auto [a, b] = of(key);
        a->fetch_sub(1, std::memory_order_relaxed);
        b->fetch_sub(1, std::memory_order_relaxed);
    }
    void prefetch(std::uint64_t key) const { __builtin_prefetch(&(*lines_)[key % kLines], 1); }

  private:
    static constexpr std::size_t kLines = 4'096, kInLine = 16;
    using Gauge = std::atomic<std::uint32_t>;
    struct alignas(64) Line {
        std::array<Gauge, kInLine> gauges{};
    };
    /// The line by the lower bits, the two places by the upper ones; never the same place twice.
    std::pair<Gauge*, Gauge*> of(std::uint64_t key) {
        auto& line = (*lines_)[key % kLines].gauges;
        const auto a = key >> 60, apart = 1 + (key >> 32) % (kInLine - 1);
        return {&line[a], &line[(a + apart) % kInLine]};
    }
    std::unique_ptr<std::array<Line, kLines>> lines_ = std::make_unique<std::array<Line, kLines>>();
};

class Concurrency final : public sdk::Heuristic {
  public:
    static std::vector<psn_option> options() {
        using sdk::option;
        return {
            option("prefix", PSN_OPT_INT, "16",
                   "requests under way of a prefix, or of a browser that is known", 0, 1, 100'000),
            option("credit", PSN_OPT_DOUBLE, "0.2",
                   "more of them, by this share, for each account that signed in from the prefix"),
            option("credit_most", PSN_OPT_INT, "20", "at most by so many times", 0, 0, 1'000),
            option("hashing.workers", PSN_OPT_INT, "0",
                   "passwords that the roles hash at once; 0: processors of this machine", 0, 0,
                   1'024),
            option("hashing.wait", PSN_OPT_DURATION, "2s",
                   "longest wait for a hash that is still queued for", 0, 10, 60'000),
            option("hashing.strangers", PSN_OPT_DOUBLE, "0.5",
                   "share of it for those whom nobody knows")};
    }

    Concurrency(const psn_host* h, const psn_config* c)
        : Heuristic(h, c),
          prefix_(static_cast<double>(config.num("prefix"))),
          credit_(config.real("credit")),
          credit_most_(static_cast<double>(config.num("credit_most"))),
          workers_(config.num("hashing.workers") != 0
                       ? static_cast<double>(config.num("hashing.workers"))
                       : std::max(1U, std::thread::hardware_concurrency())),
          wait_us_(static_cast<double>(config.num("hashing.wait")) * 1'000),
          strangers_(config.real("hashing.strangers")) {
        if (!(strangers_ > 0 && strangers_ <= 1))
            throw std::runtime_error("hashing.strangers: expected more than 0 and at most 1");
    }

    void prepare(const sdk::Facts& f) const { gauges_.prefetch(keyOf(f)); }

    /// Gauges go up in any case and come down in observe().
    sdk::Verdict evaluate(const sdk::Facts& f) override {
        const auto under_way = gauges_.up(keyOf(f));
        const bool hashes = f.isCostly(PSN_TRAIT_HASHES), stranger = !f.isFamiliar();
        std::int64_t hashing = 0;
        if (hashes) hashing = hashing_[stranger ? 1 : 0].fetch_add(1) + 1;
        // What is under way for a relying party is many people's; it has limits of its own.
        if (f.is(PSN_FACT_TRUSTED) || f.routeClass() == PSN_ROUTE_VERIFY)
            return sdk::Verdict::abstain();
        const double most = prefix_ * (abuse::creditFactor(f.credit(), credit_, credit_most_));
        if (under_way > most)
            return sdk::Verdict::throttle(1'000, "under_way")
                .by(keyOf(f))
                .of(static_cast<std::uint32_t>(most), under_way, 1'000);
        if (!hashes) return sdk::Verdict::abstain();
        // Strangers wait in their own queue: what they may fill of it is their share.
        const auto mean = mean_us_.load(std::memory_order_relaxed);
        const double wait = static_cast<double>(hashing) * mean / workers_;
        const double allowed = wait_us_ * (stranger ? strangers_ : 1);
        const auto hints = stranger ? PSN_HINT_UNTRUSTED : 0U;
        if (mean != 0 && wait > allowed && hashing > static_cast<std::int64_t>(workers_))
            return sdk::Verdict::shed(
                       static_cast<std::uint32_t>(std::max(1'000.0, (wait - allowed) / 1'000)),
                       stranger ? "hashing_strangers" : "hashing")
                .of(static_cast<std::uint32_t>(allowed / 1'000),
                    static_cast<std::uint32_t>(wait / 1'000), 1'000);
        return sdk::Verdict::abstain().hinting(hints);
    }

    void observe(const sdk::Facts& f, const sdk::Outcome& o) override {
        gauges_.down(keyOf(f));
        if (!f.isCostly(PSN_TRAIT_HASHES)) return;
        hashing_[f.isFamiliar() ? 0 : 1].fetch_sub(1);
        if (o.isRefused() || o.raw().cost_us < 1'000) return;
        const auto old = mean_us_.load(std::memory_order_relaxed);
        const auto us = static_cast<double>(o.raw().cost_us);
        mean_us_.store(old == 0 ? us : old + (us - old) / 16, std::memory_order_relaxed);
    }

    std::optional<std::string> command(std::string_view words) override {
        if (words != "show") return std::nullopt;
        return "{\"hashing_known\":" + std::to_string(hashing_[0].load()) +
               ",\"hashing_strangers\":" + std::to_string(hashing_[1].load()) +
               ",\"mean_hash_us\":" + std::to_string(static_cast<std::int64_t>(mean_us_.load())) +
               "}";
    }

  private:
    static std::uint64_t keyOf(const sdk::Facts& f) {
        return f.sessionKey() != 0 ? f.sessionKey() : f.prefixKey(0);
    }
    Gauges gauges_;
    const double prefix_, credit_, credit_most_, workers_, wait_us_, strangers_;
    std::array<std::atomic<std::int64_t>, 2> hashing_{};  ///< known, strangers
    std::atomic<double> mean_us_{0};
};

}  // namespace persona::antiabuse

PSN_HEURISTIC_PLUGIN(
    persona::antiabuse::Concurrency,
    R"({"id":"concurrency","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["heuristic"],"sdk":"1.0","hot_swap":true})")
