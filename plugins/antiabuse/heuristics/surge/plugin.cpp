#include <persona/sdk/heuristic.hpp>
#include <persona/sdk/rates.hpp>

#include <array>
#include <memory>

#include "libs/abuse/crowd.h"
#include "libs/abuse/keys.h"
#include "plugins/antiabuse/hold.h"
#include "plugins/antiabuse/scripted.h"

/// Floods of many hands, each of which asks for no more than a person would: when strangers ask for
/// far more than ever, and few of them get anywhere, each of them works for what he asks (decision
/// 0110). Whoever is known, or began with a mail, or is signed in, notices nothing; nor do sites.
namespace persona::surge {

using abuse::Crowd;
using abuse::pairOf;
using sdk::Facts;
using sdk::Rate;
using sdk::Verdict;

class Surge final : public sdk::Heuristic {
  public:
    /// Sign-ins have a detector of their own (stuffing), verifications no strangers, and files are
    /// for everybody and cost little.
    static constexpr std::uint32_t kMails = 1U << PSN_ROUTE_STAGE;
    static constexpr std::uint32_t kRest = 1U << PSN_ROUTE_UNKNOWN | 1U << PSN_ROUTE_MEASURE;
    static constexpr std::uint32_t kRoutes = antiabuse::kScripted | kRest;

