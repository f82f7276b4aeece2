#include "host/bridge/candidate.h"

#include <utility>

#include "host/bridge/stream.h"
#include "host/bridge/ticks.h"

namespace persona::host::bridge {

namespace {

constexpr const char* kNames[] = {"abstain",  "allow", "tag",  "delay", "challenge",
                                  "throttle", "shed",  "deny", "drop"};

/// How badly somebody is treated: a list that lets through is the best there is.
std::uint32_t severity(const psn_verdict& v) {
    const auto kind = v.kind == PSN_VERDICT_ALLOW     ? 0U
                      : v.kind == PSN_VERDICT_ABSTAIN ? PSN_VERDICT_ALLOW
                                                      : v.kind;
    // What weighs is a tag, whatever it is called.
    return (kind == PSN_VERDICT_ALLOW && v.weight != 0 ? PSN_VERDICT_TAG : kind) * 1'001 + v.weight;
}

std::string field(const char* name, std::uint64_t n) {
    return ",\"" + std::string(name) + "\":" + std::to_string(n);
}

}  // namespace

OnlyLooking::OnlyLooking() : before_(std::exchange(in_shadow, true)) {}

OnlyLooking::~OnlyLooking() {
    in_shadow = before_;
}

Candidate::Candidate(std::unique_ptr<Heuristic> tried, std::int64_t since_ns, std::int64_t until_ns)
    : tried_(std::move(tried)), since_ns_(since_ns), until_ns_(until_ns) {}

bool Candidate::evaluate(const psn_facts& facts, psn_verdict& out, unsigned loop) {
    if (in_shadow || !isAsked(facts.now_ns)) return false;
    const OnlyLooking looking;
    // One that fails is found in its faults; what on_error says of it is no verdict of its own.
    auto from = ticks();
    return tried_->evaluate(facts, out, loop, from) == PSN_OK;
}

void Candidate::compare(const psn_facts& facts, const psn_verdict& own, const psn_verdict& acting) {
    const auto add = [](Count& n) { n.fetch_add(1, std::memory_order_relaxed); };
    add(asked_);
    add(kinds_[acting.kind][own.kind]);
    const auto here = severity(own), there = severity(acting);
    if (here == there) return add(same_);
    if (here < there) return add(looser_);
    add(stricter_);
    if ((facts.flags & PSN_FACT_KNOWN_DEVICE) != 0 || facts.session_class >= PSN_SESSION_SIGNED_IN)
        add(stricter_known_);
    worse_[facts.request_key % kRemembered].store(facts.request_key, std::memory_order_relaxed);
}

void Candidate::observe(const psn_facts& facts, const psn_outcome& outcome) {
    const auto began_ns = facts.now_ns - static_cast<std::int64_t>(outcome.duration_us) * 1'000;
    if (in_shadow || began_ns < since_ns_ || !isAsked(facts.now_ns)) return;
    auto& remembered = worse_[facts.request_key % kRemembered];
    auto key = facts.request_key;
    constexpr std::uint64_t kWell =
        1ULL << PSN_OUTCOME_AUTH_OK | 1ULL << PSN_OUTCOME_TOKEN_OK | 1ULL << PSN_OUTCOME_VERIFY_OK;
    if (remembered.compare_exchange_strong(key, 0, std::memory_order_relaxed) &&
        (outcome.codes & kWell) != 0)
        stricter_well_.fetch_add(1, std::memory_order_relaxed);
    const OnlyLooking looking;
    tried_->observe(facts, outcome);
}

std::string Candidate::report(std::int64_t now_ns) const {
    std::string out = "{\"version\":\"" + tried_->image->manifest.version + "\",\"image\":\"" +
                      tried_->image->hash.substr(0, 16) +
                      "\",\"asked\":" + (isAsked(now_ns) ? "true" : "false");
    out += field("seconds", static_cast<std::uint64_t>((now_ns - since_ns_) / 1'000'000'000)) +
           field("requests", asked_) + field("same", same_) + field("stricter", stricter_) +
           field("looser", looser_) + field("stricter_to_known", stricter_known_) +
           field("stricter_and_went_well", stricter_well_) +
           field("faults", tried_->breaker.faults()) + field("over_budget", tried_->overBudget());
    out += ",\"changes\":{";
    bool first = true;
    for (std::size_t from = 0; from < kKinds; ++from)
        for (std::size_t to = 0; to < kKinds; ++to) {
            const auto n = kinds_[from][to].load();
            if (from == to || n == 0) continue;
            out += std::string(first ? "" : ",") + "\"" + kNames[from] + " > " + kNames[to] +
                   "\":" + std::to_string(n);
            first = false;
        }
    return out + "}}";
}

}  // namespace persona::host::bridge
