#include "host/generation/trial.h"
#include "host/net/reactor.h"

/// What there is, and the end of it all.
namespace persona::host::generation {

std::vector<Info> Manager::list() const {
    std::vector<std::shared_ptr<const Generation>> all;
    if (active_) all.push_back(active_);
    if (standby_) all.push_back(standby_);
    for (const auto& w : draining_)
        if (auto g = w.lock()) all.push_back(std::move(g));
    std::vector<Info> out;
    for (const auto& g : all) {
        Info info;
        info.id = g->id;
        info.state = nameOf(g->state);
        info.in_flight = g->inFlight();
        info.counts = g->counts();
        info.holds = g->holds();
        info.age_ms = g->published_ns == 0 ? 0 : (net::monotonicNs() - g->published_ns) / 1'000'000;
        for (const auto* m : g->members()) {
            const bool open = m->breaker.isOpen(net::monotonicNs());
            info.members.push_back(m->settings.what + ": " + m->image->manifest.id + " " +
                                   m->image->manifest.version + " " + m->image->hash.substr(0, 16) +
                                   (open ? ", breaker open" : "") +
                                   (m->quarantined ? ", quarantined" : ""));
        }
        out.push_back(std::move(info));
    }
    return out;
}

void Manager::abandonTrial() {
    if (!trial_) return;
    if (trial_->shadow->end(settings_.smoke_deadline_ms).hung) stuck_.push_back(trial_->next);
    trial_->outcome.step = "shadow";
    trial_->outcome.error = "the process is shutting down";
    for (auto& w : trial_->batch) w.done(trial_->outcome);
    trial_.reset();
}

void Manager::end() {
    const std::lock_guard lock(mutex_);
    ending_ = true;
}

void Manager::shutDown() {
    std::vector<Waiting> waiting;
    {
        const std::lock_guard lock(mutex_);
        ending_ = closed_ = true;
        waiting.swap(waiting_);
    }
    Outcome outcome;
    outcome.step = "start";
    outcome.error = "the process is shutting down";
    abandonTrial();
    for (auto& w : waiting) w.done(outcome);
    active_.reset();
    standby_.reset();
    draining_.clear();
    // Never freed, for a thread is still inside; reachable, for it is no oversight.
    static auto& for_ever = *new std::vector<std::shared_ptr<Generation>>;
    for (auto& g : stuck_) for_ever.push_back(std::move(g));
    stuck_.clear();
    reap();
}

}  // namespace persona::host::generation
