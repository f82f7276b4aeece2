#include <exception>

#include "fake_stream.h"

namespace persona::testing {

namespace {

using Phase = psn_stream::Phase;

std::string_view view(psn_str s) {
    return {s.p, s.n};
}

class ServiceRun final : public StreamRun {
  public:
    ServiceRun(FakeHost& host, const psn_http_service_factory& f, psn_instance* instance, Script s)
        : StreamRun(host, std::move(s)), f_(f), instance_(instance) {}
    ~ServiceRun() override {
        if (!isDone()) cancel();
    }
    ServiceRun(const ServiceRun&) = delete;
    ServiceRun& operator=(const ServiceRun&) = delete;

  private:
    void step() override {
        auto& s = *stream_;
        if (s.phase == Phase::RequestHead) begin();
        if (s.phase == Phase::RequestBody) pump();
        if (!isDone() && s.response_ended) complete(false);
    }

    const psn_route* route() {
        std::uint32_t count = 0;
        const auto* all = f_.routes(instance_, &count);
        const auto path =
            std::string_view(stream_->script.target).substr(0, stream_->script.target.find('?'));
        const std::string_view method = stream_->script.method;
        for (std::uint32_t i = 0; i < count; ++i) {
            const auto pattern = view(all[i].pattern), wanted = view(all[i].method);
            const bool fits = all[i].match == PSN_MATCH_EXACT
                                  ? path == pattern
                                  : path.substr(0, pattern.size()) == pattern;
            if (fits &&
                (wanted.empty() || wanted == method || (method == "HEAD" && wanted == "GET")))
                return &all[i];
        }
        return nullptr;
    }

    void begin() {
        auto& s = *stream_;
        s.phase = Phase::Handling;
        route_ = route();
        if (route_ == nullptr) return replyFromHost(404, "");
        std::string body;
        for (const auto& p : s.script.body) body += p;
        if (route_->max_body != 0 && body.size() > route_->max_body) return replyFromHost(413, "");
        if (route_->body == PSN_BODY_BUFFER) s.request_body = body;
        s.outcome.request_body = body;
        if ((route_->flags & PSN_ROUTE_BLOCKING) == 0) return handle();
        struct Job {
            ServiceRun* run;
            std::shared_ptr<psn_stream> stream;
        };
        const auto* executor = static_cast<const psn_executor_api*>(host_.host()->get_extension(
            host_.host(), {PSN_EXECUTOR_ID, sizeof PSN_EXECUTOR_ID - 1}));
        executor->submit(
            host_.host(), {nullptr, 0}, 0,
            [](void* user, std::uint32_t) {
                const std::unique_ptr<Job> job(static_cast<Job*>(user));
                const auto rc = job->run->call();
                auto* raw = job->stream.get();
                raw->post([raw, rc, run = job->run] { run->handled(*raw, rc); });
            },
            new Job{this, stream_});
    }
    psn_rc call() {
        try {
            return f_.handle(instance_, route_->id, stream_.get());
        } catch (...) {
            stream_->fault("an exception crossed the border");
            return PSN_FAIL;
        }
    }
    void handled(psn_stream& s, psn_rc rc) {
        if (rc != PSN_OK && !s.answered) return replyFromHost(500, "handle() failed");
        bool waits = false;
        {
            const std::lock_guard<std::mutex> lock(s.mutex);
            waits = s.holds != 0 || !s.tasks.empty();
        }
        if (!s.answered && !waits && s.body_fn == nullptr)
            replyFromHost(500, "handle() returned without an answer and without hold()");
    }
    void handle() {
        auto& s = *stream_;
        handled(s, call());
        if (s.body_fn != nullptr && !s.response_ended) s.phase = Phase::RequestBody;
    }
    /// Feeds the body to read_body().
    void pump() {
        auto& s = *stream_;
        while (!s.read_paused && at_ <= s.script.body.size()) {
            const bool end = at_ >= s.script.body.size();
            const std::string piece = end ? "" : s.script.body[at_];
            ++at_;
            const auto rc = s.body_fn(s.body_user, &s, {piece.data(), piece.size()}, end ? 1 : 0);
            if (rc == PSN_AGAIN) s.read_paused = true;
            if (rc != PSN_OK && rc != PSN_AGAIN) {
                s.answered = true;
                s.response_ended = true;
                s.status = 0;
                return;
            }
        }
    }

    void complete(bool aborted) override {
        auto& s = *stream_;
        if (s.phase == Phase::Done) return;
        s.phase = Phase::Done;
        s.outcome.status = aborted ? 0 : s.status;
        s.outcome.request_headers = s.request_headers;
        s.outcome.response_headers = s.response_headers;
        s.outcome.response_body = s.response_body;
        s.outcome.completed = true;
    }

    const psn_http_service_factory& f_;
    psn_instance* instance_;
    const psn_route* route_ = nullptr;
    std::size_t at_ = 0;
};

}  // namespace

std::shared_ptr<StreamRun> runService(FakeHost& host, const psn_http_service_factory& factory,
                                      psn_instance* instance, Script script) {
    return std::make_shared<ServiceRun>(host, factory, instance, std::move(script));
}

}  // namespace persona::testing
