#pragma once

#include <persona/abi/ext/draft/heuristics.h>

#include <atomic>
#include <memory>
#include <vector>

#include "host/bridge/member.h"

namespace persona::host::bridge {

class Candidate;

/// One `heuristics:` block: an instance and how its faults are judged.
class Heuristic final : public Member {
  public:
    Heuristic(MemberSettings settings, unsigned loops);
    ~Heuristic() override;
    /// [loop] See psn.heuristics/draft-1.
    psn_rc evaluate(const psn_facts& facts, psn_verdict& out, unsigned loop);
    void observe(const psn_facts& facts, const psn_outcome& outcome);
    psn_rc challenge(const psn_facts& facts, const psn_verdict& wanted, psn_challenge& out);
    /// [control]
    psn_rc command(psn_str words, void (*say)(void*, psn_str), void* user);
    /// [control] From now on `candidate` is asked beside it; one before that is closed.
    void tryOut(std::unique_ptr<Candidate> candidate);
    /// [control] The latest one; nullptr: there was none.
    [[nodiscard]] Candidate* candidate() const { return candidate_.load(); }
    [[nodiscard]] const psn_heuristic_factory& factory() const { return factory_; }

  private:
    psn_rc judge(const psn_facts& facts, psn_verdict& out, unsigned loop);
    template <typename F>
    psn_rc timed(const char* what, F&& f);
    std::string adopt(const psn_plugin_entry& entry, Lifecycle& out, const psn_option*& options,
                      std::size_t& count) override;
    std::atomic<Candidate*> candidate_{nullptr};
    /// All of them: a loop may still be inside one that was closed.
    std::vector<std::unique_ptr<Candidate>> candidates_;
    psn_heuristic_factory factory_{};  ///< a copy: of an older one the rest stays empty
};

/// Those of one generation, in the order of the configuration.
using Heuristics = std::vector<std::unique_ptr<Heuristic>>;

/// One of them, created but not activated; nullptr and `error`, or why not.
[[nodiscard]] std::unique_ptr<Heuristic> buildHeuristic(BuildContext& context,
                                                        const config::HeuristicSettings& settings,
                                                        const std::string& metric_prefix,
                                                        std::string& error);

[[nodiscard]] const psn_heuristics_api& heuristicsApi();

}  // namespace persona::host::bridge
