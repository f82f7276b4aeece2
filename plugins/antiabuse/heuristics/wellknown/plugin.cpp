#include <persona/sdk/heuristic.hpp>
#include <persona/sdk/rates.hpp>

#include <memory>
#include <optional>

#include "libs/abuse/keys.h"

/// Providers that strangers make us ask (anti-abuse.md 3.2, T6). What is at hand costs nothing;
/// each document that has to be fetched is paid by the asker's network, and no domain is asked more
/// than once in a while on a stranger's word. Over budget the roles answer from what they know; the
/// fetches' own walls (addresses, sizes, times, one at a time) stand in the roles.
namespace persona::wellknown {

using sdk::Facts;
using sdk::Rate;
using sdk::Verdict;

class WellKnown final : public sdk::Heuristic {
  public:
    static constexpr std::uint32_t kRoutes = 1U << PSN_ROUTE_LOOKUP | 1U << PSN_ROUTE_ASSERTION |
                                             1U << PSN_ROUTE_STAGE | 1U << PSN_ROUTE_VERIFY;

    static std::vector<psn_option> options() {
        return {sdk::option("prefix.burst", PSN_OPT_INT, "10",
                            "fetches at once on the word of one network", 0, 1, 10'000),
                sdk::option("prefix.interval", PSN_OPT_DURATION, "10s", "until one more", 0, 100,
                            3'600'000),
                sdk::option("domain.interval", PSN_OPT_DURATION, "5s",
                            "between fetches from one domain", 0, 100, 3'600'000),
                sdk::option("total", PSN_OPT_INT, "64", "fetches a second for all strangers", 0, 1,
                            10'000),
                sdk::option("slots", PSN_OPT_INT, "131072", "of the table; 8 octets each", 0, 1'024,
                            67'108'864)};
    }

    WellKnown(const psn_host* h, const psn_config* c)
        : Heuristic(h, c),
          prefix_{number("prefix.interval"), number("prefix.burst")},
          domain_{number("domain.interval"), 2},
          total_{std::max(1U, 1'000 / number("total")), number("total") * 4} {}

    void activate() override {
        table_ = std::make_unique<sdk::RateTable>(host.raw(), "wellknown.fetched", number("slots"),
                                                  false);
    }

    Verdict evaluate(const Facts& f) override {
        if (!fetches(f)) return Verdict::abstain();
        std::optional<Verdict> over;
        each(f, [&](std::uint32_t rule, std::uint64_t key, const Rate& rate, const char* reason) {
            const auto a = table_->peek(key, rule, rate, 1, f.nowNs());
            if (a.allowed != 0 || over) return;
            over = Verdict::tag(3, reason)
                       .hinting(PSN_HINT_CACHED)
                       .by(key)
                       .of(rate.burst, a.spent_ms / rate.interval_ms, rate.windowMs());
        });
        return over ? *over : Verdict::abstain();
    }

    void observe(const Facts& f, const sdk::Outcome& o) override {
        const bool miss = o.has(PSN_OUTCOME_WK_MISS);
        if (!miss && !(o.isUnanswered() && fetches(f) && isWithin(f))) return;
        each(f, [&](std::uint32_t rule, std::uint64_t key, const Rate& rate, const char*) {
            // Nobody knows that its provider was asked: others must not be kept from him.
            if (miss || rule != kDomain) table_->charge(key, rule, rate, 1, f.nowNs());
        });
    }

  private:
    enum Rule : std::uint32_t { kDomain = 1, kTotal, kPrefix = 8 };
    static constexpr std::uint64_t kEverybody = 0x77656c6cULL;
    [[nodiscard]] std::uint32_t number(std::string_view option) const {
        return static_cast<std::uint32_t>(config.num(option));
    }
    static bool fetches(const Facts& f) {
        return f.isCostly(PSN_TRAIT_FETCHES) || f.routeClass() == PSN_ROUTE_VERIFY;
    }
    /// Who was over a budget was answered from what is at hand, and made nobody ask.
    [[nodiscard]] bool isWithin(const Facts& f) const {
        bool within = true;
        each(f, [&](std::uint32_t rule, std::uint64_t key, const Rate& rate, const char*) {
            within = within && table_->peek(key, rule, rate, 1, f.nowNs()).allowed != 0;
        });
        return within;
    }
    template <typename F>
    void each(const Facts& f, F&& use) const {
        for (std::uint32_t i = 0; i < 3; ++i)
            if (f.prefixKey(i) != 0)
                use(kPrefix + i, f.prefixKey(i),
                    prefix_.times(abuse::creditFactor(f.credit(), 0.2) * abuse::kWider[i]),
                    "prefix");
        if (f.domainKey() != 0) use(kDomain, f.domainKey(), domain_, "domain");
        if (!f.isFamiliar()) use(kTotal, kEverybody, total_, "total");
    }
    const Rate prefix_, domain_, total_;
    std::unique_ptr<sdk::RateTable> table_;
};

}  // namespace persona::wellknown

PSN_HEURISTIC_PLUGIN(
    persona::wellknown::WellKnown,
    R"({"id":"wellknown","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["heuristic"],"sdk":"1.0"})")
