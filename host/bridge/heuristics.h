#pragma once

#include <persona/abi/ext/draft/heuristics.h>

#include <vector>

#include "host/bridge/member.h"

namespace persona::host::bridge {

/// One `heuristics:` block: an instance and how its faults are judged.
class Heuristic final : public Member {
  public:
    using Member::Member;
    ~Heuristic() override { retire(); }
    /// [loop] See psn.heuristics/draft-1.
    psn_rc evaluate(const psn_facts& facts, psn_verdict& out, unsigned loop);
    void observe(const psn_facts& facts, const psn_outcome& outcome);
    psn_rc challenge(const psn_facts& facts, const psn_verdict& wanted, psn_challenge& out);
    /// [control]
    psn_rc command(psn_str words, void (*say)(void*, psn_str), void* user);
    [[nodiscard]] const psn_heuristic_factory& factory() const { return factory_; }

  private:
    template <typename F>
    psn_rc timed(const char* what, F&& f);
    std::string adopt(const psn_plugin_entry& entry, Lifecycle& out, const psn_option*& options,
                      std::size_t& count) override;
    psn_heuristic_factory factory_{};  ///< a copy: of an older one the rest stays empty
};

/// Those of one generation, in the order of the configuration.
using Heuristics = std::vector<std::unique_ptr<Heuristic>>;

[[nodiscard]] const psn_heuristics_api& heuristicsApi();

}  // namespace persona::host::bridge
