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
        if (auto d = std::exchange(done, {})) d(std::move(answer));
    }
    const std::shared_ptr<Shared> shared;
    const std::shared_ptr<const protocol::VerifyOptions> options;
    const protocol::Api api;
    protocol::Verification verification;
    Done done;
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

void Judge::drive(const std::shared_ptr<Job>& job) {
    try {
        while (const auto domain = job->verification.advance()) {
            auto& shared = *job->shared;
            if (++shared.waiting > shared.max_waiting) {
                --shared.waiting;
                return job->finish(tooBusy(job->api));
            }
            // Whichever comes second, the answer or find()'s return, goes on from here.
            struct Meeting {
                std::atomic<bool> one_is_here{false};
                DiscoveredPtr found;
            };
            auto meeting = std::make_shared<Meeting>();
            shared.ports.discovery->find(*domain, [job, meeting](DiscoveredPtr found) {
                --job->shared->waiting;
                meeting->found = std::move(found);
                if (!meeting->one_is_here.exchange(true)) return;
                if (!meeting->found) return job->finish(tooBusy(job->api));
                job->verification.provide(std::move(meeting->found));
                drive(job);
            });
            if (!meeting->one_is_here.exchange(true)) return;
            if (!meeting->found) return job->finish(tooBusy(job->api));
            job->verification.provide(std::move(meeting->found));
        }
        job->finish(answerOf(job->verification.result(), job->api));
    } catch (const std::exception&) {
        job->finish(unavailable());
    }
}

}  // namespace persona::verifier
