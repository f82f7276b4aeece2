#include <algorithm>
#include <memory>
#include <mutex>
#include <persona/sdk/heuristic.hpp>
#include <thread>

#include "libs/abuse/keys.h"
#include "libs/abuse/shards.h"
#include "plugins/antiabuse/heuristics/heavy/sketch.h"

/// The few that ask for most of what there is (anti-abuse.md 3.2 "heavy"), by requests and by
/// processor time, when the service is near its bounds; they go into the penalty box.
namespace persona::antiabuse {

class Heavy final : public sdk::Heuristic {
  public:
    static std::vector<psn_option> options() {
        using sdk::option;
        return {
            option("epoch", PSN_OPT_DURATION, "10s", "time that is looked at", 0, 1'000, 600'000),
            option("capacity", PSN_OPT_INT, "1000",
                   "requests a second for strangers that the service is made for", 0, 1,
                   10'000'000),
            option("processors", PSN_OPT_INT, "0",
                   "processors of the roles; 0: as many as this machine has", 0, 0, 4'096),
            option("busy", PSN_OPT_DOUBLE, "0.7", "share of either from which anybody is heavy"),
            option("share", PSN_OPT_DOUBLE, "0.05", "share of the traffic that is heavy"),
            option("times_median", PSN_OPT_INT, "8", "and so many times what the others ask for", 0,
                   1, 10'000),
            option("per_second", PSN_OPT_INT, "20", "and at least so many requests a second", 0, 1,
                   1'000'000),
            option("credit", PSN_OPT_DOUBLE, "0.2",
                   "more, by this share, for each account that signed in from the prefix"),
            option("credit_most", PSN_OPT_INT, "20", "at most by so many times", 0, 0, 1'000),
            option("box", PSN_OPT_DURATION, "30s", "stay in the penalty box", 0, 1'000, 900'000)};
    }

    Heavy(const psn_host* h, const psn_config* c)
        : Heuristic(h, c),
          epoch_ns_(config.num("epoch") * 1'000'000),
          seconds_(static_cast<double>(config.num("epoch")) / 1'000),
          share_(config.real("share")),
          credit_(config.real("credit")),
          credit_most_(static_cast<double>(config.num("credit_most"))),
          times_median_(static_cast<std::uint32_t>(config.num("times_median"))),
          box_ms_(static_cast<std::uint32_t>(config.num("box"))) {
        const auto busy = config.real("busy");
        const auto processors =
            config.num("processors") != 0
                ? static_cast<double>(config.num("processors"))
                : static_cast<double>(std::max(1U, std::thread::hardware_concurrency()));
        requests_.busy = busy * static_cast<double>(config.num("capacity")) * seconds_;
        requests_.floor =
            static_cast<std::uint32_t>(static_cast<double>(config.num("per_second")) * seconds_);
        // Costs in units of 100 us; the floor is a twentieth of one processor.
        costs_.busy = busy * processors * seconds_ * 10'000;
        costs_.floor = static_cast<std::uint32_t>(seconds_ * 500);
    }

    void prepare(const sdk::Facts& f) const {
        requests_.now->prefetch(f.prefixKey(0));
        costs_.now->prefetch(f.prefixKey(0));
    }

    sdk::Verdict evaluate(const sdk::Facts& f) override {
        if (isLeftOut(f)) return sdk::Verdict::abstain();
        roll(f.nowNs());
        const auto key = f.prefixKey(0);
        if (requests_.add(key, 1) > bound(requests_, f))
            return heavy("requests", key, requests_, f);
        if (costs_.count(key) > bound(costs_, f)) return heavy("cost", key, costs_, f);
        return sdk::Verdict::abstain();
    }

    void observe(const sdk::Facts& f, const sdk::Outcome& o) override {
        if (isLeftOut(f) || o.isRefused() || o.raw().cost_us < 50) return;
        costs_.add(f.prefixKey(0), (o.raw().cost_us + 50) / 100);
    }

  private:
    /// What this epoch has counted, and the bound that the one before gave. The sketch is cleared
    /// where it stands: who is counted at that moment is forgiven.
    struct Counted {
        std::unique_ptr<Sketch> now = std::make_unique<Sketch>();
        abuse::SharedSum total;
        double busy = 0;
        std::uint32_t floor = 0;
        /// What is heavy, as the last epoch says; UINT32_MAX: nothing, there is room for all.
        std::atomic<std::uint32_t> bound{UINT32_MAX};
        std::uint32_t add(std::uint64_t key, std::uint32_t n) {
            total.add(n);
            return now->add(key, n);
        }
        [[nodiscard]] std::uint32_t count(std::uint64_t key) const { return now->count(key); }
    };

    /// Relying parties have limits of their own, and browsers that are known are not counted by
    /// where they are.
    static bool isLeftOut(const sdk::Facts& f) {
        return f.routeClass() == PSN_ROUTE_VERIFY || f.routeClass() == PSN_ROUTE_HEARTBEAT ||
               f.sessionKey() != 0 || f.is(PSN_FACT_TRUSTED);
    }
    [[nodiscard]] std::uint32_t bound(const Counted& c, const sdk::Facts& f) const {
        const auto base = c.bound.load(std::memory_order_relaxed);
        if (base == UINT32_MAX) return base;
        const double most = base * (abuse::creditFactor(f.credit(), credit_, credit_most_));
        return most > 4e9 ? UINT32_MAX : static_cast<std::uint32_t>(most);
    }
    [[nodiscard]] sdk::Verdict heavy(const char* reason, std::uint64_t key, const Counted& c,
                                     const sdk::Facts& f) const {
        return sdk::Verdict::throttle(box_ms_, reason)
            .by(key)
            .of(bound(c, f), c.count(key), static_cast<std::uint32_t>(seconds_ * 1'000))
            .boxing(box_ms_);
    }
    void roll(std::int64_t now) {
        if (now < epoch_end_.load(std::memory_order_relaxed)) return;
        const std::unique_lock lock(rolling_, std::try_to_lock);
        if (!lock.owns_lock() || now < epoch_end_.load(std::memory_order_relaxed)) return;
        epoch_end_.store(now + epoch_ns_, std::memory_order_relaxed);
        next(requests_);
        next(costs_);
    }
    /// The bound of the epoch that begins, from the one that ends.
    void next(Counted& c) const {
        const auto total = static_cast<double>(c.total.take());
        auto counts = c.now->counts();
        std::uint32_t bound = UINT32_MAX;
        if (total > c.busy && !counts.empty()) {
            const auto middle = counts.begin() + static_cast<std::ptrdiff_t>(counts.size() / 2);
            std::nth_element(counts.begin(), middle, counts.end());
            bound = std::max(
                {c.floor, static_cast<std::uint32_t>(total * share_),
                 *middle > UINT32_MAX / times_median_ ? UINT32_MAX : *middle * times_median_});
        }
        c.bound.store(bound, std::memory_order_relaxed);
        c.now->clear();
    }

    const std::int64_t epoch_ns_;
    const double seconds_, share_, credit_, credit_most_;
    const std::uint32_t times_median_, box_ms_;
    Counted requests_, costs_;
    std::atomic<std::int64_t> epoch_end_{0};
    std::mutex rolling_;
};

}  // namespace persona::antiabuse

PSN_HEURISTIC_PLUGIN(
    persona::antiabuse::Heavy,
    R"({"id":"heavy","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["heuristic"],"sdk":"1.0","hot_swap":true})")
