#pragma once

#include <persona/abi/ext/draft/heuristic.h>

#include <string>
#include <string_view>
#include <utility>

#include "text.hpp"

/// Draft, as the interface below it: may still change.
namespace persona::sdk {

/// What a heuristic thinks; see psn_verdict. Reasons are literals of [a-z0-9_.-]. The functions
/// that add to a verdict return a changed copy: `throttle(800, "burst").by(key).of(100, 101,
/// 5000)`.
class Verdict {
  public:
    static Verdict abstain() { return Verdict(PSN_VERDICT_ABSTAIN, ""); }
    static Verdict allow(std::string_view reason) { return Verdict(PSN_VERDICT_ALLOW, reason); }
    static Verdict tag(std::uint32_t weight, std::string_view reason) {
        return Verdict(PSN_VERDICT_TAG, reason).weighing(weight);
    }
    static Verdict delay(std::uint32_t ms, std::string_view reason) {
        Verdict v(PSN_VERDICT_DELAY, reason);
        v.raw_.delay_ms = ms;
        return v;
    }
    static Verdict challenge(std::uint32_t level, std::string_view reason,
                             std::uint32_t kind = PSN_CHALLENGE_ANY) {
        Verdict v(PSN_VERDICT_CHALLENGE, reason);
        v.raw_.level = level;
        v.raw_.challenge_kind = kind;
        return v;
    }
    static Verdict throttle(std::uint32_t retry_after_ms, std::string_view reason) {
        Verdict v(PSN_VERDICT_THROTTLE, reason);
        v.raw_.retry_after_ms = retry_after_ms;
        return v;
    }
    static Verdict shed(std::uint32_t retry_after_ms, std::string_view reason) {
        Verdict v(PSN_VERDICT_SHED, reason);
        v.raw_.retry_after_ms = retry_after_ms;
        return v;
    }
    static Verdict deny(std::string_view reason) { return Verdict(PSN_VERDICT_DENY, reason); }
    static Verdict drop(std::string_view reason) { return Verdict(PSN_VERDICT_DROP, reason); }

    [[nodiscard]] Verdict weighing(std::uint32_t weight) const {
        Verdict v = *this;
        v.raw_.weight = weight;
        return v;
    }
    /// The key by which it was judged.
    [[nodiscard]] Verdict by(std::uint64_t key) const {
        Verdict v = *this;
        v.raw_.key = key;
        return v;
    }
    /// A budget that comes back within window_ms, and what was asked of it.
    [[nodiscard]] Verdict of(std::uint32_t budget, std::uint32_t observed,
                             std::uint32_t window_ms) const {
        Verdict v = *this;
        v.raw_.budget = budget;
        v.raw_.observed = observed;
        v.raw_.window_ms = window_ms;
        return v;
    }
    [[nodiscard]] Verdict boxing(std::uint32_t ms) const {
        Verdict v = *this;
        v.raw_.box_ms = ms;
        return v;
    }
    [[nodiscard]] Verdict granting(std::uint32_t grants) const {
        Verdict v = *this;
        v.raw_.grants |= grants;
        return v;
    }
    [[nodiscard]] Verdict hinting(std::uint32_t hints) const {
        Verdict v = *this;
        v.raw_.hints |= hints;
        return v;
    }
    /// A whole Set-Cookie value; the last one of an evaluate() counts.
    [[nodiscard]] Verdict settingCookie(std::string cookie) const {
        thread_local std::string kept;
        kept = std::move(cookie);
        Verdict v = *this;
        v.raw_.set_cookie = abi(kept);
        return v;
    }
    [[nodiscard]] const psn_verdict& raw() const { return raw_; }
    [[nodiscard]] std::uint32_t kind() const { return raw_.kind; }
    /// Nothing at all is said with it.
    [[nodiscard]] bool isSilent() const {
        return raw_.kind == PSN_VERDICT_ABSTAIN && raw_.weight == 0 && raw_.hints == 0 &&
               raw_.grants == 0;
    }

  private:
    Verdict(std::uint32_t kind, std::string_view reason) {
        raw_.struct_size = sizeof raw_;
        raw_.kind = kind;
        raw_.reason = abi(reason);
    }
    psn_verdict raw_{};
};

}  // namespace persona::sdk
