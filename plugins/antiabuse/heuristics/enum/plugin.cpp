#include <persona/sdk/heuristic.hpp>
#include <persona/sdk/rates.hpp>

#include <memory>

#include "libs/abuse/keys.h"

/// Lists of addresses that are being sorted into known and unknown ones (anti-abuse.md 3.2, T9):
/// budgets of unknown addresses, and of different ones in an hour, for each network. How many
/// different ones is counted by remembering each pair of network and address for an hour, in a
/// table of the host, which so survives a swap and errs by no estimate.
namespace persona::enumeration {

using abuse::pairOf;
using sdk::Facts;
using sdk::Rate;
using sdk::Verdict;

class Enumeration final : public sdk::Heuristic {
  public:
    static constexpr std::uint32_t kRoutes = 1U << PSN_ROUTE_LOOKUP | 1U << PSN_ROUTE_STAGE |
                                             1U << PSN_ROUTE_LOGIN | 1U << PSN_ROUTE_STATUS;

    static std::vector<psn_option> options() {
        return {sdk::option("unknown.burst", PSN_OPT_INT, "30",
                            "unknown addresses at once from one network", 0, 1, 100'000),
                sdk::option("unknown.interval", PSN_OPT_DURATION, "20s", "until one more", 0, 100,
                            3'600'000),
                sdk::option("distinct.hourly", PSN_OPT_INT, "200",
                            "different addresses an hour from one network", 0, 1, 100'000),
                sdk::option("total", PSN_OPT_INT, "4",
                            "unknown addresses a second from all strangers; then each one works", 0,
                            1, 10'000),
                sdk::option("slots", PSN_OPT_INT, "524288", "of the table; 8 octets each", 0, 1'024,
                            67'108'864)};
    }

    Enumeration(const psn_host* h, const psn_config* c)
        : Heuristic(h, c),
          unknown_{number("unknown.interval"), number("unknown.burst")},
          distinct_{std::max(1U, 3'600'000 / number("distinct.hourly")), number("distinct.hourly")},
          total_{std::max(1U, 1'000 / number("total")), number("total") * 10} {}

    void activate() override {
        table_ = std::make_unique<sdk::RateTable>(host.raw(), "enum.asked", number("slots"), false);
    }

    void prepare(const Facts& f) const {
        if (f.accountKey() == 0) return;
        for (std::uint32_t i = 0; i < 3; ++i) {
            if (f.prefixKey(i) == 0) continue;
            table_->prefetch(f.prefixKey(i), kUnknown + i);
            table_->prefetch(f.prefixKey(i), kDistinct + i);
            table_->prefetch(pairOf(f.prefixKey(i), f.accountKey()), kPair + i);
        }
    }

    Verdict evaluate(const Facts& f) override {
        if (f.accountKey() == 0 || f.is(PSN_FACT_KNOWN_DEVICE)) return Verdict::abstain();
        const bool paid = f.is(PSN_FACT_PAID);
        psn_rate_answer worst{1, 0, 0, 0};
        Rate worst_rate = unknown_;
        std::uint64_t worst_key = 0;
        const char* reason = "";
        const auto note = [&](const psn_rate_answer& a, const Rate& rate, std::uint64_t key,
                              const char* why) {
            if (a.allowed != 0 || worst.allowed == 0) return;
            worst = a;
            worst_rate = rate;
            worst_key = key;
            reason = why;
        };
        for (std::uint32_t i = 0; i < 3; ++i) {
            if (f.prefixKey(i) == 0) continue;
            const auto scale = scaleOf(f, i);
            note(table_->charge(f.prefixKey(i), kUnknown + i, unknown_.times(scale), 1, f.nowNs()),
                 unknown_.times(scale), f.prefixKey(i), "unknown");
            const auto rate = distinct_.times(scale);
            if (isNew(f, i))
                note(table_->charge(f.prefixKey(i), kDistinct + i, rate, 1, f.nowNs()), rate,
                     f.prefixKey(i), "distinct");
        }
        // One browser, so that who is at an address with many others has no more than himself.
        if (const auto browser = browserOf(f); browser != 0)
            note(table_->charge(browser, kBrowser, browserRate(f), 1, f.nowNs()), browserRate(f),
                 browser, "browser");
        if (countsForAll(f)) note(everybody(f, paid), total_, kEverybody, "total");
        if (worst.allowed != 0) return Verdict::abstain();
        const auto explained = [&](Verdict v) {
            return v.by(worst_key).of(worst_rate.burst, worst.spent_ms / worst_rate.interval_ms,
                                      worst_rate.windowMs());
        };
        // The work of one buys one answer, up to twice the budget: then it is a machine's.
        const bool far = worst.spent_ms + worst_rate.interval_ms >= 2 * worst_rate.windowMs();
        const bool of_network = worst_key != kEverybody && worst_key != browserOf(f);
        if (paid && (!far || !of_network)) return Verdict::abstain();
        if (paid) return explained(Verdict::throttle(worst.retry_after_ms, reason));
        const auto over = worst.spent_ms - std::min(worst.spent_ms, worst_rate.windowMs());
        return explained(Verdict::challenge(
            9 + static_cast<std::uint32_t>(4ULL * over / worst_rate.windowMs()), reason));
    }

    void observe(const Facts& f, const sdk::Outcome& o) override {
        if (f.accountKey() == 0 || f.is(PSN_FACT_KNOWN_DEVICE)) return;
        if (!o.isRefused() &&
            (o.has(PSN_OUTCOME_ADDRESS_UNKNOWN) || o.has(PSN_OUTCOME_AUTH_UNKNOWN)))
            return;
        for (std::uint32_t i = 0; i < 3; ++i) {
            if (f.prefixKey(i) == 0) continue;
            const auto scale = scaleOf(f, i);
            table_->refund(f.prefixKey(i), kUnknown + i, unknown_.times(scale), 1, f.nowNs());
            if (!o.isRefused()) continue;
            // It got no answer: to ask again is to ask for the first time.
            table_->forget(pairOf(f.prefixKey(i), f.accountKey()), kPair + i);
            table_->refund(f.prefixKey(i), kDistinct + i, distinct_.times(scale), 1, f.nowNs());
        }
        if (const auto browser = browserOf(f); browser != 0)
            table_->refund(browser, kBrowser, browserRate(f), 1, f.nowNs());
        if (countsForAll(f)) table_->refund(kEverybody, kTotal, total_, 1, f.nowNs());
    }

  private:
    enum Rule : std::uint32_t {
        kTotal = 1,
        kAlarm,
        kAsked,
        kBrowser,
        kUnknown = 8,
        kDistinct = 16,
        kPair = 24
    };
    static constexpr std::uint64_t kEverybody = 0x656e756dULL;
    static constexpr Rate kHour{3'600'000, 1}, kCalm{60'000, 1};

    [[nodiscard]] std::uint32_t number(std::string_view option) const {
        return static_cast<std::uint32_t>(config.num(option));
    }
    static double scaleOf(const Facts& f, std::size_t i) {
        return abuse::creditFactor(f.credit(), 0.2) * abuse::kWider[i];
    }
    static std::uint64_t browserOf(const Facts& f) { return pairOf(f.prefixKey(0), f.agentKey()); }
    static Rate browserRate(const Facts& f) {
        return Rate{60'000, 8}.times(abuse::creditFactor(f.credit(), 0.1));
    }
    /// Where nobody has signed in from yet, and where an answer says whether an address is known.
    static bool countsForAll(const Facts& f) {
        return f.credit() == 0 && f.routeClass() != PSN_ROUTE_LOGIN;
    }
    /// A list in many hands: once there are too many unknown addresses, all strangers work, until
    /// for a minute those who were asked to have done so.
    psn_rate_answer everybody(const Facts& f, bool paid) const {
        const auto now = f.nowNs();
        const auto over = table_->charge(kEverybody, kTotal, total_, 1, now);
        if (over.allowed == 0) table_->charge(kEverybody, kAlarm, kCalm, 1, now);
        const auto alarm = table_->peek(kEverybody, kAlarm, kCalm, 1, now);
        if (alarm.allowed != 0) return over;
        if (paid)
            table_->refund(kEverybody, kAsked, total_, 1, now);
        else if (table_->charge(kEverybody, kAsked, total_, 1, now).allowed == 0)
            table_->charge(kEverybody, kAlarm, kCalm, 1, now);
        return {0, alarm.retry_after_ms, total_.windowMs(), 0};
    }
    /// The first time in an hour that this network asks about this address.
    [[nodiscard]] bool isNew(const Facts& f, std::uint32_t i) const {
        return table_->take(pairOf(f.prefixKey(i), f.accountKey()), kPair + i, kHour, 1, f.nowNs())
                   .allowed != 0;
    }

    const Rate unknown_, distinct_, total_;
    std::unique_ptr<sdk::RateTable> table_;
};

}  // namespace persona::enumeration

PSN_HEURISTIC_PLUGIN(
    persona::enumeration::Enumeration,
    R"({"id":"enum","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["heuristic"],"sdk":"1.0"})")
