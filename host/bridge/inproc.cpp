#include "host/bridge/service.h"
#include "host/bridge/stream.h"
#include "host/net/reactor.h"

namespace persona::host::bridge {

namespace {

/// An exchange without a socket: the request of psn.http-client/1 to a service of this process.
class InprocExchange final : public net::Exchange {
  public:
    InprocExchange(Runtime& runtime, net::Loop& loop, net::ClientRequest request,
                   std::function<void(net::ClientResult)> done)
        : runtime_(runtime),
          loop_(loop),
          max_body_(request.max_body),
          request_body_(std::move(request.body)),
          done_(std::move(done)) {
        this->request.method = std::move(request.method);
        this->request.target = std::move(request.target);
        this->request.fields = std::move(request.fields);
        this->request.content_length = static_cast<std::int64_t>(request_body_.size());
        origin = net::Origin::Inproc;
        client_address = peer_address = "inproc";
        received_ns = net::monotonicNs();
        listener = "inproc";
    }
    [[nodiscard]] net::Loop& loop() override { return loop_; }
    [[nodiscard]] bool isGone() const override { return gone_.load(std::memory_order_acquire); }
    void bufferBody(std::uint64_t max) override {
        if (max != 0 && request_body_.size() > max) return refuse(413, "Request Entity Too Large");
        hooks_->onBodyReady();
    }
    void streamBody(std::uint64_t max) override {
        if (max != 0 && request_body_.size() > max) return refuse(413, "Request Entity Too Large");
        hooks_->onRequestBody(request_body_, true);
    }
    void discardBody(std::uint64_t) override {}
    [[nodiscard]] std::string_view body() const override { return request_body_; }
    bool respond(net::ResponseHead head, std::string body) override {
        if (gone_ || started_) return false;
        if (!start(std::move(head))) return false;
        return write(body, true) == Written::Ok;
    }
    bool start(net::ResponseHead head) override {
        if (gone_ || started_) return false;
        response = std::move(head);
        if (hooks_) hooks_->onResponseHead();
        started_ = true;
        return true;
    }
    Written write(std::string_view data, bool end) override {
        if (gone_) return Written::Gone;
        if (result_.body.size() + data.size() > max_body_) {
            finish(net::ClientError::TooLarge,
                   "the answer is larger than " + std::to_string(max_body_) + " octets");
            return Written::Gone;
        }
        result_.body.append(data);
        if (end) finish(net::ClientError::None, "");
        return Written::Ok;
    }
    void forward(net::Upstream& upstream, std::uint64_t total_ms) override {
        net::ClientRequest r;
        r.upstream = &upstream;
        r.method = request.method;
        r.target = request.target;
        r.fields = request.fields;
        r.body = request_body_;
        r.max_body = max_body_;
        if (total_ms != 0) r.deadline = net::milliseconds(static_cast<std::int64_t>(total_ms));
        runtime_.engine->send(std::move(r),
                              [self = shared_from_this(), this](net::ClientResult answer) {
                                  loop_.post([self, this, answer = std::move(answer)]() mutable {
                                      if (answer.error != net::ClientError::None)
                                          return finish(answer.error, answer.detail);
                                      net::ResponseHead head;
                                      head.status = answer.status;
                                      head.fields = std::move(answer.fields);
                                      respond(std::move(head), std::move(answer.body));
                                  });
                              });
    }
    void resume() override {}
    void abort() override { finish(net::ClientError::Unreachable, "the service broke off"); }
    void timeOut() { finish(net::ClientError::Timeout, "the service did not answer in time"); }

  private:
    void refuse(unsigned status, const char* text) {
        net::ResponseHead head;
        head.status = status;
        respond(std::move(head), text);
    }
    void finish(net::ClientError error, const std::string& detail) {
        if (gone_.exchange(true)) return;
        result_.error = error;
        result_.detail = detail;
        if (error == net::ClientError::None) {
            result_.status = response.status;
            result_.fields = std::move(response.fields);
        } else {
            result_.body.clear();
        }
        net::Summary summary;
        summary.status = result_.status;
        if (hooks_) {
            hooks_->onComplete(summary);
            // The caller may be inside one of the hooks' calls: they go when the loop comes round.
            loop_.post([dead = std::shared_ptr<net::ExchangeHooks>(std::move(hooks_))] {});
        }
        done_(std::move(result_));
    }
    Runtime& runtime_;
    net::Loop& loop_;
    std::uint64_t max_body_;
    std::string request_body_;
    std::function<void(net::ClientResult)> done_;
    net::ClientResult result_;
    bool started_ = false;
    std::atomic<bool> gone_{false};
};

}  // namespace

void callInproc(Runtime& runtime, Service& service, net::ClientRequest request,
                std::function<void(net::ClientResult)> done) {
    static std::atomic<unsigned> next{0};
    net::Loop& loop = runtime.engine->loop(next++ % runtime.engine->loops());
    const auto deadline = request.deadline;
    auto exchange =
        std::make_shared<InprocExchange>(runtime, loop, std::move(request), std::move(done));
    loop.post([exchange, &service, &loop, deadline] {
        loop.after(deadline, [weak = std::weak_ptr(exchange)] {
            if (const auto e = weak.lock()) e->timeOut();
        });
        service.dispatchInproc(exchange);
    });
}

}  // namespace persona::host::bridge
