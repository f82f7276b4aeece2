#include <algorithm>
#include <persona/sdk/heuristic.hpp>
#include <persona/sdk/rates.hpp>
#include <persona/sdk/siphash.hpp>

#include "libs/abuse/keys.h"

/// Files and pages that are asked for with ever new queries (anti-abuse.md 3.2 "cache"): it makes
/// caches before the service useless. Who does so is served when there is time, and then limited.
namespace persona::antiabuse {

class CacheBusting final : public sdk::Heuristic {
  public:
    static constexpr std::uint32_t kRoutes = 1U << PSN_ROUTE_STATIC | 1U << PSN_ROUTE_VIEW;
    static constexpr std::uint32_t kFacts = PSN_FACT_QUERY;
    static std::vector<psn_option> options() {
        using sdk::option;
        return {
            option("per_minute", PSN_OPT_INT, "50",
                   "different queries of a prefix; more have the lowest priority", 0, 1, 60'000),
            option("refuse_at", PSN_OPT_INT, "200", "different queries that are refused", 0, 1,
                   60'000),
            option("slots", PSN_OPT_INT, "131072", "queries and prefixes; 8 octets each", 0, 1'024,
                   67'108'864),
            option("credit", PSN_OPT_DOUBLE, "0.2",
                   "more, by this share, for each account that signed in from the prefix"),
            option("credit_most", PSN_OPT_INT, "20", "at most by so many times", 0, 0, 1'000)};
    }

    CacheBusting(const psn_host* h, const psn_config* c)
        : Heuristic(h, c),
          table_(h, "cache.queries", static_cast<std::uint32_t>(config.num("slots")), false),
          lowest_at_(static_cast<std::uint32_t>(config.num("per_minute"))),
          refuse_at_(static_cast<std::uint32_t>(config.num("refuse_at"))),
          credit_(config.real("credit")),
          credit_most_(static_cast<double>(config.num("credit_most"))) {
        if (refuse_at_ <= lowest_at_)
            throw std::runtime_error("refuse_at: expected more than per_minute");
    }

    sdk::Verdict evaluate(const sdk::Facts& f) override {
        const auto query = f.raw().query_key;
        if (query == 0 || f.is(PSN_FACT_TRUSTED)) return sdk::Verdict::abstain();
        // Seen within the minute: no new one.
        constexpr sdk::Rate kMinute{60'000, 1};
        const auto prefix = f.prefixKey(0);
        const auto what = sdk::mixed(sdk::mixed(prefix, f.raw().path_key), query);
        if (table_.take(what, kSeen, kMinute, 1, f.nowNs()).allowed == 0)
            return sdk::Verdict::abstain();
        const double by = abuse::creditFactor(f.credit(), credit_, credit_most_);
        const sdk::Rate rate{std::max(1U, static_cast<std::uint32_t>(60'000 / (refuse_at_ * by))),
                             static_cast<std::uint32_t>(refuse_at_ * by)};
        const auto a = table_.take(prefix, kQueries, rate, 1, f.nowNs());
        if (a.allowed == 0)
            return sdk::Verdict::throttle(a.retry_after_ms, "queries")
                .by(prefix)
                .of(rate.burst, rate.burst + 1, 60'000);
        const auto seen = a.spent_ms / rate.interval_ms;
        return sdk::Verdict::abstain().granting(seen > lowest_at_ * by ? PSN_GRANT_LOWEST : 0U);
    }

  private:
    static constexpr std::uint32_t kSeen = 1, kQueries = 2;
    const sdk::RateTable table_;
    const std::uint32_t lowest_at_, refuse_at_;
    const double credit_, credit_most_;
};

}  // namespace persona::antiabuse

PSN_HEURISTIC_PLUGIN(
    persona::antiabuse::CacheBusting,
    R"({"id":"cache","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["heuristic"],"sdk":"1.0","hot_swap":true})")
