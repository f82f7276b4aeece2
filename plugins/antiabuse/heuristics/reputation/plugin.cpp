#include <algorithm>
#include <persona/sdk/heuristic.hpp>
#include <persona/sdk/rates.hpp>

#include "libs/abuse/keys.h"
#include "plugins/antiabuse/scripted.h"

/// A score for each prefix (anti-abuse.md 3.2 "reputation"): 100 for those who did nothing, less
/// for what people do not do, one point back each minute. A wrong password is no such thing.
namespace persona::antiabuse {

class Reputation final : public sdk::Heuristic {
  public:
    static std::vector<psn_option> options() {
        using sdk::option;
        return {
            option("slots", PSN_OPT_INT, "262144", "prefixes; 8 octets each", 0, 1'024, 67'108'864),
            option("recover", PSN_OPT_DURATION, "1m", "in which one point comes back", 0, 1'000,
                   3'600'000),
            option("suspect", PSN_OPT_INT, "60", "score under which a prefix is weighed", 0, 1,
                   100),
            option("weight", PSN_OPT_INT, "10", "of such a prefix", 0, 1, 1'000),
            option(
                "block", PSN_OPT_INT, "20",
                "score under which strangers work, and what can wait is refused (priority 3 and 4)",
                0, 0, 100),
            option("penalties.token", PSN_OPT_INT, "5", "points for a mailed token that is wrong",
                   0, 0, 100),
            option("penalties.key", PSN_OPT_INT, "5",
                   "points for a key or certificate that nobody has", 0, 0, 100),
            option("penalties.forged", PSN_OPT_INT, "10", "points for a forged cookie", 0, 0, 100),
            option("penalties.refused", PSN_OPT_INT, "1", "points for a refusal by a limit", 0, 0,
                   100),
            option("credit", PSN_OPT_DOUBLE, "0.2",
                   "points come back quicker, by this share, for each account that signed in"),
            option("credit_most", PSN_OPT_INT, "20", "at most by so many times", 0, 0, 1'000)};
    }

    Reputation(const psn_host* h, const psn_config* c)
        : Heuristic(h, c),
          table_(h, "reputation.prefixes", number("slots"), true),
          rate_{number("recover"), 100},
          suspect_(number("suspect")),
          weight_(number("weight")),
          block_(number("block")),
          token_(number("penalties.token")),
          key_(number("penalties.key")),
          forged_(number("penalties.forged")),
          refused_(number("penalties.refused")),
          credit_(config.real("credit")),
          credit_most_(static_cast<double>(config.num("credit_most"))) {}

    void prepare(const sdk::Facts& f) const { table_.prefetch(f.prefixKey(0), 0); }

    sdk::Verdict evaluate(const sdk::Facts& f) override {
        if (f.is(PSN_FACT_TRUSTED)) return sdk::Verdict::abstain();
        const auto key = f.prefixKey(0);
        const auto rate = rateOf(f);
        const auto spent = table_.peek(key, 0, rate, 0, f.nowNs()).spent_ms;
        const auto lost = spent / rate.interval_ms;
        const auto score = lost >= 100 ? 0 : 100 - lost;
        if (score >= suspect_) return sdk::Verdict::abstain();
        // Others may be there too, who need not pay for it with more than work.
        if (score < block_ && f.priority() >= 3 && !isFile(f.routeClass()))
            return (isScripted(f.routeClass())
                        ? sdk::Verdict::challenge(kBlockLevel, "block")
                        : sdk::Verdict::throttle((block_ - score) * rate.interval_ms, "block"))
                .by(key)
                .of(block_, score, 0);
        return sdk::Verdict::tag(weight_, "suspect").by(key).of(suspect_, score, 0);
    }

    void observe(const sdk::Facts& f, const sdk::Outcome& o) override {
        if (f.is(PSN_FACT_TRUSTED)) return;
        std::uint32_t points = 0;
        if (o.has(PSN_OUTCOME_TOKEN_BAD)) points += token_;
        if (o.has(PSN_OUTCOME_VERIFY_BADKEY)) points += key_;
        if (f.is(PSN_FACT_FORGED)) points += forged_;
        // Its own refusals must not keep a prefix refused; nor is a busy service anybody's fault.
        if (o.isRefused() && !o.isOwn() && o.raw().status != 503) points += refused_;
        if (points != 0) table_.charge(f.prefixKey(0), 0, rateOf(f), points, f.nowNs());
    }

  private:
    static constexpr std::uint32_t kBlockLevel = 13;
    [[nodiscard]] std::uint32_t number(std::string_view option) const {
        return static_cast<std::uint32_t>(config.num(option));
    }
    /// Where people are known to be, points weigh less and are gone sooner.
    [[nodiscard]] sdk::Rate rateOf(const sdk::Facts& f) const {
        const double by = abuse::creditFactor(f.credit(), credit_, credit_most_);
        return {static_cast<std::uint32_t>(std::max(1.0, rate_.interval_ms / by)), rate_.burst};
    }
    const sdk::RateTable table_;
    const sdk::Rate rate_;
    const std::uint32_t suspect_, weight_, block_, token_, key_, forged_, refused_;
    const double credit_, credit_most_;
};

}  // namespace persona::antiabuse

PSN_HEURISTIC_PLUGIN(
    persona::antiabuse::Reputation,
    R"({"id":"reputation","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["heuristic"],"sdk":"1.0","hot_swap":true})")
