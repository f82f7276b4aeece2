#pragma once

#include <persona/abi/ext/draft/heuristics.h>

#include <array>
#include <map>
#include <memory>
#include <persona/sdk/host.hpp>
#include <string>
#include <vector>

#include "plugins/antiabuse/combine.h"
#include "plugins/antiabuse/explain.h"
#include "plugins/antiabuse/modes.h"

namespace persona::antiabuse {

/// The heuristics of the configuration, their modes and what they are counted by, and the two rules
/// that are the filter's own: "penalty" (the box) and "parser" (bodies that nobody can read).
class Panel {
  public:
    Panel(const sdk::Host& host, const std::map<std::string, Mode>& modes, Mode fallback);

    [[nodiscard]] std::uint32_t penalty() const { return count_; }
    [[nodiscard]] std::uint32_t parser() const { return count_ + 1; }

    /// [loop] Has the memory asked for what ask() will look at; all but standing is known.
    void prepare(const psn_facts& facts) const;
    /// [loop] Asks all that want to know of such a route: findings, and the facts with what they
    /// grant. Returns bits of those whose observe() must follow. `cookies`: Set-Cookie values.
    std::uint64_t ask(psn_facts& facts, Findings& findings,
                      std::vector<std::string>& cookies) const;
    /// [loop] One of the filter's own rules has something to say.
    void find(std::uint32_t rule, const psn_verdict& verdict, psn_facts& facts,
              Findings& findings) const;
    /// [loop] `by`: the rule that refused it; -1: it was not refused.
    void observe(std::uint64_t asked, const psn_facts& facts, psn_outcome outcome,
                 std::int32_t by) const;
    /// [loop] The challenge for what was decided; false: nobody makes one for this client.
    bool challenge(const psn_facts& facts, const Decision& decision, psn_challenge& out) const;

    /// [control] Every 10 s: who was slow or failed too often is only listened to from now on.
    void watch();
    /// [control] `mode` empty: as the configuration has it. False: no such rule.
    bool setMode(std::string_view rule, std::optional<Mode> mode);
    [[nodiscard]] std::vector<Explain::Names> names() const;
    /// [control] JSON of one, or of all.
    [[nodiscard]] std::string show(std::string_view only = {}) const;
    /// [control] Passes an operator's word on to a heuristic; empty: it knows no such word.
    [[nodiscard]] std::optional<std::string> command(std::string_view heuristic,
                                                     std::string_view words) const;

  private:
    struct One {
        std::string id, version, hash;
        std::uint32_t routes = ~0U;  ///< bits 1 << PSN_ROUTE_*
        bool challenges = false;
        psn_heuristic_stats before{};
        /// By kind of verdict; enforced, and monitored alone.
        std::array<sdk::Metric, PSN_VERDICT_DROP + 1> acted, monitored;
        /// The same by route, for the page: [route][kind][acts].
        std::array<std::array<std::array<sdk::Metric, 2>, PSN_VERDICT_DROP + 1>, PSN_ROUTE_COUNT>
            by_route;
        sdk::Metric mode;  ///< of the page: 0 off, 1 monitor, 2 sample, 3 enforce
    };
    /// Bits 1 << index of those that look at such a route and are not off.
    [[nodiscard]] std::uint64_t asked(const psn_facts& facts) const {
        return by_route_[facts.route_class] & ~modes_.off();
    }
    void declare(One& one, const std::string& name);
    void declareSeries(One& one);
    void set(std::size_t rule, Mode mode);
    void count(std::uint32_t rule, std::uint32_t route, std::uint32_t kind, bool acts) const;
    void grant(std::uint32_t grants, psn_facts& facts) const;
    /// What one heuristic says.
    struct Hearing;
    void hear(Hearing& hearing, std::uint32_t rule, psn_rc rc, const psn_verdict& verdict) const;
    const sdk::Host& host_;
    const psn_heuristics_api* const api_;
    std::uint32_t count_ = 0;
    std::vector<One> all_;
    std::array<std::uint64_t, PSN_ROUTE_COUNT> by_route_{};  ///< bits 1 << index of who looks at it
    Modes modes_;
    psn_counter_table* kept_modes_ = nullptr;
    sdk::Metric demoted_, faults_;
};

}  // namespace persona::antiabuse
