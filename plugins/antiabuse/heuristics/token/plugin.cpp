#include <persona/sdk/heuristic.hpp>
#include <persona/sdk/rates.hpp>

#include <array>
#include <memory>

#include "libs/abuse/keys.h"

/// Mailed tokens that are none (anti-abuse.md 3.2, T13). Guessing one is hopeless; the budget keeps
/// the database from being asked. Right ones cost nothing.
namespace persona::token {

using sdk::Facts;
using sdk::Rate;
using sdk::Verdict;

class Token final : public sdk::Heuristic {
  public:
    static constexpr std::uint32_t kRoutes = 1U << PSN_ROUTE_TOKEN;

    static std::vector<psn_option> options() {
        return {
            sdk::option("burst", PSN_OPT_INT, "15", "wrong tokens at once", 0, 1, 10'000),
            sdk::option("interval", PSN_OPT_DURATION, "30s", "until one more", 0, 100, 3'600'000),
            sdk::option("slots", PSN_OPT_INT, "65536", "of the table; 8 octets each", 0, 1'024,
                        67'108'864)};
    }

    Token(const psn_host* h, const psn_config* c)
        : Heuristic(h, c),
          rate_{static_cast<std::uint32_t>(config.num("interval")),
                static_cast<std::uint32_t>(config.num("burst"))} {}

    void activate() override {
        table_ = std::make_unique<sdk::RateTable>(
            host.raw(), "token.bad", static_cast<std::uint32_t>(config.num("slots")), false);
    }

    Verdict evaluate(const Facts& f) override {
        Verdict out = Verdict::abstain();
        each(f, [&](std::uint32_t rule, std::uint64_t key, const Rate& rate) {
            const auto a = table_->charge(key, rule, rate, 1, f.nowNs());
            if (a.allowed == 0)
                out = Verdict::throttle(a.retry_after_ms, "bad_tokens")
                          .by(key)
                          .of(rate.burst, a.spent_ms / rate.interval_ms, rate.windowMs());
        });
        return out;
    }

    void observe(const Facts& f, const sdk::Outcome& o) override {
        if (o.isUnanswered() || (!o.isRefused() && o.has(PSN_OUTCOME_TOKEN_BAD))) return;
        each(f, [&](std::uint32_t rule, std::uint64_t key, const Rate& rate) {
            table_->refund(key, rule, rate, 1, f.nowNs());
        });
    }

  private:
    template <typename F>
    void each(const Facts& f, F&& use) const {
        if (f.sessionKey() != 0) use(1U, f.sessionKey(), rate_);
        for (std::uint32_t i = 0; i < 3; ++i)
            if (f.prefixKey(i) != 0)
                use(2 + i, f.prefixKey(i),
                    rate_.times(abuse::creditFactor(f.credit(), 0.2) * abuse::kWider[i]));
    }
    const Rate rate_;
    std::unique_ptr<sdk::RateTable> table_;
};

}  // namespace persona::token

PSN_HEURISTIC_PLUGIN(
    persona::token::Token,
    R"({"id":"token","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["heuristic"],"sdk":"1.0"})")
