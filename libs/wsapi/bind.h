#pragma once

#include <future>
#include <memory>
#include <string>
#include <utility>

#include "libs/wsapi/api.h"
#include "libs/wsapi/roles.h"

/// Ties the calls to a host. The types come as template parameters, so that the libraries stay free
/// of the SDK: Stream and Host are persona::sdk's, or look like them.
namespace persona::wsapi {

template <typename Stream>
[[nodiscard]] Credential credentialOf(const Stream& s) {
    return {s.header("x-persona-role"), s.header("x-persona-time"), s.header("x-persona-nonce"),
            s.header("x-persona-signature")};
}

/// The request as handlers see it; `op` is the name of the matched route.
template <typename Stream>
[[nodiscard]] Request requestOf(const Stream& s, std::string_view op) {
    const auto text = [&](const char* name) { return std::string(s.header(name)); };
    Request r;
    r.method = s.method();
    r.op = op;
    r.query = s.query();
    r.content_type = text("content-type");
    r.body = s.body();
    r.cookie = text("cookie");
    r.user_agent = text("user-agent");
    r.accept_language = text("accept-language");
    r.fetch_site = text("sec-fetch-site");
    r.fetch_mode = text("sec-fetch-mode");
    const auto client = s.request().client_address;
    r.client_address.assign(client.p, client.n);
    r.role = text("x-persona-role");
    r.time = text("x-persona-time");
    r.nonce = text("x-persona-nonce");
    r.signature = text("x-persona-signature");
    r.ask = text("bid-aa-ask");
    return r;
}

template <typename Stream>
void send(const Stream& s, const Answer& a, const Report& report = {}) {
    AnswerFields fields;
    fields.reserve(8 + a.cookies.size());
    fields.emplace_back("Content-Type", a.content_type);
    fields.emplace_back("Cache-Control", "no-cache, max-age=0");
    fields.emplace_back("X-Content-Type-Options", "nosniff");
    fields.emplace_back("X-Frame-Options", "DENY");
    if (!a.retry_after.empty()) fields.emplace_back("Retry-After", a.retry_after);
    report.appendTo(fields);
    for (const auto& c : a.cookies) fields.emplace_back("Set-Cookie", c);
    s.respond(a.status, fields, a.body);
}

/// Names of the executors on which a role's calls run; see config/.
struct Executors {
    std::string work, passwords;
    std::string strangers;  ///< passwords of those whom the router calls untrusted; empty: the same
};

/// Runs one request through an Api: on the event loop as far as nothing blocks, then on executors.
template <typename Host, typename Stream>
class Run : public std::enable_shared_from_this<Run<Host, Stream>> {
  public:
    Run(const Api& api, const Host& host, const Executors& executors, const Stream& stream)
        : api_(api), host_(host), executors_(executors), stream_(stream) {
        stream_.hold();
    }
    ~Run() { stream_.release(); }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    void begin(std::string_view op) {
        call_.request = requestOf(stream_, op);
        go<CostMeter::LoopLap>([this] { return api_.start(call_); });
    }

  private:
    template <typename Lap, typename F>
    void go(F&& step) {
        try {
            auto next = [&] {
                const Lap lap(report_.cost);
                return step();
            }();
            take(std::move(next));
        } catch (const std::exception& e) {
            host_.error("call " + call_.request.op + " failed: " + e.what());
            answer(refusal(500));
        }
    }
    void take(Step step) {
        if (step.answer) return answer(std::move(*step.answer));
        auto shared = std::make_shared<Step>(std::move(step));
        if (!shared->wait) return submit(shared);
        const auto wait = std::move(shared->wait);
        wait([self = this->shared_from_this(), shared] { self->submit(shared); });
    }
    void submit(const std::shared_ptr<Step>& shared) {
        const auto& name = shared->where == Where::Work ? executors_.work
                           : isStranger()               ? executors_.strangers
                                                        : executors_.passwords;
        const auto from = host_.monotonicNs();
        const auto rc =
            host_.submit(name, [self = this->shared_from_this(), shared, from](bool late) {
                self->report_.queued_ns += self->host_.monotonicNs() - from;
                // Nobody waits any more: no hash is worth making.
                if (self->stream_.isGone()) return;
                if (late) return self->refuse(std::move(shared->if_busy));
                self->template go<CostMeter::Lap>([&] { return shared->next(self->call_); });
            });
        if (rc != 0) refuse(std::move(shared->if_busy));
    }
    [[nodiscard]] bool isStranger() const {
        return !executors_.strangers.empty() && call_.asked("untrusted");
    }
    void refuse(Answer busy) {
        api_.tooBusy(call_);
        answer(std::move(busy));
    }
    void answer(Answer a) {
        api_.finish(call_, a);
        report_.outcomes = call_.outcomes;
        send(stream_, a, report_);
        for (auto& f : std::exchange(call_.after, {})) f();
    }
    const Api& api_;
    const Host& host_;
    const Executors& executors_;
    Stream stream_;
    Call call_;
    Report report_;
};

template <typename Host, typename Stream>
void serve(const Api& api, const Host& host, const Executors& executors, const Stream& stream,
           std::string_view op) {
    std::make_shared<Run<Host, Stream>>(api, host, executors, stream)->begin(op);
}

/// RoleTransport over the host's client. `Req` is persona::sdk::ClientRequest.
template <typename Req, typename Host>
[[nodiscard]] RoleTransport transportOver(const Host& host, std::uint64_t deadline_ms) {
    return [&host, deadline_ms](const std::string& upstream, const std::string& target,
                                const auto& fields, const std::string& body) -> PendingAnswer {
        Req r;
        r.upstream = upstream;
        r.method = "POST";
        r.target = target;
        r.headers = fields;
        r.body = body;
        r.max_body = 65'536;
        r.deadline_ms = deadline_ms;
        auto promise = std::make_shared<std::promise<RoleAnswer>>();
        const auto sent = host.send(r, [promise](auto got) {
            promise->set_value({got.status, got.header("content-type"), std::move(got.body),
                                std::move(got.detail)});
        });
        if (sent != 0) promise->set_value({0, "", "", "the request was not taken"});
        return [promise] { return promise->get_future().get(); };
    };
}

}  // namespace persona::wsapi
