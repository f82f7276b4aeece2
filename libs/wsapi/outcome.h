#pragma once

#include <ctime>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace persona::wsapi {

/// What became of a request, for the router's heuristics (anti-abuse.md 3.1): its status alone does
/// not say that a password was wrong. Travels in the field BID-AA-Outcome, which the router never
/// passes on to a client.
enum class Outcome : std::uint8_t {
    None,
    AuthOk,
    AuthFail,     ///< wrong password of a known account
    AuthUnknown,  ///< no such account
    Locked,       ///< refused by the account's own limit
    MailSent,
    MailSkipped,
    VerifyOk,
    VerifyBad,
    VerifyBadKey,  ///< of a kind or size that no provider has
    WkHit,         ///< a provider's document was at hand
    WkMiss,        ///< it was asked for
    TokenBad,
    TokenOk,
    AddressKnown,
    AddressUnknown
};

/// Response fields by which a role tells the router: what became of it, what it cost, and how long
/// it waited for a worker.
inline constexpr std::string_view kOutcomeField = "BID-AA-Outcome", kCostField = "BID-AA-Cost-Us",
                                  kQueueField = "BID-AA-Queue-Us";

/// As it stands in the field; empty for None.
[[nodiscard]] constexpr std::string_view nameOf(Outcome outcome) {
    constexpr std::array<std::string_view, 16> kNames{
        "",           "auth_ok",       "auth_fail",     "auth_unknown",
        "locked",     "mail_sent",     "mail_skipped",  "verify_ok",
        "verify_bad", "verify_badkey", "wk_hit",        "wk_miss",
        "token_bad",  "token_ok",      "address_known", "address_unknown"};
    return kNames[static_cast<std::size_t>(outcome)];
}

/// All that became of one request.
class Outcomes {
  public:
    void note(Outcome outcome) {
        if (outcome != Outcome::None) noted_ |= 1U << static_cast<unsigned>(outcome);
    }
    void add(const Outcomes& others) { noted_ |= others.noted_; }
    /// Value of BID-AA-Outcome, in the order of the enumeration, which puts first what matters
    /// most; empty: nothing to tell.
    [[nodiscard]] std::string text() const {
        std::string out;
        for (unsigned i = 1; i < 32; ++i) {
            if ((noted_ >> i & 1U) == 0) continue;
            if (!out.empty()) out += ", ";
            out += nameOf(static_cast<Outcome>(i));
        }
        return out;
    }

  private:
    std::uint32_t noted_ = 0;
};

/// Processor time that a request costs this role, over the threads that work on it one after the
/// other. Waiting costs nothing.
class CostMeter {
    using Clock = std::int64_t (*)();
    template <Clock now>
    class Timer {
      public:
        explicit Timer(CostMeter& meter) : meter_(meter), from_(now()) {}
        ~Timer() { meter_.ns_ += now() - from_; }
        Timer(const Timer&) = delete;
        Timer& operator=(const Timer&) = delete;

      private:
        CostMeter& meter_;
        std::int64_t from_;
    };
    template <clockid_t id>
    static std::int64_t read() {
        std::timespec t{};
        ::clock_gettime(id, &t);
        return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
    }

  public:
    /// Measures the calling thread as long as it lives. One at a time, of either kind.
    using Lap = Timer<read<CLOCK_THREAD_CPUTIME_ID>>;
    /// The same for a step that never waits, such as one on an event loop: reading the thread's
    /// own time takes the kernel up to a microsecond, twice a lap, and this clock needs no kernel.
    /// What it gets wrong is a step that loses its processor to others, whose time is counted too;
    /// that befalls steps in proportion to their length, so what requests cost beside one another
    /// stays right.
    using LoopLap = Timer<read<CLOCK_MONOTONIC>>;
    /// Microseconds of the laps that have ended, rounded up.
    [[nodiscard]] std::int64_t micros() const { return (ns_ + 999) / 1'000; }

  private:
    std::int64_t ns_ = 0;
};

/// Fields of an answer; their names are literals.
using AnswerFields = std::vector<std::pair<std::string_view, std::string>>;

/// What the router is told of a request besides its answer.
struct Report {
    Outcomes outcomes;
    CostMeter cost;
    std::int64_t queued_ns = 0;  ///< waiting for workers

    /// Adds the response fields that say so.
    void appendTo(AnswerFields& fields) const {
        if (auto words = outcomes.text(); !words.empty())
            fields.emplace_back(kOutcomeField, std::move(words));
        if (const auto us = cost.micros(); us > 0)
            fields.emplace_back(kCostField, std::to_string(us));
        if (queued_ns > 0) fields.emplace_back(kQueueField, std::to_string(queued_ns / 1'000));
    }
};

}  // namespace persona::wsapi
