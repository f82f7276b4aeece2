#pragma once

#include <cstdint>
#include <persona/sdk/host.hpp>
#include <persona/sdk/rates.hpp>

namespace persona::antiabuse {

/// What is remembered of prefixes from one request to the next, whichever heuristic looks on:
/// credit (distinct accounts that signed in), strikes (refusals that are not forgotten yet), the
/// penalty box, flows that a mail has begun, and what browsers ask for that are known. In tables of
/// the host: it outlives every swap, and but for the last two a restart. [any] thread but for the
/// constructor.
class Ledger {
  public:
    struct Options {
        std::uint32_t slots = 262'144;  ///< prefixes; 8 octets each and a quarter of it for credit
        std::uint32_t box_after = 30, drop_after = 100;  ///< strikes
        std::uint32_t first_box_ms = 30'000, longest_box_ms = 900'000,
                      longest_with_credit_ms = 60'000;
        double known_per_second = 2;  ///< requests of a known browser, as a person makes them
        std::uint32_t known_burst = 60;
    };
    /// [control]
    Ledger(const sdk::Host& host, Options options);

    struct Standing {
        std::uint32_t credit = 0, strikes = 0, boxed_ms = 0;
    };
    /// of() will follow.
    void prefetch(std::uint64_t prefix) const;
    [[nodiscard]] Standing of(std::uint64_t prefix, std::int64_t now_ns) const;
    [[nodiscard]] std::uint32_t dropAfter() const { return options_.drop_after; }
    /// An account signed in from there; it vouches for about eight prefixes a week.
    void signedIn(std::uint64_t prefix, std::uint64_t account, std::int64_t now_ns) const;
    /// A known browser asks for something: false beyond what a person asks for. Files have a budget
    /// of their own.
    [[nodiscard]] bool isPersonal(std::uint64_t session, bool file, std::int64_t now_ns) const;
    /// A class cookie that is not ours came from there: true once an hour.
    [[nodiscard]] bool isNewForgery(std::uint64_t prefix, std::uint64_t cookie,
                                    std::int64_t now_ns) const;
    /// A refusal by a heuristic; at `box_after` of them the prefix goes into the box, at each time
    /// within an hour for twice as long. True: it went in now.
    bool strike(std::uint64_t prefix, std::uint32_t credit, std::int64_t now_ns) const;
    /// Into the box for at least so long, as far as the bounds allow.
    void box(std::uint64_t prefix, std::uint32_t credit, std::uint32_t ms,
             std::int64_t now_ns) const;
    void unbox(std::uint64_t prefix) const;
    /// A mail was sent for somebody there; for an hour what follows is expected.
    void began(std::uint64_t prefix, std::uint64_t account, std::int64_t now_ns) const;
    /// account 0: any.
    [[nodiscard]] bool isUnderWay(std::uint64_t prefix, std::uint64_t account,
                                  std::int64_t now_ns) const;

  private:
    const Options options_;
    const psn_counters_api& counters_;
    psn_counter_table* credit_ = nullptr;
    psn_counter_table* boxings_ = nullptr;
    const sdk::RateTable prefixes_, signed_in_, flows_, known_;
    const sdk::Rate strikes_, box_, personal_;
};

}  // namespace persona::antiabuse
