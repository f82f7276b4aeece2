#pragma once

#include <functional>
#include <memory>
#include <string>

#include "host/net/upstream.h"

namespace persona::host::net {

/// One call of Engine::send on one loop; deletes itself after `done`.
class ClientCall final : public UpstreamUser, public Timed {
  public:
    ClientCall(LoopImpl& loop, ClientRequest request, std::function<void(ClientResult)> done)
        : loop_(loop), request_(std::move(request)), done_(std::move(done)) {}
    /// Exactly one of these, once.
    void startPool(UpstreamPool& pool);
    void startEndpoint(Endpoint endpoint, std::shared_ptr<TlsContext> tls);
    void fail(ClientError error, const std::string& detail);

  private:
    void onDeadline() override;
    void onUpstreamReady(UpstreamConnection& connection) override;
    bool onUpstreamHead(ResponseHead& head) override;
    bool onUpstreamBody(std::string_view piece) override;
    void onUpstreamEnd() override;
    void onUpstreamError(ClientError error, const std::string& detail) override;
    void onUpstreamWritable() override {}
    void finish();

    LoopImpl& loop_;
    ClientRequest request_;
    std::function<void(ClientResult)> done_;
    ClientResult result_;
    UpstreamPool* pool_ = nullptr;
    UpstreamConnection* connection_ = nullptr;
    bool waiting_ = false, finished_ = false;
};

/// Parts of an http or https URL; false when it is not one.
struct UrlParts {
    bool tls = false;
    std::string host;
    unsigned short port = 0;
    std::string authority, target;
    bool default_port = true;
};
[[nodiscard]] bool parseUrl(std::string_view url, UrlParts& out);

}  // namespace persona::host::net
