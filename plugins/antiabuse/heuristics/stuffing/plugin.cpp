#include <persona/sdk/heuristic.hpp>
#include <persona/sdk/rates.hpp>

#include <array>
#include <atomic>
#include <cstring>
#include <memory>

#include "libs/abuse/keys.h"
#include "plugins/antiabuse/heuristics/stuffing/detector.h"
#include "plugins/antiabuse/heuristics/stuffing/leaked.h"
#include "plugins/antiabuse/hold.h"

/// Lists of stolen passwords and one password for many accounts (anti-abuse.md 3.5): guesses that
/// no account and no network sees enough of. While there is an alarm, and for five minutes after
/// it, strangers are asked for work, and those who look like the attack for a mail. Browsers that
/// the account knows never notice.
namespace persona::stuffing {

using abuse::pairOf;
using sdk::Facts;
using sdk::Rate;
using sdk::Verdict;

class Stuffing final : public sdk::Heuristic {
  public:
    static constexpr std::uint32_t kRoutes =
        1U << PSN_ROUTE_LOGIN | 1U << PSN_ROUTE_STAGE | 1U << PSN_ROUTE_CONTEXT;

    static std::vector<psn_option> options() {
        return {sdk::option("hold", PSN_OPT_DURATION, "5m",
                            "how long an alarm lasts after its cause", 0, 1'000, 3'600'000),
                sdk::option("leaked_passwords", PSN_OPT_STRING, "",
                            "file of passwords that every list has, one a line; empty: none"),
                sdk::option("slots", PSN_OPT_INT, "262144", "of the table; 8 octets each", 0, 1'024,
                            67'108'864)};
    }

    Stuffing(const psn_host* h, const psn_config* c)
        : Heuristic(h, c),
          leaked_(config.str("leaked_passwords")),
          hold_s_(static_cast<std::uint32_t>(config.num("hold") / 1'000)),
          alarms_(host.counter("alarms")) {}

    void activate() override {
        table_ = std::make_unique<sdk::RateTable>(
            host.raw(), "stuffing.seen", static_cast<std::uint32_t>(config.num("slots")), false);
        shapes_ = open("stuffing.shapes", 16'384, 3'600'000);
        agents_ = open("stuffing.agents", 4'096, 600'000);
        state_ = open("stuffing.state", 64, 0);
        restore();
        std::uint64_t timer = 0;
        if (host.timers().start(
                host.raw(), 1'000, 1'000, [](void* self) { static_cast<Stuffing*>(self)->tick(); },
                this, &timer) != PSN_OK)
            throw std::runtime_error("no timer to be had");
    }

    void prepare(const Facts& f) const {
        table_->prefetch(pairOf(f.prefixKey(0), f.agentKey()), kCame);
        table_->prefetch(f.prefixKey(0), kFirst);
    }

    Verdict evaluate(const Facts& f) override {
        const auto visitor = pairOf(f.prefixKey(0), f.agentKey());
        if (f.routeClass() == PSN_ROUTE_CONTEXT) {
            mark(visitor, kCame, kHour, f);
            mark(f.prefixKey(0), kFirst, kWeek, f);
            return Verdict::abstain();
        }
        if (isKnown(f)) return Verdict::abstain();
        if (f.routeClass() == PSN_ROUTE_STAGE) return stage(f);
        const auto second = static_cast<std::uint32_t>(f.nowNs() / 1'000'000'000);
        const bool sprayed = isSprayed(f);
        if (sprayed) extend(sign_in_until_, second);
        if (!isOn(sign_in_until_, second)) return Verdict::abstain();
        std::uint32_t score = sprayed ? 20 : 0;
        if (f.credit() == 0) score += 10;
        if (sinceMark(f.prefixKey(0), kFirst, kWeek, f) < 3'600'000) score += 5;
        if (isOverrepresented(f)) score += 10;
        if (sinceMark(visitor, kCame, kHour, f) < 2'000) score += 10;
        if (isSpread(f)) score += 10;
        if (leaked_.has(f.arg("pass"))) score += 20;
        if (score >= 25)
            return Verdict::challenge(0, sprayed ? "spray" : "stuffing", PSN_CHALLENGE_MAIL)
                .weighing(score)
                .by(f.prefixKey(0));
        if (score < 10 || f.is(PSN_FACT_PAID)) return Verdict::abstain();
        return Verdict::challenge(10 + (score - 10) / 5, sprayed ? "spray" : "stuffing")
            .weighing(score)
            .by(f.prefixKey(0));
    }

    void observe(const Facts& f, const sdk::Outcome& o) override {
        if (o.isRefused() || isKnown(f) || f.routeClass() == PSN_ROUTE_CONTEXT) return;
        if (f.routeClass() == PSN_ROUTE_STAGE) {
            if (f.isCostly(PSN_TRAIT_HASHES)) add(stagings_);
            return;
        }
        const bool unknown = o.has(PSN_OUTCOME_AUTH_UNKNOWN);
        const bool failed = unknown || o.has(PSN_OUTCOME_AUTH_FAIL) || o.has(PSN_OUTCOME_LOCKED) ||
                            o.isUnanswered();
        if (!failed && !o.has(PSN_OUTCOME_AUTH_OK)) return;
        add(tries_);
        tally(agents_, f.agentKey(), failed ? 'f' : 'g', f.nowNs());
        tally(agents_, kEverybody, failed ? 'f' : 'g', f.nowNs());
        if (!failed) return;
        add(failures_);
        if (unknown) add(unknown_);
        // Different accounts in vain from one /24 or /56.
        const auto key = pairOf(f.prefixKey(1), f.accountKey());
        if (key != 0 && table_->take(key, kTried, kHour, 1, f.nowNs()).allowed != 0)
            table_->charge(f.prefixKey(1), kSpread, spreadRate(f), 1, f.nowNs());
    }

    std::optional<std::string> command(std::string_view words) override {
        if (words != "show") return std::nullopt;
        const auto second = static_cast<std::uint32_t>(host.monotonicNs() / 1'000'000'000);
        return std::string(R"({"sign_in":)") + (isOn(sign_in_until_, second) ? "true" : "false") +
               R"(,"sign_up":)" + (isOn(sign_up_until_, second) ? "true" : "false") + "}";
    }

  private:
    enum Rule : std::uint32_t { kCame = 1, kFirst, kTried, kSpread, kShape };
    static constexpr Rate kHour{3'600'000, 1}, kWeek{604'800'000, 1};
    static constexpr std::uint64_t kEverybody = 0x73747566ULL;

    static bool isKnown(const Facts& f) { return f.is(PSN_FACT_KNOWN_DEVICE); }
    static void add(std::atomic<std::uint32_t>& n) { n.fetch_add(1, std::memory_order_relaxed); }

    [[nodiscard]] psn_counter_table* open(std::string_view name, std::uint32_t slots,
                                          std::uint32_t window_ms) const {
        char text[256];
        psn_err err{text, sizeof text, 0};
        psn_counter_table* table = nullptr;
        const psn_counter_spec spec{sizeof spec, slots, window_ms, 0};
        if (host.counters().open(host.raw(), sdk::abi(name), &spec, &table, &err) != PSN_OK)
            throw std::runtime_error(std::string(name) + ": " + std::string(text, err.len));
        return table;
    }

    void mark(std::uint64_t key, std::uint32_t rule, const Rate& once, const Facts& f) const {
        if (key != 0) table_->take(key, rule, once, 1, f.nowNs());
    }
    /// Milliseconds since a mark was made; 0: there is none.
    [[nodiscard]] std::uint32_t sinceMark(std::uint64_t key, std::uint32_t rule, const Rate& once,
                                          const Facts& f) const {
        if (key == 0) return 0;
        const auto left = table_->peek(key, rule, once, 1, f.nowNs()).spent_ms;
        return left == 0 || left > once.interval_ms ? 0 : once.interval_ms - left;
    }
    static bool isOn(const std::atomic<std::uint32_t>& until, std::uint32_t second) {
        return second < until.load(std::memory_order_relaxed);
    }
    void extend(std::atomic<std::uint32_t>& until, std::uint32_t second) const {
        if (!isOn(until, second)) alarms_.add();
        until.store(second + hold_s_, std::memory_order_relaxed);
    }

    Verdict stage(const Facts& f) const {
        const auto second = static_cast<std::uint32_t>(f.nowNs() / 1'000'000'000);
        if (!f.isCostly(PSN_TRAIT_HASHES) || f.credit() != 0 || f.is(PSN_FACT_PAID) ||
            !isOn(sign_up_until_, second))
            return Verdict::abstain();
        return Verdict::challenge(10, "sign_ups").by(f.prefixKey(0));
    }

    [[nodiscard]] Rate spreadRate(const Facts& f) const {
        return Rate{180'000, 20}.times(abuse::creditFactor(f.credit(), 0.3));
    }
    [[nodiscard]] bool isSpread(const Facts& f) const {
        return f.prefixKey(1) != 0 &&
               table_->peek(f.prefixKey(1), kSpread, spreadRate(f), 1, f.nowNs()).allowed == 0;
    }

    static std::array<char, 9> nameOf(std::uint64_t key, char kind) {
        std::array<char, 9> out{};
        std::memcpy(out.data(), &key, sizeof key);
        out[8] = kind;
        return out;
    }
    std::uint64_t tally(psn_counter_table* t, std::uint64_t key, char kind,
                        std::int64_t now_ns) const {
        const auto name = nameOf(key, kind);
        psn_counter_value v{};
        host.counters().add(t, {name.data(), name.size()}, 1, now_ns, &v);
        return v.count;
    }
    [[nodiscard]] std::uint64_t count(psn_counter_table* t, std::uint64_t key, char kind,
                                      std::int64_t now_ns) const {
        const auto name = nameOf(key, kind);
        psn_counter_value v{};
        return host.counters().get(t, {name.data(), name.size()}, now_ns, &v) == PSN_OK ? v.count
                                                                                        : 0;
    }

    /// Its fields are those of over 5 in 100 failures, and three times as frequent there as among
    /// the successes.
    [[nodiscard]] bool isOverrepresented(const Facts& f) const {
        if (f.agentKey() == 0) return true;
        const auto now = f.nowNs();
        const auto failures = count(agents_, kEverybody, 'f', now);
        const auto own = count(agents_, f.agentKey(), 'f', now);
        if (failures < 20 || own * 20 <= failures) return false;
        const auto successes = count(agents_, kEverybody, 'g', now);
        const auto own_good = count(agents_, f.agentKey(), 'g', now);
        return own * std::max<std::uint64_t>(1, successes) > 3 * own_good * failures;
    }

    /// One password at over 20 accounts within the hour, and over 1 in 100 of all tries: by length
    /// and 12 bits of a hash whose secret is another one each hour.
    [[nodiscard]] bool isSprayed(const Facts& f) const {
        const auto password = f.arg("pass");
        if (password.empty() || f.accountKey() == 0) return false;
        const auto hour = static_cast<std::uint64_t>(f.nowNs() / 3'600'000'000'000);
        const auto shape = (shapeOf(password, secret_ ^ hour * 0x9e3779b97f4a7c15ULL) & 0xfff) |
                           std::min<std::uint64_t>(password.size(), 255) << 12 | 1ULL << 63;
        if (table_->take(pairOf(shape, f.accountKey()), kShape, kHour, 1, f.nowNs()).allowed != 0) {
            tally(shapes_, shape, 's', f.nowNs());
            tally(shapes_, kEverybody, 's', f.nowNs());
        }
        const auto n = count(shapes_, shape, 's', f.nowNs());
        return n > 20 && n * 100 > count(shapes_, kEverybody, 's', f.nowNs());
    }

    /// [control] Once a second.
    void tick() {
        Second last;
        last.tries = tries_.exchange(0);
        last.failures = failures_.exchange(0);
        last.unknown = unknown_.exchange(0);
        last.stagings = stagings_.exchange(0);
        const auto second = static_cast<std::uint32_t>(host.monotonicNs() / 1'000'000'000);
        const auto alarm = detector_.tick(last);
        if (alarm.sign_in) extend(sign_in_until_, second);
        if (alarm.sign_up) extend(sign_up_until_, second);
        if (++ticks_ % 10 == 0 || alarm.sign_in || alarm.sign_up) keep();
    }

    /// What the successor of a swap or of this process begins with: rates in thousandths, ages in
    /// seconds, and of alarms the seconds that are left.
    void keep() const {
        const auto second = static_cast<std::uint32_t>(host.monotonicNs() / 1'000'000'000);
        const auto thousandths = [](double v) { return static_cast<std::uint32_t>(v * 1'000); };
        put('t', thousandths(detector_.tries.value()));
        put('f', thousandths(detector_.failures.value()));
        put('u', thousandths(detector_.unknown.value()));
        put('s', thousandths(detector_.stagings.value()));
        put('w', static_cast<std::uint32_t>(detector_.failures.weight()));
        put('v', static_cast<std::uint32_t>(detector_.stagings.weight()));
        put('I', antiabuse::secondsLeft(sign_in_until_, second));
        put('P', antiabuse::secondsLeft(sign_up_until_, second));
    }
    void restore() {
        const double weight = get('w');
        detector_.tries.restore(get('t') / 1'000.0, weight);
        detector_.failures.restore(get('f') / 1'000.0, weight);
        detector_.unknown.restore(get('u') / 1'000.0, weight);
        detector_.stagings.restore(get('s') / 1'000.0, get('v'));
        const auto second = static_cast<std::uint32_t>(host.monotonicNs() / 1'000'000'000);
        sign_in_until_ = antiabuse::endOf(kept('I'), second, hold_s_);
        sign_up_until_ = antiabuse::endOf(kept('P'), second, hold_s_);
        const auto seed = host.random(sizeof secret_);
        std::memcpy(&secret_, seed.data(), sizeof secret_);
    }
    void put(char name, std::uint32_t value) const {
        host.counters().set_flag(state_, {&name, 1}, value, host.monotonicNs());
    }
    [[nodiscard]] psn_counter_value kept(char name) const {
        psn_counter_value v{};
        host.counters().get(state_, {&name, 1}, host.monotonicNs(), &v);
        return v;
    }
    [[nodiscard]] std::uint32_t get(char name) const { return kept(name).flag; }

    const LeakedPasswords leaked_;
    const std::uint32_t hold_s_;
    const sdk::Metric alarms_;
    std::unique_ptr<sdk::RateTable> table_;
    psn_counter_table *shapes_ = nullptr, *agents_ = nullptr, *state_ = nullptr;
    std::uint64_t secret_ = 0;
    Detector detector_;
    unsigned ticks_ = 0;
    std::atomic<std::uint32_t> tries_{0}, failures_{0}, unknown_{0}, stagings_{0};
    mutable std::atomic<std::uint32_t> sign_in_until_{0}, sign_up_until_{0};
};

}  // namespace persona::stuffing

PSN_HEURISTIC_PLUGIN(
    persona::stuffing::Stuffing,
    R"({"id":"stuffing","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["heuristic"],"sdk":"1.0"})")
