#include <condition_variable>

#include "host/generation/manager.h"
#include "host/net/reactor.h"

/// How one generation takes the place of another, and is watched afterwards.
namespace persona::host::generation {

namespace {

constexpr std::uint64_t kFewestCallsToJudge = 20;

double rateOf(const Generation::Counts& c) {
    return c.calls == 0 ? 0.0 : static_cast<double>(c.faults) / static_cast<double>(c.calls);
}

std::string plural(std::size_t n, const char* what) {
    return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

}  // namespace

void Manager::publish(const std::shared_ptr<Generation>& generation, Outcome& outcome) {
    struct Waiter {
        std::mutex mutex;
        std::condition_variable ready;
        std::size_t left;
    };
    const auto from = net::monotonicNs();
    auto waiter = std::make_shared<Waiter>();
    waiter->left = runtime_.services.size() * runtime_.engine_loops;
    for (const auto& [id, service] : runtime_.services)
        service->publish(generation->chain(id), generation, [waiter] {
            const std::lock_guard lock(waiter->mutex);
            if (--waiter->left == 0) waiter->ready.notify_one();
        });
    {
        std::unique_lock lock(waiter->mutex);
        if (!waiter->ready.wait_for(lock, std::chrono::seconds(2),
                                    [&] { return waiter->left == 0; }))
            outcome.notes.emplace_back(
                "a loop has not taken the new generation within 2 s; it will "
                "when its plugin returns");
    }
    outcome.publish_us = (net::monotonicNs() - from) / 1'000;
    outcome.generation = generation->id;
    rate_before_ = active_ ? rateOf(active_->counts()) : 0;
    if (standby_ && standby_ != generation) drain(standby_);
    standby_ = std::exchange(active_, generation);
    if (standby_) standby_->become(State::Standby);
    active_->become(State::Active);
    attempted_.clear();  // they were tried beside those of the one before
    active_->published_ns = net::monotonicNs();
    counts_at_start_ = active_->counts();
    watch_until_ns_ = active_->published_ns + settings_.watch_ms * 1'000'000;
    runtime_.metrics.count("generation.published");
    runtime_.metrics.declare(3, "generation.active")
        .value.store(static_cast<std::int64_t>(active_->id));
    runtime_.metrics.declare(2, "generation.publish")
        .observe(static_cast<double>(outcome.publish_us) / 1'000.0);
    say(2, "generation " + std::to_string(active_->id) + " published in " +
               std::to_string(outcome.publish_us) + " us");
}

Outcome Manager::swapBack() {
    Outcome outcome;
    if (!standby_)
        return refused(outcome, "revert", "there is no generation to go back to"), outcome;
    const auto back = standby_;
    forgetCommitted();
    publish(back, outcome);
    watch_until_ns_ = 0;  // chosen by a person, and known to have worked
    outcome.ok = true;
    runtime_.metrics.count("generation.reverted");
    return outcome;
}

/// Lets go; whoever began with it still holds it.
void Manager::drain(std::shared_ptr<Generation>& generation) {
    generation->become(State::Draining);
    generation->draining_since_ns = net::monotonicNs();
    draining_.emplace_back(generation);
    generation.reset();
}

/// Watches the new one, and the old ones leave.
void Manager::tend() {
    const auto now = net::monotonicNs();
    for (auto w = draining_.begin(); w != draining_.end();) {
        const auto g = w->lock();
        if (!g) {
            w = draining_.erase(w);
            continue;
        }
        ++w;
        if (g->drain_logged || now - g->draining_since_ns < settings_.drain_timeout_ms * 1'000'000)
            continue;
        g->drain_logged = true;
        runtime_.metrics.count("generation.drain_timeout");
        std::string holds;
        for (const auto& h : g->holds()) holds += (holds.empty() ? "" : "; ") + h;
        say(3, "generation " + std::to_string(g->id) + " is still held after " +
                   std::to_string(settings_.drain_timeout_ms) +
                   " ms: " + (holds.empty() ? "nothing countable" : holds));
    }
    if (watch_until_ns_ == 0) return;
    if (now > watch_until_ns_) {
        watch_until_ns_ = 0;
        return say(2, "generation " + std::to_string(active_->id) + " has stood its watch");
    }
    auto c = active_->counts();
    c.calls -= counts_at_start_.calls;
    c.faults -= counts_at_start_.faults;
    c.openings -= counts_at_start_.openings;
    const bool breach =
        c.openings != 0 || (c.calls >= kFewestCallsToJudge && rateOf(c) > rate_before_ + 0.01);
    if (!breach) return;
    watch_until_ns_ = 0;
    runtime_.metrics.count("generation.breach");
    const std::string why =
        std::to_string(c.faults) + " faults in " + std::to_string(c.calls) + " calls" +
        (c.openings != 0 ? ", " + plural(c.openings, "breaker") + " opened" : "");
    if (!settings_.auto_rollback || !standby_)
        return say(4, "generation " + std::to_string(active_->id) + " is failing (" + why +
                          "); nothing is done about it: " +
                          (standby_ ? "auto_rollback is off" : "there is none to go back to"));
    const auto bad = active_->id;
    forgetCommitted();
    Outcome outcome;
    const auto back = standby_;
    publish(back, outcome);
    watch_until_ns_ = 0;
    drain(standby_);  // the one that failed is not kept for a revert
    last_error_ = "watch: generation " + std::to_string(bad) + " was rolled back: " + why;
    runtime_.metrics.count("generation.rolled_back");
    say(4, "generation " + std::to_string(bad) + " rolled back to " + std::to_string(active_->id) +
               ": " + why);
}

}  // namespace persona::host::generation