    static std::vector<psn_option> options() {
        using sdk::option;
        return {
            option("times", PSN_OPT_DOUBLE, "2", "times what is usual that is borne"),
            option("calls.per_second", PSN_OPT_DOUBLE, "4",
                   "calls of strangers that are borne besides"),
            option("calls.burst", PSN_OPT_INT, "100", "of them at once", 0, 1, 1'000'000),
            option("mails.per_second", PSN_OPT_DOUBLE, "0.5",
                   "mails for strangers that are borne besides"),
            option("mails.burst", PSN_OPT_INT, "12", "of them at once", 0, 1, 1'000'000),
            option("rest.per_second", PSN_OPT_DOUBLE, "4",
                   "measurements, and requests for what there is not, that are borne besides"),
            option("rest.burst", PSN_OPT_INT, "100", "of them at once", 0, 1, 1'000'000),
            option("hold", PSN_OPT_DURATION, "60s", "how long an alarm lasts after its cause", 0,
                   1'000, 3'600'000),
            option("level", PSN_OPT_INT, "10", "of the first challenge of a network", 0, 3, 14),
            option("work.calls", PSN_OPT_INT, "6", "calls that one solution is good for", 0, 1,
                   1'000),
            option("worked.burst", PSN_OPT_INT, "30",
                   "calls at once of a network that works for them", 0, 1, 100'000),
            option("worked.interval", PSN_OPT_DURATION, "10s", "until one more", 0, 100, 3'600'000),
            option("shared.burst", PSN_OPT_INT, "10",
                   "calls at once, without work, of a network where people sign in", 0, 1, 100'000),
            option("shared.interval", PSN_OPT_DURATION, "2s", "until one more", 0, 100, 3'600'000),
            option("credit", PSN_OPT_DOUBLE, "0.2",
                   "the last two grow by this share for each account that signed in"),
            option("slots", PSN_OPT_INT, "262144", "of the table; 8 octets each", 0, 1'024,
                   67'108'864)};
    }

    Surge(const psn_host* h, const psn_config* c)
        : Heuristic(h, c),
          crowds_{Crowd(settings("calls")), Crowd(settings("mails")), Crowd(settings("rest"))},
          credit_(config.real("credit")),
          level_(number("level")),
          uses_{kPass / number("work.calls"), number("work.calls")},
          worked_{number("worked.interval"), number("worked.burst")},
          shared_{number("shared.interval"), number("shared.burst")},
          alarms_(host.counter("alarms")) {}

    void activate() override {
        table_ =
            std::make_unique<sdk::RateTable>(host.raw(), "surge.visitors", number("slots"), false);
        char text[256];
        psn_err err{text, sizeof text, 0};
        const psn_counter_spec spec{sizeof spec, 64, 0, 0};
        if (host.counters().open(host.raw(), sdk::abi("surge.state"), &spec, &state_, &err) !=
            PSN_OK)
            throw std::runtime_error("surge.state: " + std::string(text, err.len));
        restore();
        std::uint64_t timer = 0;
        if (host.timers().start(
                host.raw(), 1'000, 1'000, [](void* self) { static_cast<Surge*>(self)->tick(); },
                this, &timer) != PSN_OK)
            throw std::runtime_error("no timer to be had");
    }

    Verdict evaluate(const Facts& f) override {
        if (f.routeClass() == PSN_ROUTE_LOGIN || !isStranger(f)) return Verdict::abstain();
        auto& crowd = crowdOf(f);
        const auto second = secondOf(f.nowNs());
        if (crowd.came(second)) alarms_.add();
        if (!crowd.isAlarmed(second)) return Verdict::abstain();
        return (1U << f.routeClass() & kRest) != 0 ? rest(f) : work(f);
    }

    void observe(const Facts& f, const sdk::Outcome& o) override {
        if (o.isRefused() || f.is(PSN_FACT_KNOWN_DEVICE)) return;
        // An account that signs in again and again is one success in an hour.
        const bool in = o.has(PSN_OUTCOME_AUTH_OK) && f.accountKey() != 0 &&
                        table_->take(f.accountKey(), kSucceeded, kHour, 1, f.nowNs()).allowed != 0;
        if (!in && !o.has(PSN_OUTCOME_TOKEN_OK)) return;
        crowds_[0].succeeded();
        if (!in) crowds_[1].succeeded();
    }

    std::optional<std::string> command(std::string_view words) override {
        if (words != "show") return std::nullopt;
        const auto second = secondOf(host.monotonicNs());
        std::string out = "{";
        for (std::size_t i = 0; i < crowds_.size(); ++i)
            out += std::string(i == 0 ? "\"" : ",\"") + kNames[i] +
                   "\":" + (crowds_[i].isAlarmed(second) ? "true" : "false");
        return out + "}";
    }

  private:
    enum Rule : std::uint32_t { kSucceeded = 1, kWorked, kUses, kShared, kOfNetwork = 8 };
    static constexpr Rate kHour{3'600'000, 1};
    static constexpr std::uint32_t kPass = 600'000;
    static constexpr Rate kOnce{kPass, 1};
    static constexpr std::array<const char*, 3> kNames{"calls", "mails", "rest"};

    [[nodiscard]] std::uint32_t number(std::string_view option) const {
        return static_cast<std::uint32_t>(config.num(option));
    }
    [[nodiscard]] Crowd::Settings settings(const std::string& of) const {
        return {config.real("times"), config.real(of + ".per_second"),
                static_cast<double>(config.num(of + ".burst")), number("hold") / 1'000};
    }
    static std::uint32_t secondOf(std::int64_t ns) {
        return static_cast<std::uint32_t>(ns / 1'000'000'000);
    }
    static bool isStranger(const Facts& f) {
        return f.priority() >= 2 && f.sessionClass() == PSN_SESSION_NONE &&
               !f.is(PSN_FACT_KNOWN_DEVICE | PSN_FACT_TRUSTED);
    }
    Crowd& crowdOf(const Facts& f) {
        const auto bit = 1U << f.routeClass();
        return crowds_[(bit & kMails) != 0 ? 1 : (bit & kRest) != 0 ? 2 : 0];
    }
    [[nodiscard]] Rate scaled(const Rate& rate, const Facts& f) const {
        return rate.times(abuse::creditFactor(f.credit(), credit_));
    }
    static Verdict explained(Verdict v, const Facts& f, const psn_rate_answer& a,
                             const Rate& rate) {
        return v.by(f.prefixKey(0)).of(rate.burst, a.spent_ms / rate.interval_ms, rate.windowMs());
    }

    /// Where people sign in from, some go on as ever.
    [[nodiscard]] bool isShared(const Facts& f) const {
        return f.credit() != 0 &&
               table_->take(f.prefixKey(0), kShared, scaled(shared_, f), 1, f.nowNs()).allowed != 0;
    }

    /// Nobody waits for these.
    [[nodiscard]] Verdict rest(const Facts& f) const {
        if (isShared(f)) return Verdict::abstain();
        return Verdict::throttle(10'000, "rest").by(f.prefixKey(0));
    }

    [[nodiscard]] Verdict work(const Facts& f) const {
        const auto browser = pairOf(f.prefixKey(0), f.agentKey());
        const auto visitor = browser != 0 ? browser : f.prefixKey(0);
        const auto now = f.nowNs();
        bool worked = f.is(PSN_FACT_PAID);
        if (worked) {
            table_->take(visitor, kWorked, kOnce, 1, now);
            if (table_->take(visitor, kUses, uses_, 1, now).allowed == 0)
                table_->forget(visitor, kUses);
        } else {
            worked = table_->peek(visitor, kWorked, kOnce, 1, now).allowed == 0 &&
                     table_->take(visitor, kUses, uses_, 1, now).allowed != 0;
        }
        if (worked) return charge(f);
        if (isShared(f)) return Verdict::abstain();
        const auto rate = scaled(worked_, f);
        const auto a = table_->peek(f.prefixKey(0), kOfNetwork, rate, 1, now);
        // Harder the more the network had of it.
        const auto more = 3ULL * a.spent_ms / rate.windowMs();
        return explained(
            Verdict::challenge(level_ + static_cast<std::uint32_t>(std::min(3ULL, more)), "work"),
            f, a, rate);
    }

    /// Machines are patient. One that has many networks is told by the wider one that holds them.
    [[nodiscard]] Verdict charge(const Facts& f) const {
        const auto rateOf = [&](std::uint32_t i) {
            return scaled(worked_, f).times(abuse::kWider[i]);
        };
        for (std::uint32_t i = 0; i < 3; ++i) {
            if (f.prefixKey(i) == 0) continue;
            const auto rate = rateOf(i);
            const auto a = table_->take(f.prefixKey(i), kOfNetwork + i, rate, 1, f.nowNs());
            if (a.allowed != 0) continue;
            for (std::uint32_t k = 0; k < i; ++k)
                table_->refund(f.prefixKey(k), kOfNetwork + k, rateOf(k), 1, f.nowNs());
            return explained(Verdict::throttle(a.retry_after_ms, "worked"), f, a, rate);
        }
        return Verdict::abstain();
    }

    /// [control] Once a second.
    void tick() {
        const auto second = secondOf(host.monotonicNs());
        bool alarmed = false;
        for (auto& crowd : crowds_) {
            crowd.tick(second);
            alarmed |= crowd.isAlarmed(second);
        }
        if (++ticks_ % 10 == 0 || alarmed) keep();
    }

    /// What the successor of a swap or of this process begins with: rates in thousandths, ages in
    /// seconds, and of alarms the seconds that are left.
    void keep() const {
        const auto second = secondOf(host.monotonicNs());
        for (std::size_t i = 0; i < crowds_.size(); ++i) {
            const auto& c = crowds_[i];
            put(i, 'u', static_cast<std::uint32_t>(c.usual.value() * 1'000));
            put(i, 's', static_cast<std::uint32_t>(c.successes.value() * 1'000));
            put(i, 'w', static_cast<std::uint32_t>(c.usual.weight()));
            put(i, 'l', antiabuse::secondsLeft(c.until(), second));
        }
    }
    void restore() {
        const auto second = secondOf(host.monotonicNs());
        for (std::size_t i = 0; i < crowds_.size(); ++i) {
            auto& c = crowds_[i];
            c.usual.restore(get(i, 'u') / 1'000.0, get(i, 'w'));
            c.successes.restore(get(i, 's') / 1'000.0, get(i, 'w'));
            c.restore(antiabuse::endOf(kept(i, 'l'), second, number("hold") / 1'000));
        }
    }
    void put(std::size_t crowd, char what, std::uint32_t value) const {
        const std::array<char, 2> name{static_cast<char>('0' + crowd), what};
        host.counters().set_flag(state_, {name.data(), name.size()}, value, host.monotonicNs());
    }
    [[nodiscard]] psn_counter_value kept(std::size_t crowd, char what) const {
        const std::array<char, 2> name{static_cast<char>('0' + crowd), what};
        psn_counter_value v{};
        host.counters().get(state_, {name.data(), name.size()}, host.monotonicNs(), &v);
        return v;
    }
    [[nodiscard]] std::uint32_t get(std::size_t crowd, char what) const {
        return kept(crowd, what).flag;
    }

    std::array<Crowd, 3> crowds_;
    const double credit_;
    const std::uint32_t level_;
    const Rate uses_, worked_, shared_;
    const sdk::Metric alarms_;
    std::unique_ptr<sdk::RateTable> table_;
    psn_counter_table* state_ = nullptr;
    unsigned ticks_ = 0;
};

}  // namespace persona::surge

PSN_HEURISTIC_PLUGIN(
    persona::surge::Surge,
    R"({"id":"surge","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["heuristic"],"sdk":"1.0","hot_swap":true})")
