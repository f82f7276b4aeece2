#include <exception>

#include "fake_stream.h"

namespace persona::testing {

namespace {

using Phase = psn_stream::Phase;
constexpr std::size_t kPiece = 16 * 1024;

std::string joined(const std::vector<std::string>& pieces) {
    std::string out;
    for (const auto& p : pieces) out += p;
    return out;
}

/// Pieces of at most 16 KiB, and at least one, the last of which is `end`.
std::vector<std::string> cut(const std::vector<std::string>& pieces, bool whole) {
    std::vector<std::string> out;
    if (whole) return {joined(pieces)};
    for (const auto& p : pieces)
        for (std::size_t at = 0; at < p.size(); at += kPiece) out.push_back(p.substr(at, kPiece));
    if (out.empty()) out.emplace_back();
    return out;
}

class FilterRun final : public StreamRun {
  public:
    FilterRun(FakeHost& host, const psn_http_filter_factory& f, psn_instance* instance, Script s)
        : StreamRun(host, std::move(s)), f_(f), instance_(instance) {
        modes_.request_mode = modes_.response_mode = PSN_FILTER_BODY_NONE;
        if (f_.body_modes != nullptr) f_.body_modes(instance_, &modes_);
        if (f_.open != nullptr) context_ = f_.open(instance_, stream_.get());
    }
    ~FilterRun() override {
        if (!isDone()) cancel();
    }
    FilterRun(const FilterRun&) = delete;
    FilterRun& operator=(const FilterRun&) = delete;

    void passPauseDeadline(bool allow) override {
        if (stream_->token == 0) return;
        stream_->token = 0;
        if (!allow) replyFromHost(503, "the pause deadline passed");
    }

  private:
    void step() override {
        auto& s = *stream_;
        while (!isDone()) {
            if (s.token != 0) return;  // paused
            if (!s.outcome.fault.empty() && s.outcome.local_reply.empty()) replyFromHost(503, "");
            if (s.response_ended && s.phase < Phase::ResponseHead) {
                if (s.outcome.local_reply.empty()) s.outcome.local_reply = "filter";
                return complete(false);
            }
            switch (s.phase) {
                case Phase::RequestHead:
                    s.phase = Phase::RequestBody;
                    prepareRequestBody();
                    call([&] {
                        return f_.on_request_headers == nullptr
                                   ? PSN_FILTER_CONTINUE
                                   : f_.on_request_headers(instance_, context_, stream_.get());
                    });
                    break;
                case Phase::RequestBody:
                    if (at_ < pieces_.size()) {
                        piece(f_.on_request_body, modes_.request_mode);
                        break;
                    }
                    s.outcome.request_body = joined(s.script.body);
                    s.phase = Phase::Handling;
                    break;
                case Phase::Handling:
                    s.outcome.request_headers = s.request_headers;
                    s.status = s.script.upstream_status;
                    s.response_headers = s.script.upstream_headers;
                    s.phase = Phase::ResponseHead;
                    call([&] {
                        return f_.on_response_headers == nullptr
                                   ? PSN_FILTER_CONTINUE
                                   : f_.on_response_headers(instance_, context_, stream_.get());
                    });
                    break;
                case Phase::ResponseHead:
                    if (s.response_ended) {  // it answered in place of the upstream
                        s.outcome.local_reply =
                            s.outcome.local_reply.empty() ? "filter" : s.outcome.local_reply;
                        return complete(false);
                    }
                    s.phase = Phase::ResponseBody;
                    prepareResponseBody();
                    break;
                case Phase::ResponseBody:
                    if (at_ < pieces_.size()) {
                        piece(f_.on_response_body, modes_.response_mode);
                        break;
                    }
                    if (s.outcome.local_reply.empty())
                        s.response_body = joined(s.script.upstream_body);
                    return complete(false);
                case Phase::Done:
                    return;
            }
        }
    }

