#include <atomic>

#include "host/bridge/memory_exchange.h"
#include "host/bridge/service.h"

namespace persona::host::bridge {

namespace {

/// The request of psn.http-client/1 to a service of this process.
class InprocExchange final : public MemoryExchange {
  public:
    InprocExchange(Runtime& runtime, net::Loop& loop, net::ClientRequest&& request,
                   std::function<void(net::ClientResult)> done)
        : MemoryExchange(loop, std::move(request), net::Origin::Inproc),
          runtime_(runtime),
          done_(std::move(done)) {}
    void forward(net::Upstream& upstream, std::uint64_t total_ms) override {
        net::ClientRequest r;
        r.upstream = &upstream;
        r.method = request.method;
        r.target = request.target;
        r.fields = request.fields;
        r.body = requestBody();
        r.max_body = maxBody();
        if (total_ms != 0) r.deadline = net::milliseconds(static_cast<std::int64_t>(total_ms));
        runtime_.engine->send(std::move(r),
                              [self = shared_from_this(), this](net::ClientResult answer) {
                                  loop().post([self, this, answer = std::move(answer)]() mutable {
                                      if (answer.error != net::ClientError::None)
                                          return finish(answer.error, answer.detail);
                                      net::ResponseHead head;
                                      head.status = answer.status;
                                      head.fields = std::move(answer.fields);
                                      respond(std::move(head), std::move(answer.body));
                                  });
                              });
    }

  private:
    void done(net::ClientResult&& result) override { done_(std::move(result)); }
    Runtime& runtime_;
    std::function<void(net::ClientResult)> done_;
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
        service.attach(exchange, nullptr);
    });
}

}  // namespace persona::host::bridge
