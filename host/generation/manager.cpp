#include "host/generation/manager.h"

#include "host/generation/trial.h"
#include "host/net/reactor.h"

namespace persona::host::generation {

namespace {

constexpr std::int64_t kTendMs = 100;

}  // namespace

Manager::Manager(bridge::Runtime& runtime, module::Store& store,
                 config::GenerationSettings settings, std::string plugin_dir, Read read)
    : runtime_(runtime),
      store_(store),
      settings_(settings),
      plugin_dir_(std::move(plugin_dir)),
      read_(std::move(read)) {}

Manager::~Manager() {
    shutDown();
}

void Manager::say(unsigned level, const std::string& text) {
    runtime_.log.write(level, "generation", text);
}

std::shared_ptr<Generation> Manager::make() {
    return {new Generation(++last_id_, runtime_.engine_loops),
            [this](Generation* dead) { bury(dead); }};
}

/// The last hold is gone, on whatever thread: only [control] may put it away.
void Manager::bury(Generation* generation) {
    const std::lock_guard lock(mutex_);
    dead_.push_back(generation);
    if (!closed_ && dead_.size() == 1) runtime_.timers.post([this] { reap(); });
}

void Manager::reap() {
    std::vector<Generation*> dead;
    {
        const std::lock_guard lock(mutex_);
        dead.swap(dead_);
    }
    for (auto* g : dead) {
        const auto id = g->id;
        const bool was_published = g->published_ns != 0;
        delete g;
        if (!was_published) continue;
        runtime_.metrics.count("generation.reaped");
        say(2, "generation " + std::to_string(id) + " reaped");
    }
}

// ---- the first one ------------------------------------------------------------------------------

std::string Manager::begin(config::Document& document, const config::HostConfig& config,
                           std::set<std::string>& used_common, const module::Ids& roles) {
    role_ids_ = roles;
    auto ids = role_ids_;
    active_ = make();
    bridge::BuildContext context{runtime_,    store_,      ids,     document, config.common,
                                 used_common, plugin_dir_, active_, nullptr};
    return active_->build(context, config);
}

std::string Manager::command(const std::string& member, std::string_view words,
                             std::string& why) const {
    why = "no filter has the id '" + member + "'; `persona-host ctl generations` shows them";
    if (!active_) return "";
    for (auto* m : active_->members()) {
        if (m->settings.id != member) continue;
        std::string json;
        const auto rc = m->command(words, json);
        if (rc == PSN_OK) return json;
        why = rc == PSN_NOT_FOUND ? "'" + member + "' knows no such word" : "the command failed";
    }
    return "";
}

bool Manager::wantsAccessLog() const {
    return active_ && std::any_of(active_->chains().begin(), active_->chains().end(),
                                  [](const auto& c) { return c.second->access_log; });
}

std::string Manager::publishFirst() {
    if (auto wrong = active_->warmUp(); !wrong.empty()) return wrong;
    if (settings_.smoke) {
        const auto tried = rehearse(runtime_, active_, settings_.smoke_deadline_ms);
        if (tried.hung) stuck_.push_back(active_);
        if (!tried.error.empty()) return tried.error;
    }
    for (const auto& [id, service] : runtime_.services)
        service->publish(active_->chain(id), active_);
    active_->become(State::Active);
    active_->published_ns = net::monotonicNs();
    runtime_.metrics.declare(3, "generation.active")
        .value.store(static_cast<std::int64_t>(active_->id));
    tend_timer_ = runtime_.timers.start(kTendMs, kTendMs, [this] { tend(); });
    return "";
}

// ---- requests -----------------------------------------------------------------------------------

void Manager::reload(const std::string& from, bool dry_run, Done done) {
    submit({dry_run, false, from, std::move(done)});
}

void Manager::revert(const std::string& from, Done done) {
    submit({false, true, from, std::move(done)});
}

void Manager::submit(Waiting waiting) {
    const std::lock_guard lock(mutex_);
    if (ending_) {
        Outcome outcome;
        outcome.step = "start";
        outcome.error = "the process is shutting down";
        runtime_.metrics.count("generation.refused.start");
        say(3, "refused for " + waiting.from + ": " + outcome.error);
        return waiting.done(outcome);
    }
    waiting_.push_back(std::move(waiting));
    if (running_) {
        runtime_.metrics.count("generation.coalesced");
        return;
    }
    running_ = true;
    runtime_.timers.post([this] { runAll(); });
}

/// One batch after the other: whoever asked while a run was under way is answered by the next,
/// which read the files after the question.
void Manager::runAll() {
    for (;;) {
        std::vector<Waiting> batch;
        {
            const std::lock_guard lock(mutex_);
            if (waiting_.empty()) {
                running_ = false;
                return;
            }
            // Only equal questions share an answer, and a revert is never merged with anything.
            const auto first = waiting_.front();
            const auto same = [&](const Waiting& w) {
                return !first.revert && !w.revert && w.dry_run == first.dry_run;
            };
            batch.push_back(first);
            waiting_.erase(waiting_.begin());
            for (auto w = waiting_.begin(); w != waiting_.end();)
                if (same(*w)) {
                    batch.push_back(std::move(*w));
                    w = waiting_.erase(w);
                } else {
                    ++w;
                }
        }
        const auto& first = batch.front();
        say(2, std::string(first.revert    ? "revert"
                           : first.dry_run ? "dry run"
                                           : "reload") +
                   " asked for by " + first.from +
                   (batch.size() > 1 ? " and " + std::to_string(batch.size() - 1) + " more" : ""));
        Outcome outcome;
        try {
            outcome = first.revert ? swapBack() : build(first.dry_run);
        } catch (const std::exception& e) {
            refused(outcome, "build", e.what());
        }
        if (trial_) {
            trial_->batch = std::move(batch);
            return;  // endTrial() goes on
        }
        answer(batch, outcome);
    }
}

void Manager::answer(const std::vector<Waiting>& batch, Outcome& outcome) {
    outcome.dry_run = batch.front().dry_run;
    reap();  // what was refused is gone when the answer comes
    for (const auto& w : batch) w.done(outcome);
}

void Manager::refused(Outcome& outcome, const char* step, std::string error) {
    outcome.ok = false;
    outcome.step = step;
    outcome.error = std::move(error);
    outcome.generation = active();
    last_error_ = std::string(step) + ": " + outcome.error;
    runtime_.metrics.count(std::string("generation.refused.") + step);
    say(4, "refused at step '" + std::string(step) + "', generation " +
               std::to_string(outcome.generation) + " stays: " + outcome.error);
}

Outcome Manager::build(bool dry_run) {
    Outcome outcome;
    const auto from = net::monotonicNs();
    const auto step = [&](const char* name) {
        runtime_.metrics.count(std::string("generation.step.") + name);
        say(1, std::string("step ") + name);
    };
    step("read");
    auto fresh = read_();
    if (!fresh.error.empty()) return refused(outcome, "read", fresh.error), outcome;
    applyCommitted(fresh);
    outcome.notes = fresh.notes;
    step("create");  // stages, probes and loads what is new, then creates
    auto next = make();
    auto ids = role_ids_;
    std::set<std::string> used;
    bridge::BuildContext context{runtime_, store_,      ids,  fresh.document, fresh.config.common,
                                 used,     plugin_dir_, next, nullptr};
    if (auto wrong = next->build(context, fresh.config); !wrong.empty())
        return refused(outcome, "create", wrong), outcome;
    step("activate");
    if (auto wrong = next->warmUp(); !wrong.empty())
        return refused(outcome, "activate", wrong), outcome;
    if (settings_.smoke) {
        step("smoke");
        const auto tried = rehearse(runtime_, next, settings_.smoke_deadline_ms);
        if (tried.hung) stuck_.push_back(next);
        if (!tried.error.empty()) return refused(outcome, "smoke", tried.error), outcome;
    }
    outcome.build_us = (net::monotonicNs() - from) / 1'000;
    if (settings_.shadow_ms > 0) {
        step("shadow");
        trial_ = std::make_unique<Trial>(
            Trial{{}, std::move(fresh), next, outcome, dry_run, nullptr, 0});
        const auto ended = [this, id = next->id] { endTrial(id); };
        trial_->shadow = std::make_unique<Shadow>(runtime_, next, settings_.shadow_ms,
                                                  settings_.smoke_deadline_ms,
                                                  [this, ended] { runtime_.timers.post(ended); });
        // For a plugin that never returns.
        trial_->timer = runtime_.timers.start(
            static_cast<std::uint64_t>(settings_.shadow_ms + settings_.smoke_deadline_ms + 500), 0,
            ended);
        return outcome;
    }
    conclude(fresh, next, dry_run, outcome);
    return outcome;
}

/// Shadowed long enough, or found wanting.
void Manager::endTrial(std::uint64_t id) {
    if (!trial_ || trial_->next->id != id) return;
    const auto t = std::move(trial_);
    runtime_.timers.cancel(t->timer);
    const auto tried = t->shadow->end(0);
    if (tried.hung) stuck_.push_back(t->next);
    if (!tried.error.empty()) {
        refused(t->outcome, "shadow", tried.error);
    } else {
        t->outcome.notes.push_back(t->shadow->summary());
        conclude(t->fresh, t->next, t->dry_run, t->outcome);
    }
    t->next.reset();
    answer(t->batch, t->outcome);
    runAll();
}

void Manager::conclude(Fresh& fresh, const std::shared_ptr<Generation>& next, bool dry_run,
                       Outcome& outcome) {
    outcome.ok = true;
    if (dry_run) {
        outcome.generation = active();
        say(2, "dry run: generation " + std::to_string(next->id) + " would be published");
        return;
    }
    runtime_.metrics.count("generation.step.publish");
    say(1, "step publish");
    publish(next, outcome);
    if (fresh.apply) fresh.apply();
    last_error_.clear();
    if (const auto mapped = store_.mapped(); mapped > module::Store::kWarnImages)
        outcome.notes.push_back(std::to_string(mapped) + " plugin images mapped; " +
                                std::to_string(module::Store::kMaxImages) +
                                " is the bound; restart when convenient");
    for (const auto& n : outcome.notes) say(3, n);
}

}  // namespace persona::host::generation
