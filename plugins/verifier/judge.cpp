#include "plugins/verifier/judge.h"

namespace persona::verifier {

using discovery::DiscoveredPtr;

struct Judge::Job {
    Job(std::shared_ptr<Shared> s, std::shared_ptr<const protocol::VerifyOptions> o, Question q,
        const Done& d)
        : shared(std::move(s)),
          options(std::move(o)),
          api(q.api),
          verification(std::move(q.request), q.api, *options, shared->ports.now_ms()),
          done(d) {}
    void finish(ApiAnswer answer) {
        answer.report.outcomes.add(report.outcomes);
        answer.report.cost = report.cost;
        if (auto d = std::exchange(done, {})) d(std::move(answer));
    }
    /// The part that costs.
    std::optional<std::string> advance() {
        const wsapi::CostMeter::Lap lap(report.cost);
        return verification.advance();
    }
    const std::shared_ptr<Shared> shared;
    const std::shared_ptr<const protocol::VerifyOptions> options;
    const protocol::Api api;
    protocol::Verification verification;
    Done done;
    wsapi::Report report;  ///< of whoever works on it now
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

/// Where an answer of discovery and the return of find() meet: whichever comes second goes on.
struct Judge::Meeting {
    enum State : int { Open, Waiting, Abandoned, Answered };
    std::atomic<int> state{Open};
    DiscoveredPtr found;
};

/// False: the answer is here. True: it will come, or the request was refused for want of room.
bool Judge::leftWaiting(Job& job, Meeting& meeting) {
    auto& shared = *job.shared;
    const bool room = ++shared.waiting <= shared.max_waiting;
    int open = Meeting::Open;
    const bool early =
        !meeting.state.compare_exchange_strong(open, room ? Meeting::Waiting : Meeting::Abandoned);
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
        while (const auto domain = job->advance()) {
            auto meeting = std::make_shared<Meeting>();
            job->shared->ports.discovery->find(*domain, [job, meeting](DiscoveredPtr found) {
                meeting->found = std::move(found);
                if (meeting->state.exchange(Meeting::Answered) != Meeting::Waiting) return;
                --job->shared->waiting;
                resume(job, std::move(meeting->found));
            });
            if (leftWaiting(*job, *meeting)) return;
            if (!meeting->found) return job->finish(tooBusy(job->api));
            job->report.outcomes.note(wsapi::Outcome::WkHit);
            job->verification.provide(std::move(meeting->found));
        }
        job->finish(answerOf(job->verification.result(), job->api));
    } catch (const std::exception&) {
        job->finish(unavailable());
    }
}

}  // namespace persona::verifier
