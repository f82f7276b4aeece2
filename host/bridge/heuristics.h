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
    /// [loop] See psn.heuristics/draft-1. `from`: ticks() now, afterwards those of its end.
    psn_rc evaluate(const psn_facts& facts, psn_verdict& out, unsigned loop, std::uint64_t& from);
    /// [loop] It was made to look at such facts.
    [[nodiscard]] bool looksAt(const psn_facts& facts) const {
        return call_.facts == 0 || (call_.facts & facts.flags) != 0;
    }
    /// [loop] prepare() will follow.
    void prefetch() const {
        __builtin_prefetch(&call_);
        __builtin_prefetch(&breaker);
    }
    /// [loop] evaluate() will follow.
    void prepare(const psn_facts& facts) const;
    void observe(const psn_facts& facts, const psn_outcome& outcome);
    psn_rc challenge(const psn_facts& facts, const psn_verdict& wanted, psn_challenge& out);
    /// [control]
    psn_rc command(psn_str words, void (*say)(void*, psn_str), void* user);
    /// [control] From now on `candidate` is asked beside it; one before that is closed.
    void tryOut(std::unique_ptr<Candidate> candidate);
    /// [control] The latest one; nullptr: there was none.
    [[nodiscard]] Candidate* candidate() const { return call_.candidate.load(); }
    [[nodiscard]] const psn_heuristic_factory& factory() const { return factory_; }
    /// Bits 1 << PSN_ROUTE_* of what it looks at.
    [[nodiscard]] std::uint32_t routes() const { return routes_; }

  private:
    /// What a request needs of it, in one cache line.
    struct alignas(64) Call {
        psn_rc (*evaluate)(psn_instance*, const psn_facts*, psn_verdict*) = nullptr;
        void (*observe)(psn_instance*, const psn_facts*, const psn_outcome*) = nullptr;
        void (*prepare)(psn_instance*, const psn_facts*) = nullptr;
        psn_instance* instance = nullptr;  ///< nullptr: quarantined
        const PluginTag* tag = nullptr;
        std::uint64_t budget_ticks = 0;
        std::atomic<Candidate*> candidate{nullptr};
        std::uint32_t facts = 0;
    };
    psn_rc judge(const psn_facts& facts, psn_verdict& out, unsigned loop, std::uint64_t& from);
    psn_rc failed(psn_rc rc, std::string_view reason, psn_verdict& out) const;
    template <typename F>
    psn_rc timed(const char* what, F&& f);
    std::string adopt(const psn_plugin_entry& entry, Lifecycle& out, const psn_option*& options,
                      std::size_t& count) override;
    std::string created() override;
    Call call_;
    /// All of them: a loop may still be inside one that was closed.
    std::vector<std::unique_ptr<Candidate>> candidates_;
    psn_heuristic_factory factory_{};  ///< a copy: of an older one the rest stays empty
    std::uint32_t routes_ = ~0U;
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
