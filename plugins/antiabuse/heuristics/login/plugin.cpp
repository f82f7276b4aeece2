#include <persona/sdk/heuristic.hpp>
#include <persona/sdk/rates.hpp>

#include <array>
#include <memory>

#include "libs/abuse/keys.h"

/// Guessing at passwords (anti-abuse.md 3.4). A browser that the account knows has a budget of its
/// own, which no stranger touches; all others share what strangers have. Every try is charged as a
/// failure before it is made and given back when it was none, so that guesses in parallel gain
/// nothing; nor does who hangs up before the answer (decision 0170).
namespace persona::login {

using abuse::pairOf;
using sdk::Facts;
using sdk::Rate;
using sdk::Verdict;

class Login final : public sdk::Heuristic {
  public:
    static constexpr std::uint32_t kRoutes = 1U << PSN_ROUTE_LOGIN;

    static std::vector<psn_option> options() {
        return {sdk::option("device.burst", PSN_OPT_INT, "10",
                            "wrong passwords of a known browser in an hour", 0, 1, 1'000),
                sdk::option("pair.burst", PSN_OPT_INT, "5",
                            "wrong passwords from one network for one account", 0, 1, 1'000),
                sdk::option("pair.interval", PSN_OPT_DURATION, "3m", "until one more", 0, 1'000,
                            3'600'000),
                sdk::option("prefix.burst", PSN_OPT_INT, "8",
                            "wrong passwords from one network; unknown addresses count twice", 0, 1,
                            10'000),
                sdk::option("prefix.interval", PSN_OPT_DURATION, "1m", "until one more", 0, 1'000,
                            3'600'000),
                sdk::option("account.free", PSN_OPT_INT, "10",
                            "wrong passwords of strangers for one account in a day without work", 0,
                            1, 1'000),
                sdk::option("account.daily", PSN_OPT_INT, "30",
                            "the same with work; then by mail alone", 0, 1, 10'000),
                sdk::option("account.row", PSN_OPT_INT, "100",
                            "wrong passwords of strangers in a row; then by mail alone for a week",
                            0, 1, 10'000),
                sdk::option("slots", PSN_OPT_INT, "1048576", "of the table; 8 octets each", 0,
                            1'024, 67'108'864)};
    }

    Login(const psn_host* h, const psn_config* c)
        : Heuristic(h, c),
          device_{3'600'000 / number("device.burst"), number("device.burst")},
          pair_{number("pair.interval"), number("pair.burst")},
          prefix_{number("prefix.interval"), number("prefix.burst")},
          free_{kDay / number("account.free"), number("account.free")},
          daily_{kDay / number("account.daily"), number("account.daily")},
          row_{7 * kDay / number("account.row"), number("account.row")} {}

    void activate() override {
        table_ = std::make_unique<sdk::RateTable>(host.raw(), "login.tries", number("slots"), true);
    }

    Verdict evaluate(const Facts& f) override {
        if (!isKnown(f)) return stranger(f);
        const auto device = pairOf(f.sessionKey(), f.accountKey());
        const auto a = charge(kDevice, device, device_, f);
        if (a.allowed != 0) return Verdict::abstain().granting(PSN_GRANT_KNOWN_DEVICE);
        // Too many wrong ones: it is a stranger like the others, but for the challenge, which is
        // put to no known browser: it waits.
        const auto v = stranger(f);
        return v.kind() != PSN_VERDICT_CHALLENGE
                   ? v
                   : explained(Verdict::throttle(a.retry_after_ms, "device"), device, a, device_);
    }

    void observe(const Facts& f, const sdk::Outcome& o) override {
        const bool failed =
            o.isUnanswered() ||
            (!o.isRefused() && (o.has(PSN_OUTCOME_AUTH_FAIL) || o.has(PSN_OUTCOME_AUTH_UNKNOWN) ||
                                o.has(PSN_OUTCOME_LOCKED)));
        bool strange = true;
        if (isKnown(f)) {
            const auto key = pairOf(f.sessionKey(), f.accountKey());
            // Over its budget it was charged with the strangers too.
            strange =
                table_->peek(key, kDevice, device_, 1, f.nowNs()).spent_ms > device_.windowMs();
            if (!failed) table_->refund(key, kDevice, device_, 1, f.nowNs());
        }
        if (!strange) return;
        if (failed && !o.has(PSN_OUTCOME_AUTH_UNKNOWN)) return;
        for (std::size_t i = 0; i < 3; ++i) {
            const auto rate = prefixRate(f, i);
            if (failed)
                charge(kPrefix + static_cast<std::uint32_t>(i), f.prefixKey(i), rate, f);
            else
                refund(kPrefix + static_cast<std::uint32_t>(i), f.prefixKey(i), rate, f);
        }
        if (failed) return;
        refund(kPair, pairOf(f.prefixKey(0), f.accountKey()), pair_, f);
        refund(kFree, f.accountKey(), free_, f);
        refund(kDaily, f.accountKey(), daily_, f);
        refund(kRow, f.accountKey(), row_, f);
        if (o.has(PSN_OUTCOME_AUTH_OK) && !o.isRefused() && f.accountKey() != 0)
            table_->forget(f.accountKey(), kRow);
    }

  private:
    enum Rule : std::uint32_t { kDevice = 1, kPair, kFree, kDaily, kRow, kPrefix = 8 };
    static constexpr std::uint32_t kDay = 86'400'000;

    [[nodiscard]] std::uint32_t number(std::string_view option) const {
        return static_cast<std::uint32_t>(config.num(option));
    }
    static bool isKnown(const Facts& f) {
        return f.is(PSN_FACT_KNOWN_DEVICE) && f.sessionKey() != 0 && f.accountKey() != 0;
    }
    [[nodiscard]] Rate prefixRate(const Facts& f, std::size_t i) const {
        return prefix_.times(abuse::creditFactor(f.credit(), 0.3) * abuse::kWider[i]);
    }
    psn_rate_answer charge(std::uint32_t rule, std::uint64_t key, const Rate& rate,
                           const Facts& f) const {
        if (key == 0) return {1, 0, 0, 0};
        return table_->charge(key, rule, rate, 1, f.nowNs());
    }
    void refund(std::uint32_t rule, std::uint64_t key, const Rate& rate, const Facts& f) const {
        if (key != 0) table_->refund(key, rule, rate, 1, f.nowNs());
    }
    /// 10 to 14: harder the further over the budget.
    static std::uint32_t levelOf(const psn_rate_answer& a, const Rate& rate) {
        const auto over = a.spent_ms > rate.windowMs() ? a.spent_ms - rate.windowMs() : 0U;
        return 10 + std::min(4U, static_cast<std::uint32_t>(4ULL * over / rate.windowMs()));
    }
    static Verdict explained(Verdict v, std::uint64_t key, const psn_rate_answer& a,
                             const Rate& rate) {
        return v.by(key).of(rate.burst, a.spent_ms / rate.interval_ms, rate.windowMs());
    }

    Verdict stranger(const Facts& f) const {
        const auto account = f.accountKey(), pair = pairOf(f.prefixKey(0), account);
        const bool paid = f.is(PSN_FACT_PAID);
        // All of them, whatever the first says: what is charged here is what observe() gives back.
        const auto by_pair = charge(kPair, pair, pair_, f);
        const auto by_free = charge(kFree, account, free_, f);
        const auto by_day = charge(kDaily, account, daily_, f);
        const auto by_row = charge(kRow, account, row_, f);
        std::array<psn_rate_answer, 3> by_prefix{};
        for (std::size_t i = 0; i < 3; ++i)
            by_prefix[i] = charge(kPrefix + static_cast<std::uint32_t>(i), f.prefixKey(i),
                                  prefixRate(f, i), f);
        if (by_pair.allowed == 0)
            return explained(Verdict::throttle(by_pair.retry_after_ms, "pair"), pair, by_pair,
                             pair_);
        if (by_row.allowed == 0)
            return explained(Verdict::challenge(0, "account_row", PSN_CHALLENGE_MAIL), account,
                             by_row, row_);
        if (by_day.allowed == 0)
            return explained(Verdict::challenge(0, "account_day", PSN_CHALLENGE_MAIL), account,
                             by_day, daily_);
        for (std::size_t i = 0; i < 3; ++i) {
            if (by_prefix[i].allowed != 0) continue;
            const auto rate = prefixRate(f, i);
            // Work buys as much again, and no more: machines are patient.
            if (paid && by_prefix[i].spent_ms + rate.interval_ms < 2 * rate.windowMs()) continue;
            const auto v = paid ? Verdict::throttle(by_prefix[i].retry_after_ms, "prefix")
                                : Verdict::challenge(levelOf(by_prefix[i], rate), "prefix");
            return explained(v, f.prefixKey(i), by_prefix[i], rate);
        }
        if (by_free.allowed == 0 && !paid)
            return explained(Verdict::challenge(levelOf(by_free, free_), "account"), account,
                             by_free, free_);
        return Verdict::abstain().hinting(PSN_HINT_UNTRUSTED);
    }

    const Rate device_, pair_, prefix_, free_, daily_, row_;
    std::unique_ptr<sdk::RateTable> table_;
};

}  // namespace persona::login

PSN_HEURISTIC_PLUGIN(
    persona::login::Login,
    R"({"id":"login","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["heuristic"],"sdk":"1.0"})")
