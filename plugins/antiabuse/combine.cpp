#include "plugins/antiabuse/combine.h"

#include <algorithm>

#include "plugins/antiabuse/scripted.h"

namespace persona::antiabuse {

namespace {

constexpr std::uint32_t kLowest = 8, kHighest = 14, kFull = 12;

/// Of two of the same kind the longer wait counts.
bool isStricter(const psn_verdict& a, const psn_verdict& b) {
    return a.kind != b.kind ? a.kind > b.kind : a.retry_after_ms > b.retry_after_ms;
}

/// Weights alone put a challenge only where a request is dear or a guess.
bool isGuarded(const psn_facts& f) {
    switch (f.route_class) {
        case PSN_ROUTE_LOGIN:
        case PSN_ROUTE_STAGE:
        case PSN_ROUTE_LOOKUP:
        case PSN_ROUTE_ASSERTION:
            return true;
        case PSN_ROUTE_CONTEXT:
            return (f.flags & PSN_FACT_COOKIES) == 0;
        default:
            return false;
    }
}

}  // namespace

void Findings::add(std::uint32_t rule, bool acts, const psn_verdict& verdict) {
    if (count_ < kMost) {
        all_[count_++] = {rule, acts, verdict};
        return;
    }
    // So many at once: the mildest one that is there makes room for a stricter one.
    auto* mildest = std::min_element(all_.begin(), all_.end(), [](const auto& a, const auto& b) {
        return a.acts != b.acts ? b.acts : isStricter(b.verdict, a.verdict);
    });
    if (acts && (!mildest->acts || isStricter(verdict, mildest->verdict)))
        *mildest = {rule, acts, verdict};
}

std::uint32_t levelOf(std::uint32_t weight, const Weights& w) {
    if (weight <= w.work) return kLowest;
    return std::min(kHighest, kLowest + (weight - w.work) / 4);
}

bool mayChallenge(const psn_facts& f) {
    return f.route_class != PSN_ROUTE_VERIFY && f.route_class != PSN_ROUTE_HEARTBEAT &&
           (f.flags & (PSN_FACT_KNOWN_DEVICE | PSN_FACT_TRUSTED)) == 0 &&
           // A session says nothing of other accounts: it opens no way to guess at them.
           (f.session_class < PSN_SESSION_SIGNED_IN || f.route_class == PSN_ROUTE_LOGIN);
}

Decision Findings::combine(const psn_facts& facts, const Weights& weights) const {
    Decision d;
    bool asked_for_mail = false, throttled = false;
    std::uint32_t level = 0;
    std::int32_t asks = -1;
    for (std::size_t i = 0; i < count_; ++i) {
        const auto& f = all_[i];
        if (!f.acts) continue;
        const auto& v = f.verdict;
        d.weight += v.weight;
        d.hints |= v.hints;
        if (v.kind == PSN_VERDICT_ALLOW) return {PSN_VERDICT_ALLOW, static_cast<std::int32_t>(i)};
        if (v.kind == PSN_VERDICT_CHALLENGE) {
            level = std::max(level, v.level);
            asked_for_mail |= v.challenge_kind == PSN_CHALLENGE_MAIL;
            if (asks < 0 || isStricter(v, all_[static_cast<std::size_t>(asks)].verdict))
                asks = static_cast<std::int32_t>(i);
            continue;
        }
        if (v.kind == PSN_VERDICT_ABSTAIN) continue;
        throttled |= v.kind == PSN_VERDICT_THROTTLE;
        if (d.by >= 0 && !isStricter(v, all_[static_cast<std::size_t>(d.by)].verdict)) continue;
        d.by = static_cast<std::int32_t>(i);
    }
    if ((facts.flags & PSN_FACT_TRUSTED) != 0) return {PSN_VERDICT_ALLOW, -1, d.weight};
    if (d.by >= 0) {
        const auto& v = all_[static_cast<std::size_t>(d.by)].verdict;
        d.kind = v.kind;
        d.retry_after_ms = v.retry_after_ms;
        d.delay_ms = v.delay_ms;
    }
    // A service that is full turns nobody away who can work for his place: the challenge admits
    // nothing now, and whoever answers it comes back one class higher.
    if (d.kind == PSN_VERDICT_SHED && !throttled && facts.priority >= 3 &&
        (facts.flags & PSN_FACT_PAID) == 0 && isScripted(facts.route_class) &&
        mayChallenge(facts)) {
        d.kind = PSN_VERDICT_CHALLENGE;
        d.level = std::max(level, kFull);
        d.challenge_kind = asked_for_mail ? PSN_CHALLENGE_MAIL : PSN_CHALLENGE_ANY;
        return d;
    }
    if (d.kind >= PSN_VERDICT_THROTTLE) return d;
    if (d.weight >= weights.work && isGuarded(facts)) {
        level = std::max(level, levelOf(d.weight, weights));
        asked_for_mail |= d.weight >= weights.mail && facts.route_class == PSN_ROUTE_LOGIN;
        // The heaviest one stands for all that weigh.
        if (asks < 0)
            for (std::size_t i = 0; i < count_; ++i)
                if (all_[i].acts &&
                    (asks < 0 ||
                     all_[i].verdict.weight > all_[static_cast<std::size_t>(asks)].verdict.weight))
                    asks = static_cast<std::int32_t>(i);
    }
    if (asks < 0 || !mayChallenge(facts)) return d;
    if (!asked_for_mail && (facts.flags & PSN_FACT_PAID) != 0) return d;
    d.kind = PSN_VERDICT_CHALLENGE;
    d.by = asks;
    d.level = std::max(level, kLowest);
    d.challenge_kind = asked_for_mail ? PSN_CHALLENGE_MAIL : PSN_CHALLENGE_ANY;
    d.retry_after_ms = all_[static_cast<std::size_t>(asks)].verdict.retry_after_ms;
    return d;
}

}  // namespace persona::antiabuse
