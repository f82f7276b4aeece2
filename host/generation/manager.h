#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "host/bridge/service.h"
#include "host/generation/generation.h"

namespace persona::host::generation {

/// The answer to one request for a reload or revert.
struct Outcome {
    bool ok = false;
    bool dry_run = false;
    std::uint64_t generation =
        0;                    ///< that contains the caller's change; after a failure, the active
    std::string step, error;  ///< where it failed, and why; empty when ok
    std::vector<std::string> notes;  ///< changes that need a restart, and the like
    std::int64_t build_us = 0, publish_us = 0;
};

/// One row of `ctl generations`.
struct Info {
    std::uint64_t id = 0, in_flight = 0;
    std::string state;
    Generation::Counts counts;
    std::vector<std::string> members, holds;
    std::int64_t age_ms = 0;
};

/// Builds generations aside and swaps them under the feet of the requests (plugin-host 2.2). One
/// runs at a time; requests that come meanwhile share the next run. Works on [control] alone;
/// what is tagged [any] only leaves a message.
class Manager {
  public:
    /// How the configuration is read again: problems in the document, or the settings, notes, and
    /// what to do once the new generation is published.
    struct Fresh {
        config::Document document;
        config::HostConfig config;
        std::vector<std::string> notes;
        std::string error;
        std::function<void()> apply;
    };
    using Read = std::function<Fresh()>;
    Manager(bridge::Runtime& runtime, module::Store& store, config::GenerationSettings settings,
            std::string plugin_dir, Read read);
    ~Manager();
    Manager(const Manager&) = delete;
    Manager& operator=(const Manager&) = delete;

    /// The first generation, before the loops run: problems go to the document. Empty, or why not.
    std::string begin(config::Document& document, const config::HostConfig& config,
                      std::set<std::string>& used_common, const module::Ids& roles);
    /// Activates and rehearses it, and gives it to the services. Empty, or why not.
    std::string publishFirst();
    using Done = std::function<void(const Outcome&)>;
    void reload(const std::string& from, bool dry_run, Done done);  ///< [any]
    void revert(const std::string& from, Done done);                ///< [any]
    /// [control] Those that exist, the newest first; the last error of a reload, or empty.
    [[nodiscard]] std::vector<Info> list() const;
    [[nodiscard]] const std::string& lastError() const { return last_error_; }
    [[nodiscard]] std::uint64_t active() const { return active_ ? active_->id : 0; }
    [[nodiscard]] bool wantsAccessLog() const;
    /// [any] The process drains: from now on reloads are refused.
    void end();
    /// [control] When the control thread has ended: nothing new is tried any more.
    void abandonTrial();
    /// [control] Words of the operator to the active filter of that id: its JSON. Empty and `why`:
    /// there is none, or it knows no such word.
    [[nodiscard]] std::string command(const std::string& member, std::string_view words,
                                      std::string& why) const;

    /// A heuristic that is to be tried beside the active one of that id.
    struct Attempt {
        std::string id;
        std::string module;  ///< below the plugin directory; empty: as in the configuration
        /// YAML of its `config:`; empty: as in the configuration.
        std::string options;
        std::int64_t shadow_ms = 0;  ///< 0: until it is committed or aborted
    };
    /// [control] All three: empty, or why not; candidates.cpp.
    std::string tryOut(const Attempt& attempt);
    std::string abort(const std::string& id);
    std::string diff(const std::string& id, std::string& report) const;
    /// [control] A new generation in which what is tried acts.
    void commit(const std::string& id, const std::string& from, Done done);
    /// [control] After the loops and executors have ended: everything is put away, here.
    void shutDown();

  private:
    struct Waiting {
        bool dry_run = false, revert = false;
        std::string from;
        Done done;
    };
    /// A generation whose turn has come to be tried on live traffic: how it goes on afterwards.
    struct Trial;
    void submit(Waiting waiting);
    void runAll();
    void answer(const std::vector<Waiting>& batch, Outcome& outcome);
    Outcome build(bool dry_run);
    void conclude(Fresh& fresh, const std::shared_ptr<Generation>& next, bool dry_run,
                  Outcome& outcome);
    void endTrial(std::uint64_t id);
    Outcome swapBack();
    /// What was committed goes before the configuration, until that changes or an older generation
    /// comes back.
    struct Committed {
        config::HeuristicSettings settings;
        std::string before;  ///< the block of the configuration at that time
    };
    [[nodiscard]] bridge::Heuristic* heuristic(const std::string& id) const;
    void applyCommitted(Fresh& fresh);
    void forgetCommitted();
    std::shared_ptr<Generation> make();
    void bury(Generation* generation);  // [any]
    void reap();
    void publish(const std::shared_ptr<Generation>& generation, Outcome& outcome);
    void drain(std::shared_ptr<Generation>& generation);
    void tend();
    void refused(Outcome& outcome, const char* step, std::string error);
    void say(unsigned level, const std::string& text);

    bridge::Runtime& runtime_;
    module::Store& store_;
    const config::GenerationSettings settings_;
    const std::string plugin_dir_;
    const Read read_;
    module::Ids role_ids_;
    std::uint64_t last_id_ = 0;
    std::shared_ptr<Generation> active_, standby_;
    std::vector<std::weak_ptr<Generation>> draining_;
    std::unique_ptr<Trial> trial_;
    std::map<std::string, Committed> committed_;
    std::map<std::string, config::HeuristicSettings> attempted_;  ///< by id, as it is tried
    std::vector<std::shared_ptr<Generation>> stuck_;  ///< a thread is still inside: kept for ever
    std::int64_t watch_until_ns_ = 0;
    double rate_before_ = 0;
    Generation::Counts counts_at_start_;
    std::uint64_t tend_timer_ = 0;
    std::string last_error_;

    std::mutex mutex_;  ///< all below
    std::vector<Waiting> waiting_;
    bool running_ = false, ending_ = false, closed_ = false;
    std::vector<Generation*> dead_;
};

}  // namespace persona::host::generation
