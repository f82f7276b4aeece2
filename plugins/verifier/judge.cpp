#include "plugins/verifier/judge.h"

namespace persona::verifier {

using discovery::DiscoveredPtr;

struct Judge::Job {
    /// Takes `d` when nothing can be thrown any more.
    Job(std::shared_ptr<Shared> s, std::shared_ptr<const protocol::VerifyOptions> o, Question q,
        Done& d)
        : shared(std::move(s)),
          options(std::move(o)),
          api(q.api),
          verification(std::move(q.request), q.api, *options, shared->ports.now_ms()),
          done(std::move(d)) {}
    void finish(ApiAnswer answer) {
        answer.report.outcomes.add(report.outcomes);
        answer.report.cost = report.cost;
        if (auto d = std::exchange(done, {})) d(std::move(answer));
    }
    const std::shared_ptr<Shared> shared;
    const std::shared_ptr<const protocol::VerifyOptions> options;
    const protocol::Api api;
    protocol::Verification verification;
    Done done;
    wsapi::Report report;  ///< of whoever works on it now
    /// Where an answer of discovery and the return of find() meet: whichever comes second goes on.
    enum Meeting : int { Open, Waiting, Abandoned, Answered };
    std::atomic<int> meeting{Open};
    DiscoveredPtr found;  ///< once Answered
};

Judge::Judge(std::shared_ptr<const protocol::VerifyOptions> options, Ports ports,
             std::size_t max_waiting)
    : shared_(std::make_shared<Shared>()), options_(std::move(options)) {
    shared_->ports = std::move(ports);
    shared_->max_waiting = max_waiting;
}

void Judge::handle(const ApiRequest& request, Done done) {
    std::shared_ptr<Job> job;
    try {
        auto read = readRequest(request);
        if (auto* answer = std::get_if<ApiAnswer>(&read)) return done(std::move(*answer));
        job = std::make_shared<Job>(shared_, options_.load(), std::move(std::get<Question>(read)),
                                    done);
    } catch (const std::exception&) {
        return done(unavailable());
    }
    drive(job);
}

/// False: the answer is here. True: it will come, or the request was refused for want of room.
bool Judge::leftWaiting(Job& job) {
    auto& shared = *job.shared;
    const bool room = ++shared.waiting <= shared.max_waiting;
    int open = Job::Open;
    const bool early =
        !job.meeting.compare_exchange_strong(open, room ? Job::Waiting : Job::Abandoned);
    if (early || !room) --shared.waiting;
    if (!early && !room) job.finish(tooBusy(job.api));
    return !early;
}

void Judge::resume(const std::shared_ptr<Job>& job, DiscoveredPtr found) {
    if (!found) return job->finish(tooBusy(job->api));
    job->report.outcomes.note(wsapi::Outcome::WkMiss);
    job->verification.provide(std::move(found));
    drive(job);
}

void Judge::drive(const std::shared_ptr<Job>& job) {
    try {
        // One lap from here to the answer; it ends before another thread may take the job over.
        std::optional<wsapi::CostMeter::LoopLap> lap(std::in_place, job->report.cost);
        while (const auto domain = job->verification.advance()) {
            job->meeting.store(Job::Open, std::memory_order_relaxed);
            job->shared->ports.discovery->find(*domain, [job](DiscoveredPtr found) {
                job->found = std::move(found);
                if (job->meeting.exchange(Job::Answered) != Job::Waiting) return;
                --job->shared->waiting;
                resume(job, std::move(job->found));
            });
            if (job->meeting.load(std::memory_order_acquire) != Job::Answered) {
                lap.reset();
                if (leftWaiting(*job)) return;
                lap.emplace(job->report.cost);
            }
            if (!job->found) {
                lap.reset();
                return job->finish(tooBusy(job->api));
            }
            job->report.outcomes.note(wsapi::Outcome::WkHit);
            job->verification.provide(std::move(job->found));
        }
        auto answer = answerOf(job->verification.result(), job->api);
        lap.reset();
        job->finish(std::move(answer));
    } catch (const std::exception&) {
        job->finish(unavailable());
    }
}

}  // namespace persona::verifier
