#include <persona/sdk/heuristic.hpp>
#include <persona/sdk/rates.hpp>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>

#include "libs/abuse/keys.h"
#include "libs/wsapi/secret_file.h"
#include "libs/wsapi/session.h"
#include "plugins/antiabuse/heuristics/challenge/tickets.h"
#include "plugins/antiabuse/scripted.h"

/// Proof of work (anti-abuse.md section 4): makes the challenges that others ask for, and vouches
/// for those who solved one. It never asks for any itself, but of those who show a false proof.
namespace persona::challenge {

using sdk::Facts;
using sdk::Rate;
using sdk::Verdict;

class Challenger final : public sdk::Heuristic {
  public:
    static constexpr std::uint32_t kRoutes = antiabuse::kScripted;
    static constexpr std::uint32_t kFacts = PSN_FACT_PROOF | PSN_FACT_COOKIES;
    static constexpr bool kMakesChallenges = true;

    static std::vector<psn_option> options() {
        return {
            sdk::option("secrets.challenge", PSN_OPT_STRING, "var/secrets/challenge",
                        "file of the secret under which challenges are made; the same for all "
                        "routers; made on first start"),
            sdk::option("public_url", PSN_OPT_STRING, "",
                        "origin of the service; its cookie is Secure when it is https"),
            sdk::option("lifetime", PSN_OPT_DURATION, "120s", "of a challenge", 0, 10'000, 120'000),
            sdk::option("iterations", PSN_OPT_INT, "250", "of PBKDF2 in one call", 0, 1, 100'000),
            sdk::option("easiest", PSN_OPT_INT, "8", "level of the least challenge, in bits", 0, 3,
                        14),
            sdk::option("hardest", PSN_OPT_INT, "14", "level of the hardest challenge", 0, 3, 20),
            sdk::option("pass", PSN_OPT_DURATION, "10m",
                        "how long one solution is good for more cheap requests", 0, 0, 3'600'000),
            sdk::option("slots", PSN_OPT_INT, "524288", "of the table of spent proofs", 0, 1'024,
                        16'777'216)};
    }

    Challenger(const psn_host* h, const psn_config* c)
        : Heuristic(h, c),
          tickets_(readRing(config.str("secrets.challenge"))),
          secure_(config.str("public_url").rfind("https://", 0) == 0),
          lifetime_ms_(config.num("lifetime")),
          pass_ms_(config.num("pass")),
          iterations_(static_cast<std::uint32_t>(config.num("iterations"))),
          easiest_(static_cast<std::uint32_t>(config.num("easiest"))),
          hardest_(std::max(easiest_, static_cast<std::uint32_t>(config.num("hardest")))),
          slots_(static_cast<std::uint32_t>(config.num("slots"))) {
        for (std::size_t i = 0; i < kResults.size(); ++i)
            results_[i] = host.counter(std::string(kResults[i]));
    }

    void activate() override {
        table_ = std::make_unique<sdk::RateTable>(host.raw(), "challenge.spent", slots_, true);
    }

    Verdict evaluate(const Facts& f) override {
        const auto proof = f.header("bid-work");
        if (!proof.empty() && proof != "wait") return redeem(f, proof);
        return f.is(PSN_FACT_COOKIES) ? show(f) : Verdict::abstain();
    }

    std::optional<sdk::Challenge> challenge(const Facts& f, const psn_verdict& wanted) override {
        if (wanted.challenge_kind == PSN_CHALLENGE_MAIL) return byMail();
        if (!mayIssue(f)) return std::nullopt;
        if (f.header("bid-work") == "wait") return byWaiting(f);
        pow::Puzzle p;
        p.iterations = iterations_;
        p.bits = std::clamp(levelOf(wanted), easiest_, hardest_);
        if (f.header("bid-work-alg") == "s256") {
            p.algorithm = pow::Algorithm::Sha256;
            p.bits = std::clamp(p.bits, easiest_, std::max(easiest_, hardest_ - 1)) + kPlainBits;
        }
        const auto seed = host.random(p.seed.size());
        std::copy(seed.begin(), seed.end(), p.seed.begin());
        const auto wall = host.wallMs();
        auto text = tickets_.work(p, bindingOf(f), wall + lifetimeNow(wall), wall);
        count(Issued);
        auto body = bodyOf("work", R"(,"challenge":")" + text + "\"");
        return sdk::Challenge{std::move(text), std::move(body), 1'000};
    }

  private:
    enum Rule : std::uint32_t { kSpent = 1, kPass = 2, kWaits = 3, kOpen = 8 };
    enum Result : std::size_t {
        Issued,
        Solved,
        Wrong,
        Spent,
        Forged,
        Expired,
        Elsewhere,
        Waits,
        Waited,
        Mails
    };
    static constexpr std::array<std::string_view, 10> kResults{
        "work.issued",  "work.solved",    "work.wrong",  "work.spent",  "work.forged",
        "work.expired", "work.elsewhere", "wait.issued", "wait.solved", "mail.issued"};
    static constexpr std::uint32_t kExpensive = 20;
    /// A plain hash costs a native solver a 1,024th of 250 rounds (decision 0111).
    static constexpr std::uint32_t kPlainBits = 10;
    /// Challenges of one browser that it has not solved.
    static constexpr Rate kUnsolved{1'000, 60};
    static constexpr Rate kOnce{130'000, 1};               // longer than any challenge lives
    static constexpr Rate kBudget{3'600'000, kExpensive};  // does not come back while a pass lives
    static constexpr Rate kWaiting{60'000, 3};

    static wsapi::KeyRing readRing(const std::string& file) {
        auto ring = wsapi::loadOrCreateKeyRing(file);
        if (!ring) throw std::runtime_error("secrets.challenge: " + ring.error());
        return std::move(*ring);
    }
    void count(Result r) const { results_[r].add(); }

    static Binding bindingOf(const Facts& f) {
        return {f.prefixKey(1) != 0 ? f.prefixKey(1) : f.prefixKey(0), f.sessionKey(),
                f.accountKey(), f.routeClass()};
    }
    static std::uint64_t keyOf(const std::string& id) {
        std::uint64_t key = 0;
        std::memcpy(&key, id.data(), sizeof key);
        return key;
    }
    static std::uint32_t costOf(const Facts& f) {
        return f.isCostly(PSN_TRAIT_HASHES | PSN_TRAIT_MAILS) ? kExpensive : 1;
    }
    static std::string bodyOf(std::string_view kind, const std::string& more = "") {
        return R"({"success":false,"reason":"challenge","kind":")" + std::string(kind) + "\"" +
               more + "}";
    }

    /// Who is asked again and again and never solves anything is refused. By browser, since people
    /// may share their address with the one who does; and by network, since it may call itself
    /// another one each time.
    [[nodiscard]] bool mayIssue(const Facts& f) const {
        bool may = true;
        each(f, [&](std::uint32_t rule, std::uint64_t key, const Rate& rate) {
            may &= table_->take(key, rule, rate, 1, f.nowNs()).allowed != 0;
        });
        return may;
    }
    void noteSolved(const Facts& f) const {
        each(f, [&](std::uint32_t rule, std::uint64_t key, const Rate& rate) {
            table_->refund(key, rule, rate, 1, f.nowNs());
        });
    }
    template <typename F>
    void each(const Facts& f, F&& use) const {
        const auto credit = abuse::creditFactor(f.credit(), 0.2);
        if (const auto browser = abuse::pairOf(f.prefixKey(0), f.agentKey()); browser != 0)
            use(kOpen, browser, kUnsolved);
        for (std::uint32_t i = 0; i < 3; ++i)
            if (f.prefixKey(i) != 0)
                use(kOpen + 1 + i, f.prefixKey(i), kUnsolved.times(4 * credit * abuse::kWider[i]));
    }

    [[nodiscard]] std::uint32_t levelOf(const psn_verdict& wanted) const {
        if (wanted.level != 0) return wanted.level;
        return wanted.weight < 20 ? 8 : wanted.weight < 40 ? 10 : wanted.weight < 80 ? 12 : 13;
    }

    /// Shorter while so many proofs come in that the table of the spent ones could forget some.
    std::int64_t lifetimeNow(std::int64_t wall_ms) const {
        return busy_minute_.load(std::memory_order_relaxed) == wall_ms / 60'000
                   ? std::min<std::int64_t>(lifetime_ms_, 30'000)
                   : lifetime_ms_;
    }
    void noteRedemption(std::int64_t wall_ms) {
        const auto minute = wall_ms / 60'000;
        if (minute_.exchange(minute, std::memory_order_relaxed) != minute)
            redeemed_.store(0, std::memory_order_relaxed);
        if (redeemed_.fetch_add(1, std::memory_order_relaxed) > slots_ / 16)
            busy_minute_.store(minute, std::memory_order_relaxed);
    }

    Verdict again(Result why, std::string_view reason) const {
        count(why);
        return Verdict::challenge(easiest_, reason);
    }

    Verdict refused(Check check) const {
        switch (check) {
            case Check::Expired:
                return again(Expired, "proof_expired");
            case Check::Early:
                return again(Expired, "proof_early");
            case Check::Elsewhere:
                return again(Elsewhere, "proof_elsewhere");
            default:
                return again(Forged, "proof_forged");
        }
    }

    Verdict redeem(const Facts& f, std::string_view proof) {
        const auto wall = host.wallMs();
        const auto binding = bindingOf(f);
        const auto semicolon = proof.find(';');
        const auto ticket = proof.substr(0, semicolon);
        const bool waited = ticket.substr(0, 3) == "w1.";
        const auto read = waited ? tickets_.readWait(ticket, binding, wall)
                                 : tickets_.readWork(ticket, binding, wall);
        if (read.check != Check::Good) return refused(read.check);
        // A wait is free for who has many machines: it opens no door to passwords.
        if (waited && f.routeClass() == PSN_ROUTE_LOGIN) return again(Elsewhere, "proof_elsewhere");
        // Spent even when it turns out wrong, so that a challenge buys one check at most.
        if (table_->take(keyOf(read.id), kSpent, kOnce, 1, f.nowNs()).allowed == 0)
            return again(Spent, "proof_spent");
        noteRedemption(wall);
        if (waited) {
            table_->refund(binding.network, kWaits, kWaiting, 1, f.nowNs());
            count(Waited);
            noteSolved(f);
            return Verdict::abstain().granting(PSN_GRANT_PAID);
        }
        const auto numbers =
            semicolon == std::string_view::npos ? std::string_view() : proof.substr(semicolon + 1);
        const auto solution =
            numbers.substr(0, 2) == "n=" ? pow::parseSolution(numbers.substr(2)) : std::nullopt;
        if (!solution || !pow::isSolved(read.puzzle, *solution)) return again(Wrong, "proof_wrong");
        count(Solved);
        noteSolved(f);
        auto verdict = Verdict::abstain().granting(PSN_GRANT_PAID);
        const auto cost = costOf(f);
        table_->take(keyOf(read.id), kPass, kBudget, cost, f.nowNs());
        if (cost == kExpensive || pass_ms_ == 0) return verdict;
        return verdict.settingCookie(
            "bid_pow=" + tickets_.pass(read.id, binding, wall + pass_ms_, wall) +
            "; path=/; max-age=" + std::to_string(pass_ms_ / 1'000) + (secure_ ? "; secure" : "") +
            "; httponly; samesite=lax");
    }

    /// A pass that others would have had to ask for. Nothing is said of one that is not good here:
    /// browsers send it everywhere.
    Verdict show(const Facts& f) {
        const auto pass = wsapi::cookieValue(f.header("cookie"), "bid_pow");
        if (!pass) return Verdict::abstain();
        const auto read = tickets_.readPass(*pass, bindingOf(f), host.wallMs());
        if (read.check != Check::Good ||
            table_->take(keyOf(read.id), kPass, kBudget, costOf(f), f.nowNs()).allowed == 0)
            return Verdict::abstain();
        return Verdict::abstain().granting(PSN_GRANT_PAID);
    }

    std::optional<sdk::Challenge> byMail() const {
        count(Mails);
        return sdk::Challenge{"mail", bodyOf("mail"), 60'000};
    }

    /// For browsers that cannot work: a time to come back at, doubled with each strike. A sign-in
    /// goes by mail.
    std::optional<sdk::Challenge> byWaiting(const Facts& f) const {
        if (f.routeClass() == PSN_ROUTE_LOGIN) return byMail();
        const auto binding = bindingOf(f);
        if (table_->take(binding.network, kWaits, kWaiting, 1, f.nowNs()).allowed == 0)
            return std::nullopt;
        const std::int64_t wait_ms =
            std::min<std::int64_t>(60'000, 5'000LL << std::min(f.strikes(), 4U));
        const auto wall = host.wallMs();
        auto text = tickets_.wait(host.random(pow::Puzzle::kSeed), binding, wall + wait_ms,
                                  wall + wait_ms + 60'000, wall);
        count(Waits);
        auto body = bodyOf(
            "wait", R"(,"ticket":")" + text + R"(","wait_ms":)" + std::to_string(wait_ms + 1'000));
        return sdk::Challenge{std::move(text), std::move(body),
                              static_cast<std::uint32_t>(wait_ms + 1'000)};
    }

    const Tickets tickets_;
    const bool secure_;
    const std::int64_t lifetime_ms_, pass_ms_;
    const std::uint32_t iterations_, easiest_, hardest_, slots_;
    std::unique_ptr<sdk::RateTable> table_;
    std::atomic<std::int64_t> minute_{0}, busy_minute_{-1};
    std::atomic<std::uint32_t> redeemed_{0};
    std::array<sdk::Metric, kResults.size()> results_;
};

}  // namespace persona::challenge

PSN_HEURISTIC_PLUGIN(
    persona::challenge::Challenger,
    R"({"id":"challenge","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["heuristic"],"sdk":"1.0"})")
