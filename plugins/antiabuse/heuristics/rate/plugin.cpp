#include <algorithm>
#include <array>
#include <atomic>
#include <persona/sdk/heuristic.hpp>
#include <persona/sdk/rates.hpp>
#include <persona/sdk/siphash.hpp>

#include "libs/abuse/keys.h"

/// Limits of requests and of processor time for each client prefix (anti-abuse.md 3.2, "rate").
/// The pattern of the other heuristics: evaluate() charges at once, and gives back at once what it
/// charged before one of its own rules refused; observe() gives back when another one did.
namespace persona::antiabuse {

class RateLimits final : public sdk::Heuristic {
  public:
    static std::vector<psn_option> options() {
        using sdk::option;
        return {
            option("all.per_second", PSN_OPT_DOUBLE, "20", "requests of a prefix or session"),
            option("all.burst", PSN_OPT_INT, "100", "of them at once", 0, 1, 1'000'000),
            option("static.per_second", PSN_OPT_DOUBLE, "40", "files and pages of a prefix"),
            option("static.burst", PSN_OPT_INT, "300", "of them at once", 0, 1, 1'000'000),
            option("cookieless.per_second", PSN_OPT_DOUBLE, "2",
                   "session_context without any cookie, of a prefix"),
            option("cookieless.burst", PSN_OPT_INT, "20", "of them at once", 0, 1, 1'000'000),
            option("unknown.per_second", PSN_OPT_DOUBLE, "1",
                   "requests of a prefix for what there is not"),
            option("unknown.burst", PSN_OPT_INT, "10", "of them at once", 0, 1, 1'000'000),
            option("cost.per_second", PSN_OPT_DURATION, "20ms",
                   "processor time of the roles that a prefix may use in a second", 0, 1, 60'000),
            option("cost.burst", PSN_OPT_DURATION, "1s", "of it at once", 0, 1, 600'000),
            option("wider", PSN_OPT_INT, "8",
                   "how many times as much a /24 or /56 may; a /48 as many times again", 0, 1,
                   1'000),
            option("credit", PSN_OPT_DOUBLE, "0.2",
                   "budgets grow by this share for each account that signed in from the prefix"),
            option("credit_most", PSN_OPT_INT, "20", "at most by so many times", 0, 0, 1'000),
            option("slots", PSN_OPT_INT, "2097152", "keys of requests; 8 octets each", 0, 1'024,
                   67'108'864),
            option("cost_slots", PSN_OPT_INT, "1048576", "keys of costs; 8 octets each", 0, 1'024,
                   67'108'864)};
    }

    RateLimits(const psn_host* h, const psn_config* c)
        : Heuristic(h, c),
          requests_(h, "rate.requests", size("slots"), false),
          costs_(h, "rate.costs", size("cost_slots"), false),
          all_(rate("all")),
          static_(rate("static")),
          cookieless_(rate("cookieless")),
          unknown_(rate("unknown")),
          // A unit of cost is a millisecond: what takes less costs too little to be counted.
          cost_(sdk::Rate::perSecond(static_cast<double>(config.num("cost.per_second")),
                                     static_cast<std::uint32_t>(config.num("cost.burst")))),
          wider_(static_cast<double>(config.num("wider"))),
          credit_(config.real("credit")),
          credit_most_(static_cast<double>(config.num("credit_most"))) {}

    void prepare(const sdk::Facts& f) const {
        Charges charges;
        collect(f, charges);
        for (std::size_t i = 0; i < charges.count; ++i)
            charges.all[i].table->prefetch(charges.all[i].key, charges.all[i].rule);
    }

    sdk::Verdict evaluate(const sdk::Facts& f) override {
        Charges charges;
        collect(f, charges);
        std::uint32_t grants = 0;
        for (std::size_t i = 0; i < charges.count; ++i) {
            const auto& c = charges.all[i];
            const auto a = c.table->take(c.key, c.rule, c.rate, c.cost, f.nowNs());
            if (a.allowed != 0) {
                // Whoever used up half of it without a cookie is served when there is time.
                if (c.rule == kCookieless && a.spent_ms > c.rate.windowMs() / 2)
                    grants |= PSN_GRANT_LOWEST;
                continue;
            }
            for (std::size_t k = 0; k < i; ++k) giveBack(charges.all[k], f.nowNs());
            return sdk::Verdict::throttle(a.retry_after_ms, c.reason)
                .by(c.key)
                .of(c.rate.burst, c.rate.burst + c.cost, c.rate.windowMs());
        }
        return sdk::Verdict::abstain().granting(grants);
    }

    void observe(const sdk::Facts& f, const sdk::Outcome& o) override {
        if (o.isRefused()) {
            if (o.isOwn()) return;
            Charges charges;
            collect(f, charges);
            for (std::size_t i = 0; i < charges.count; ++i) giveBack(charges.all[i], f.nowNs());
            return;
        }
        learn(f, o.raw().cost_us);
        // A sign-in that succeeds is what the service is there for: what it cost is not the
        // prefix's debt, but for the same account only a few times an hour.
        if (!o.has(PSN_OUTCOME_AUTH_OK) || f.accountKey() == 0) return;
        Charges charges;
        collect(f, charges);
        for (std::size_t i = 0; i < charges.count; ++i)
            if (charges.all[i].rule == kCost &&
                costs_.take(sdk::mixed(charges.all[i].key, f.accountKey()), kSignedIn, kSignIns, 1,
                            f.nowNs())
                        .allowed != 0)
                giveBack(charges.all[i], f.nowNs());
    }

  private:
    enum Rule : std::uint32_t {
        kAll = 1,
        kSession,
        kKnown,
        kWider,
        kCookieless,
        kUnknown,
        kCost,
        kSignedIn,
        kFiles = 16  ///< added to the first ones for files and pages
    };
    static constexpr sdk::Rate kSignIns{1'200'000, 3};
    struct Charge {
        const sdk::RateTable* table;
        std::uint64_t key;
        std::uint32_t rule;
        sdk::Rate rate;
        std::uint32_t cost;
        std::string_view reason;
    };
    struct Charges {
        std::array<Charge, 6> all;
        std::size_t count = 0;
        void add(Charge c) { all[count++] = c; }
    };

    [[nodiscard]] std::uint32_t size(std::string_view option) const {
        return static_cast<std::uint32_t>(config.num(option));
    }
    [[nodiscard]] sdk::Rate rate(const std::string& name) const {
        const auto per_second = config.real(name + ".per_second");
        if (!(per_second > 0) || per_second > 1'000)
            throw std::runtime_error(name + ".per_second: expected more than 0 and at most 1000");
        return sdk::Rate::perSecond(per_second,
                                    static_cast<std::uint32_t>(config.num(name + ".burst")));
    }
    static void giveBack(const Charge& c, std::int64_t now) {
        c.table->refund(c.key, c.rule, c.rate, c.cost, now);
    }

    /// What a request is charged, the most particular rule first. Relying parties have limits of
    /// their own (the heuristic "verify"): those of users would hit whole sites.
    void collect(const sdk::Facts& f, Charges& out) const {
        const auto route = f.routeClass();
        if (route == PSN_ROUTE_VERIFY || f.is(PSN_FACT_TRUSTED)) return;
        const auto prefix = f.prefixKey(0);
        const double factor = abuse::creditFactor(f.credit(), credit_, credit_most_);
        const auto scaled = [&](const sdk::Rate& r, double by) {
            return factor * by == 1 ? r : r.times(factor * by);
        };
        if (route == PSN_ROUTE_UNKNOWN)
            out.add({&requests_, prefix, kUnknown, scaled(unknown_, 1), 1, "unknown"});
        if (route == PSN_ROUTE_CONTEXT && !f.is(PSN_FACT_COOKIES))
            out.add({&requests_, prefix, kCookieless, scaled(cookieless_, 1), 1, "cookieless"});
        // A browser that is known is counted by itself, and only loosely by where it is. Every
        // budget has a rule of its own: one time in a slot means one rate.
        const bool known = f.sessionKey() != 0;
        const bool files = route == PSN_ROUTE_STATIC || route == PSN_ROUTE_VIEW;
        const auto& base = files ? static_ : all_;
        const std::uint32_t kind = files ? std::uint32_t{kFiles} : 0U;
        if (known) {
            out.add({&requests_, f.sessionKey(), kSession + kind, base, 1, "session"});
            out.add({&requests_, prefix, kKnown + kind, scaled(base, wider_), 1, "sessions"});
        } else {
            out.add({&requests_, prefix, kAll + kind, scaled(base, 1), 1, "prefix"});
            if (f.prefixKey(1) != 0)
                out.add(
                    {&requests_, f.prefixKey(1), kWider + kind, scaled(base, wider_), 1, "wider"});
            if (f.prefixKey(2) != 0)
                out.add({&requests_, f.prefixKey(2), kWider + kind, scaled(base, wider_ * wider_),
                         1, "widest"});
        }
        const auto cost = (costOf(f) + 500) / 1'000;
        if (cost != 0)
            out.add(
                {&costs_, known ? f.sessionKey() : prefix, kCost, scaled(cost_, 1), cost, "cost"});
    }

    /// What the roles said of requests of that class, on average; 0 until they said something.
    [[nodiscard]] std::uint32_t costOf(const sdk::Facts& f) const {
        return cost_us_[std::min(f.routeClass(), PSN_ROUTE_COUNT - 1)].load(
            std::memory_order_relaxed);
    }
    /// Loops that write at once may lose a value: it is an average.
    void learn(const sdk::Facts& f, std::uint32_t us) {
        if (us == 0) return;
        auto& mean = cost_us_[std::min(f.routeClass(), PSN_ROUTE_COUNT - 1)];
        const auto old = static_cast<std::int64_t>(mean.load(std::memory_order_relaxed));
        const auto next = old == 0 ? static_cast<std::int64_t>(us)
                                   : old + (static_cast<std::int64_t>(us) - old) / 16;
        mean.store(static_cast<std::uint32_t>(std::max<std::int64_t>(1, next)),
                   std::memory_order_relaxed);
    }

    const sdk::RateTable requests_, costs_;
    const sdk::Rate all_, static_, cookieless_, unknown_, cost_;
    const double wider_, credit_, credit_most_;
    std::array<std::atomic<std::uint32_t>, PSN_ROUTE_COUNT> cost_us_{};
};

}  // namespace persona::antiabuse

PSN_HEURISTIC_PLUGIN(
    persona::antiabuse::RateLimits,
    R"({"id":"rate","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["heuristic"],"sdk":"1.0","hot_swap":true})")
