#include <persona/sdk/heuristic.hpp>
#include <persona/sdk/rates.hpp>

#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "libs/abuse/crowd.h"
#include "libs/abuse/keys.h"
#include "plugins/antiabuse/kept_crowd.h"

/// The verifier's clients (anti-abuse.md 3.2, T5). Sites that verify send few bad assertions and
/// may send very many good ones; who sends only bad ones has a small budget of them, and a smaller
/// one while far more of them come than ever, in however many hands. Where good ones come from is a
/// site, and anybody can post bad ones into its form: it has the rate alone as a bound (0171).
/// Nobody is challenged: a server cannot solve anything. What is malformed or too dear is refused
/// by the verifier itself, with its reason, before any arithmetic (docs/decisions/0097).
namespace persona::verify_guard {

using sdk::Facts;
using sdk::Rate;
using sdk::Verdict;

class Verify final : public sdk::Heuristic {
  public:
    static constexpr std::uint32_t kRoutes = 1U << PSN_ROUTE_VERIFY | 1U << PSN_ROUTE_ASSERTION;

    static std::vector<psn_option> options() {
        return {
            sdk::option("rate", PSN_OPT_INT, "50", "verifications a second from one network", 0, 1,
                        1'000),
            sdk::option("burst", PSN_OPT_INT, "500", "and at once", 0, 1, 100'000),
            sdk::option("standing", PSN_OPT_INT, "20",
                        "times as many for clients of whose assertions over 95 in 100 are good", 0,
                        1, 50),
            sdk::option("site", PSN_OPT_INT, "10",
                        "good assertions in a week that make a site of a network", 0, 1, 1'000),
            sdk::option("bad.burst", PSN_OPT_INT, "20",
                        "bad assertions at once from one network that is no site", 0, 1, 10'000),
            sdk::option("bad.interval", PSN_OPT_DURATION, "10s", "until one more", 0, 100,
                        3'600'000),
            sdk::option("bad.hourly", PSN_OPT_INT, "60", "bad assertions in an hour", 0, 1,
                        100'000),
            sdk::option("flood.per_second", PSN_OPT_DOUBLE, "1",
                        "bad assertions of all that are no sites that are borne beyond twice "
                        "what is usual"),
            sdk::option("flood.burst", PSN_OPT_INT, "50", "of them at once", 0, 1, 1'000'000),
            sdk::option("flood.share", PSN_OPT_DOUBLE, "0.25",
                        "of their budgets of bad ones that is left while more come"),
            sdk::option("slots", PSN_OPT_INT, "65536", "of the tables", 0, 1'024, 16'777'216)};
    }

    Verify(const psn_host* h, const psn_config* c)
        : Heuristic(h, c),
          all_{std::max(1U, 1'000 / number("rate")), number("burst")},
          bad_{number("bad.interval"), number("bad.burst")},
          bad_hourly_{std::max(1U, 3'600'000 / number("bad.hourly")), number("bad.hourly")},
          standing_(number("standing")),
          site_(number("site")),
          in_flood_(config.real("flood.share")),
          bad_ones_({2, config.real("flood.per_second"),
                     static_cast<double>(config.num("flood.burst")), kHold}) {}

    void activate() override {
        table_ =
            std::make_unique<sdk::RateTable>(host.raw(), "verify.asked", number("slots"), true);
        results_ = open("verify.results", {0, number("slots"), 600'000, 3'600'000});
        sites_ = open("verify.sites", {0, std::max(1'024U, number("slots") / 4), kWeek, kWeek});
        kept_ = std::make_unique<antiabuse::KeptCrowd>(host, "verify.state");
        kept_->restore(bad_ones_, secondOf(host.monotonicNs()) + kHold);
        std::uint64_t timer = 0;
        if (host.timers().start(
                host.raw(), 1'000, 1'000, [](void* self) { static_cast<Verify*>(self)->tick(); },
                this, &timer) != PSN_OK)
            throw std::runtime_error("no timer to be had");
    }

    Verdict evaluate(const Facts& f) override {
        if (f.prefixKey(0) == 0) return Verdict::abstain();
        const auto tally = tallyOf(f);
        std::optional<Verdict> refusal;
        each(f, tally, [&](std::uint32_t rule, std::uint64_t key, const Rate& rate, bool bad) {
            // How many may be bad is not known before: a busy site has hundreds under way.
            const auto a = bad ? table_->peek(key, rule, rate, 1, f.nowNs())
                               : table_->charge(key, rule, rate, 1, f.nowNs());
            if (a.allowed != 0 || refusal) return;
            refusal = Verdict::throttle(a.retry_after_ms, bad ? "bad_results" : "rate")
                          .by(key)
                          .of(rate.burst, a.spent_ms / rate.interval_ms, rate.windowMs());
        });
        if (refusal) return *refusal;
        return tally.inStanding() && f.routeClass() == PSN_ROUTE_VERIFY
                   ? Verdict::abstain().granting(PSN_GRANT_STANDING)
                   : Verdict::abstain();
    }

    void observe(const Facts& f, const sdk::Outcome& o) override {
        if (f.prefixKey(0) == 0) return;
        const auto tally = tallyOf(f);
        const bool bad =
            !o.isRefused() && (o.has(PSN_OUTCOME_VERIFY_BAD) || o.has(PSN_OUTCOME_VERIFY_BADKEY));
        // A key that nobody certifies is no accident.
        const bool meant = o.has(PSN_OUTCOME_VERIFY_BADKEY);
        if (bad && !tally.is_site) bad_ones_.came(secondOf(f.nowNs()));
        each(f, tally, [&](std::uint32_t rule, std::uint64_t key, const Rate& rate, bool of_bad) {
            if (of_bad && bad)
                table_->charge(key, rule, rate, meant ? 3 : 1, f.nowNs());
            else if (!of_bad && o.isRefused())
                table_->refund(key, rule, rate, 1, f.nowNs());
        });
        if (!bad && !o.has(PSN_OUTCOME_VERIFY_OK)) return;
        note(f.prefixKey(0), bad, f.nowNs());
        if (meant) note(f.prefixKey(0), bad, f.nowNs());
        if (bad) return;
        const auto name = nameOf(f.prefixKey(0), false);
        host.counters().add(sites_, {name.data(), name.size()}, 1, f.nowNs(), nullptr);
    }

  private:
    enum Rule : std::uint32_t { kBad = 1, kBadHourly = 8, kAll = 16 };
    struct Tally {
        std::uint64_t good = 0, bad = 0;  ///< of the last ten minutes
        bool is_site = false;
        [[nodiscard]] bool inStanding() const {
            return good + bad >= 20 && good * 100 > (good + bad) * 95;
        }
    };

    static constexpr std::uint32_t kHold = 60, kWeek = 7 * 86'400'000U;
    static std::uint32_t secondOf(std::int64_t ns) {
        return static_cast<std::uint32_t>(ns / 1'000'000'000);
    }
    [[nodiscard]] std::uint32_t number(std::string_view option) const {
        return static_cast<std::uint32_t>(config.num(option));
    }

    [[nodiscard]] psn_counter_table* open(std::string_view name, psn_counter_spec spec) const {
        char text[256];
        psn_err err{text, sizeof text, 0};
        psn_counter_table* out = nullptr;
        spec.struct_size = sizeof spec;
        if (host.counters().open(host.raw(), sdk::abi(name), &spec, &out, &err) != PSN_OK)
            throw std::runtime_error(std::string(name) + ": " + std::string(text, err.len));
        return out;
    }
    /// [control] Once a second.
    void tick() {
        bad_ones_.tick(secondOf(host.monotonicNs()));
        if (++ticks_ % 10 == 0 || bad_ones_.isAlarmed(secondOf(host.monotonicNs())))
            kept_->keep(bad_ones_);
    }

    /// The wider networks count bad results alone: many sites live at one provider. What a site was
    /// sent is charged to nobody.
    template <typename F>
    void each(const Facts& f, const Tally& tally, F&& use) const {
        const double factor = tally.inStanding() ? standing_ : 1;
        const double bad = bad_ones_.isAlarmed(secondOf(f.nowNs())) ? in_flood_ : 1;
        if (f.routeClass() == PSN_ROUTE_VERIFY)
            use(kAll, f.prefixKey(0), all_.times(factor), false);
        if (tally.is_site) return;
        for (std::uint32_t i = 0; i < 3; ++i) {
            if (f.prefixKey(i) == 0) continue;
            use(kBad + i, f.prefixKey(i), bad_.times(bad * abuse::kWider[i]), true);
            use(kBadHourly + i, f.prefixKey(i), bad_hourly_.times(bad * abuse::kWider[i]), true);
        }
    }

    /// Good and bad results of the last ten minutes, in the host's table.
    void note(std::uint64_t key, bool bad, std::int64_t now_ns) const {
        const auto name = nameOf(key, bad);
        psn_counter_value v{};
        host.counters().add(results_, {name.data(), name.size()}, 1, now_ns, &v);
    }
    [[nodiscard]] Tally tallyOf(const Facts& f) const {
        Tally t;
        psn_counter_value v{};
        const auto good = nameOf(f.prefixKey(0), false), bad = nameOf(f.prefixKey(0), true);
        if (host.counters().get(sites_, {good.data(), good.size()}, f.nowNs(), &v) == PSN_OK)
            t.is_site = v.count >= site_;
        if (host.counters().get(results_, {good.data(), good.size()}, f.nowNs(), &v) == PSN_OK)
            t.good = v.count;
        if (host.counters().get(results_, {bad.data(), bad.size()}, f.nowNs(), &v) == PSN_OK)
            t.bad = v.count;
        return t;
    }
    static std::array<char, 9> nameOf(std::uint64_t key, bool bad) {
        std::array<char, 9> out{};
        std::memcpy(out.data(), &key, sizeof key);
        out[8] = bad ? 'b' : 'g';
        return out;
    }

    const Rate all_, bad_, bad_hourly_;
    const double standing_;
    const std::uint64_t site_;
    const double in_flood_;
    abuse::Crowd bad_ones_;
    std::unique_ptr<sdk::RateTable> table_;
    std::unique_ptr<antiabuse::KeptCrowd> kept_;
    psn_counter_table *results_ = nullptr, *sites_ = nullptr;
    unsigned ticks_ = 0;
};

}  // namespace persona::verify_guard

PSN_HEURISTIC_PLUGIN(
    persona::verify_guard::Verify,
    R"({"id":"verify","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["heuristic"],"sdk":"1.0"})")
