#pragma once

#include <persona/abi/ext/draft/heuristic.h>

#include <array>
#include <cstdint>
#include <string_view>

namespace persona::antiabuse {

/// One rule that had something to say.
struct Finding {
    std::uint32_t rule = 0;  ///< number of the heuristic, or of one of the filter's own rules
    bool acts = false;       ///< enforced, for this request
    psn_verdict verdict{};
};

/// What the filter does with a request.
struct Decision {
    std::uint32_t kind = PSN_VERDICT_ABSTAIN;  ///< PSN_VERDICT_*; up to TAG: it goes on
    std::int32_t by = -1;                      ///< index of the finding that decided; -1: none
    std::uint32_t weight = 0, level = 0, challenge_kind = PSN_CHALLENGE_ANY, retry_after_ms = 0,
                  delay_ms = 0, hints = 0;
    [[nodiscard]] bool refuses() const { return kind >= PSN_VERDICT_CHALLENGE; }
};

/// Weights from which challenges come (anti-abuse.md 4 and 3.5).
struct Weights {
    std::uint32_t work = 10, mail = 25;
};

/// Findings of one request, and how they are put together (anti-abuse.md 3.1): an allow-list goes
/// before everything; else the strictest verdict that is enforced; weights add and pick the level
/// of a challenge. Challenges are for those who can be strangers: never for relying parties, for
/// familiar browsers and for the trusted. A solved one answers every demand for work.
class Findings {
  public:
    static constexpr std::size_t kMost = 16;
    void add(std::uint32_t rule, bool acts, const psn_verdict& verdict);
    [[nodiscard]] Decision combine(const psn_facts& facts, const Weights& weights) const;
    [[nodiscard]] const Finding* begin() const { return all_.data(); }
    [[nodiscard]] const Finding* end() const { return all_.data() + count_; }
    [[nodiscard]] const Finding& operator[](std::size_t i) const { return all_[i]; }
    [[nodiscard]] std::size_t size() const { return count_; }
    void clear() { count_ = 0; }

  private:
    std::array<Finding, kMost> all_;
    std::size_t count_ = 0;
};

/// Difficulty for a weight: 8 for what just weighs enough, 14 at most (anti-abuse.md 4).
[[nodiscard]] std::uint32_t levelOf(std::uint32_t weight, const Weights& weights);
/// A challenge may be put to whoever sent this.
[[nodiscard]] bool mayChallenge(const psn_facts& facts);

}  // namespace persona::antiabuse
