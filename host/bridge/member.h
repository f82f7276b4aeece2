#pragma once

#include <array>
#include <memory>
#include <string>

#include "host/bridge/breaker.h"
#include "host/bridge/runtime.h"

namespace persona::host::bridge {

/// What a member of a generation is made with; the same for filters and heuristics.
struct MemberSettings {
    std::string id;             ///< of its block
    std::string what;           ///< for messages: "filter 'x' of service 'y'"
    std::string module;         ///< as named in the configuration
    std::string metric_prefix;  ///< with its dot
    std::string options_path;   ///< in the file
    YAML::Node options;
    bool deny_on_error = true;
    std::int64_t budget_us = 1'000;
};

/// Where a generation gets its parts from. [control]
struct BuildContext {
    Runtime& runtime;
    module::Store& store;
    module::Ids& ids;  ///< of this generation and the roles
    config::Document& document;
    const YAML::Node& common;
    std::set<std::string>& used_common;
    const std::string& plugin_dir;
    std::weak_ptr<const void> owner;                                      ///< the generation
    const std::vector<std::unique_ptr<Heuristic>>* heuristics = nullptr;  ///< that filters may ask
};

/// One instance of a swappable plugin: made, warmed and put away on [control]; everything else of
/// it is read-only while requests use it.
class Member {
  public:
    struct Lifecycle {
        psn_rc (*create)(const psn_host*, const psn_config*, psn_instance**, psn_err*);
        psn_rc (*activate)(psn_instance*, psn_err*);
        void (*deactivate)(psn_instance*);
        void (*destroy)(psn_instance*);
        const void* (*get_extension)(psn_instance*, psn_str);
    };
    explicit Member(MemberSettings settings, unsigned loops);
    virtual ~Member();
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;

    /// Stages, probes, loads, reads the options, creates. Empty, or what failed.
    std::string create(BuildContext& context);
    std::string activate();
    /// psn.self-check/1 of the instance, when it has one. Empty, or what it complains of.
    std::string selfCheck();
    /// [control] A word of the operator (psn.command): PSN_OK and its JSON, or PSN_NOT_FOUND.
    psn_rc command(std::string_view words, std::string& json);
    /// Deactivates and destroys, as far as it got.
    void retire();

    enum class Fault { Failed, BadResult, Deadline };
    /// [any] Counts a fault, writes a line (one a second of each kind), may open the breaker.
    void fault(Fault kind, const std::string& detail);
    /// [any] A request passes without it, for its breaker is open.
    void skipped() { skipped_->value.fetch_add(1, std::memory_order_relaxed); }
    /// [loop] A call that took so long ends: over the budget it is counted.
    void ended(std::uint64_t taken_ticks) {
        if (taken_ticks > budget_ticks_) overran(taken_ticks);
    }

    const MemberSettings settings;
    Breaker breaker;
    psn_instance* instance = nullptr;
    const PluginTag* tag = nullptr;
    std::shared_ptr<const module::Image> image;
    std::unique_ptr<PluginContext> context;
    /// Not called at all: its module brought the process down before (see host/module/crash_log.h).
    bool quarantined = false;
    [[nodiscard]] std::uint64_t overBudget() const { return over_budget_.load(); }

  protected:
    [[nodiscard]] std::uint64_t budgetTicks() const { return budget_ticks_; }
    void overran(std::uint64_t taken_ticks);
    /// The factory's life cycle, and its options. Empty, or what is wrong with the factory.
    virtual std::string adopt(const psn_plugin_entry& entry, Lifecycle& out,
                              const psn_option*& options, std::size_t& count) = 0;
    virtual std::string created() { return ""; }

  private:
    Lifecycle life_{};
    std::unique_ptr<config::PluginConfig> options_;
    const std::uint64_t budget_ticks_;
    std::atomic<std::uint64_t> over_budget_{0};
    bool active_ = false;
    std::array<Tally, 3> faults_;  ///< by Fault
    Tally over_;
    psn_metric *opened_ = nullptr, *skipped_ = nullptr;
};

}  // namespace persona::host::bridge