    void prepareRequestBody() {
        const auto& body = stream_->script.body;
        at_ = 0;
        pieces_.clear();
        if (modes_.request_mode == PSN_FILTER_BODY_NONE || joined(body).empty()) return;
        const bool whole = modes_.request_mode == PSN_FILTER_BODY_BUFFER;
        if (whole && joined(body).size() > modes_.request_max) {
            too_large_ = 413;
            return;
        }
        pieces_ = cut(body, whole);
    }
    void prepareResponseBody() {
        const auto& body = stream_->script.upstream_body;
        at_ = 0;
        pieces_.clear();
        if (modes_.response_mode == PSN_FILTER_BODY_NONE || joined(body).empty()) return;
        const bool whole = modes_.response_mode == PSN_FILTER_BODY_BUFFER;
        if (whole && joined(body).size() > modes_.response_max) {
            replyFromHost(502, "");
            return;
        }
        pieces_ = cut(body, whole);
    }

    template <typename Fn>
    void piece(Fn fn, std::uint32_t) {
        const auto& p = pieces_[at_++];
        const bool end = at_ == pieces_.size();
        if (fn == nullptr) return;
        call([&] {
            return fn(instance_, context_, stream_.get(), {p.data(), p.size()}, end ? 1U : 0U);
        });
    }

    /// Calls the plugin and holds it to what it returns.
    template <typename F>
    void call(F&& hook) {
        auto& s = *stream_;
        s.in_filter = true;
        s.replied_in_call = false;
        std::uint32_t result = PSN_FILTER_FAIL;
        try {
            result = hook();
        } catch (...) {
            s.fault("an exception crossed the border");
        }
        s.in_filter = false;
        if (result == PSN_FILTER_PAUSE && s.token == 0 && !resumedAlready())
            s.fault("returned PAUSE without pause_token()");
        if (result == PSN_FILTER_REPLY && !s.replied_in_call)
            s.fault("returned REPLY without respond()");
        if (result == PSN_FILTER_CONTINUE && s.replied_in_call)
            s.fault("answered, but returned CONTINUE");
        if (result == PSN_FILTER_FAIL) s.fault("returned FAIL");
        if (result > PSN_FILTER_FAIL) s.fault("returned an unknown result");
        if (result != PSN_FILTER_PAUSE) s.token = 0;
        if (too_large_ != 0 && s.outcome.fault.empty() && !s.response_ended) {
            replyFromHost(too_large_, "");
            too_large_ = 0;
        }
    }
    /// A worker may have resumed before the call returned.
    bool resumedAlready() {
        const std::lock_guard<std::mutex> lock(stream_->mutex);
        return !stream_->tasks.empty();
    }

    void complete(bool aborted) override {
        auto& s = *stream_;
        if (s.phase == Phase::Done) return;
        s.phase = Phase::Done;
        s.outcome.status = aborted ? 0 : s.status;
        s.outcome.response_headers = s.response_headers;
        s.outcome.response_body = s.response_body;
        psn_summary summary{};
        summary.struct_size = sizeof summary;
        summary.status = s.outcome.status;
        summary.response_bytes = s.response_body.size();
        summary.local_reply = {s.outcome.local_reply.data(), s.outcome.local_reply.size()};
        summary.aborted = aborted ? 1 : 0;
        if (f_.on_complete != nullptr) {
            try {
                f_.on_complete(instance_, context_, &s, &summary);
            } catch (...) {
                s.fault("an exception crossed the border in on_complete");
            }
        }
        s.outcome.completed = true;
    }

    const psn_http_filter_factory& f_;
    psn_instance* instance_;
    psn_filter_body modes_{};
    void* context_ = nullptr;
    std::vector<std::string> pieces_;
    std::size_t at_ = 0;
    unsigned too_large_ = 0;
};

}  // namespace

std::shared_ptr<StreamRun> runFilter(FakeHost& host, const psn_http_filter_factory& factory,
                                     psn_instance* instance, Script script) {
    return std::make_shared<FilterRun>(host, factory, instance, std::move(script));
}

}  // namespace persona::testing
