#include "plugins/antiabuse/ledger.h"

#include <algorithm>
#include <persona/sdk/siphash.hpp>
#include <stdexcept>
#include <string>

namespace persona::antiabuse {

namespace {

constexpr std::uint32_t kStrikes = 1, kBox = 2;
constexpr std::uint32_t kPair = 0, kVouches = 1;               ///< of signed_in_
constexpr std::uint32_t kCalls = 0, kFiles = 1, kForgery = 2;  ///< of known_
constexpr std::uint32_t kSecond = 1'000, kHour = 3'600'000, kWeek = 7 * 86'400'000U;
/// One that is spent for a week, and one for an hour.
constexpr sdk::Rate kOnceAWeek{kWeek / 8, 7}, kFlow{kHour, 1}, kOnceAnHour{kHour, 1};
/// Four at once and four more in a week: people move, and whoever has one account has it
/// everywhere.
constexpr sdk::Rate kFewAWeek{kWeek / 4, 4};

psn_counter_table* open(const sdk::Host& host, std::string_view name, psn_counter_spec spec) {
    psn_counter_table* out = nullptr;
    char text[256];
    psn_err err{text, sizeof text, 0};
    spec.struct_size = sizeof spec;
    if (host.counters().open(host.raw(), sdk::abi(name), &spec, &out, &err) != PSN_OK)
        throw std::runtime_error(std::string(name) + ": " + std::string(text, err.len));
    return out;
}

/// Begun ones count.
std::uint32_t inSeconds(std::uint32_t ms) {
    return (ms + kSecond - 1) / kSecond;
}

psn_str keyOf(const std::uint64_t& prefix) {
    return {reinterpret_cast<const char*>(&prefix), sizeof prefix};
}

}  // namespace

Ledger::Ledger(const sdk::Host& host, Options options)
    : options_(options),
      counters_(host.counters()),
      credit_(open(host, "antiabuse.credit", {0, options.slots / 4, kWeek, kWeek})),
      boxings_(open(host, "antiabuse.boxings", {0, options.slots / 16, kHour, kHour})),
      prefixes_(host.raw(), "antiabuse.prefixes", options.slots, true),
      signed_in_(host.raw(), "antiabuse.signed_in", options.slots, true),
      flows_(host.raw(), "antiabuse.flows", options.slots / 4, false),
      known_(host.raw(), "antiabuse.known", options.slots / 4, false),
      // One is forgotten each second, and hardly more are remembered than are ever asked about:
      // whoever shares the address later must not wait for a long memory. Charges go to 2 bursts.
      strikes_{kSecond, std::max(options.drop_after, options.box_after) / 2 + 10},
      box_{kSecond, std::max(1U, options.longest_box_ms / kSecond)},
      personal_(sdk::Rate::perSecond(options.known_per_second, options.known_burst)) {}

void Ledger::prefetch(std::uint64_t prefix) const {
    prefixes_.prefetch(prefix, kStrikes);
    prefixes_.prefetch(prefix, kBox);
}

Ledger::Standing Ledger::of(std::uint64_t prefix, std::int64_t now) const {
    Standing s;
    psn_counter_value v{};
    if (counters_.get(credit_, keyOf(prefix), now, &v) == PSN_OK)
        s.credit = static_cast<std::uint32_t>(std::min<std::uint64_t>(v.count, UINT32_MAX));
    s.strikes = inSeconds(prefixes_.peek(prefix, kStrikes, strikes_, 0, now).spent_ms);
    s.boxed_ms = prefixes_.peek(prefix, kBox, box_, 0, now).spent_ms;
    return s;
}

void Ledger::signedIn(std::uint64_t prefix, std::uint64_t account, std::int64_t now) const {
    if (account == 0 || signed_in_.peek(account, kVouches, kFewAWeek, 1, now).allowed == 0) return;
    // The same account again within the week is no further credit.
    if (signed_in_.take(sdk::mixed(prefix, account), kPair, kOnceAWeek, 7, now).allowed == 0)
        return;
    signed_in_.charge(account, kVouches, kFewAWeek, 1, now);
    counters_.add(credit_, keyOf(prefix), 1, now, nullptr);
}

bool Ledger::isPersonal(std::uint64_t session, bool file, std::int64_t now) const {
    return known_.take(session, file ? kFiles : kCalls, personal_, 1, now).allowed != 0;
}

bool Ledger::isNewForgery(std::uint64_t prefix, std::uint64_t cookie, std::int64_t now) const {
    return known_.take(sdk::mixed(prefix, cookie), kForgery, kOnceAnHour, 1, now).allowed != 0;
}

bool Ledger::strike(std::uint64_t prefix, std::uint32_t credit, std::int64_t now) const {
    const auto spent = inSeconds(prefixes_.charge(prefix, kStrikes, strikes_, 1, now).spent_ms);
    if (spent < options_.box_after || prefixes_.peek(prefix, kBox, box_, 0, now).spent_ms != 0)
        return false;
    psn_counter_value before{};
    counters_.add(boxings_, keyOf(prefix), 1, now, &before);
    const auto times = std::min<std::uint64_t>(before.count == 0 ? 0 : before.count - 1, 10);
    box(prefix, credit, options_.first_box_ms << times, now);
    return true;
}

void Ledger::box(std::uint64_t prefix, std::uint32_t credit, std::uint32_t ms,
                 std::int64_t now) const {
    const auto most = credit != 0 ? options_.longest_with_credit_ms : options_.longest_box_ms;
    const auto wanted = std::min(ms, most);
    const auto has = prefixes_.peek(prefix, kBox, box_, 0, now).spent_ms;
    if (has >= wanted) return;
    prefixes_.charge(prefix, kBox, box_, (wanted - has + kSecond - 1) / kSecond, now);
}

void Ledger::unbox(std::uint64_t prefix) const {
    prefixes_.forget(prefix, kBox);
    prefixes_.forget(prefix, kStrikes);
    counters_.erase(boxings_, keyOf(prefix));
}

void Ledger::began(std::uint64_t prefix, std::uint64_t account, std::int64_t now) const {
    flows_.charge(prefix, 0, kFlow, 1, now);
    if (account != 0) flows_.charge(sdk::mixed(prefix, account), 0, kFlow, 1, now);
}

bool Ledger::isUnderWay(std::uint64_t prefix, std::uint64_t account, std::int64_t now) const {
    const auto key = account == 0 ? prefix : sdk::mixed(prefix, account);
    return flows_.peek(key, 0, kFlow, 0, now).spent_ms != 0;
}

}  // namespace persona::antiabuse
