#pragma once

#include <functional>
#include <memory>
#include <string>

#include "host/net/resolver.h"
#include "host/net/upstream_pool.h"

namespace persona::host::net {

/// Parts of an http or https URL; false when it is not one.
struct UrlParts {
    bool tls = false;
    std::string host;
    unsigned short port = 0;
    std::string authority, target;
    bool default_port = true;
};
[[nodiscard]] bool parseUrl(std::string_view url, UrlParts& out);

/// One call of Engine::send on one loop; deletes itself after `done`.
class ClientCall final : public UpstreamUser, public Timed {
  public:
    ClientCall(LoopImpl& loop, ClientRequest request, std::function<void(ClientResult)> done)
        : loop_(loop), request_(std::move(request)), done_(std::move(done)) {
        loop_.calls.insert(this);
    }
    /// Exactly one of these, once.
    void startPool(UpstreamPool& pool);
    /// Resolves, checks every address (protocol.md 4.2), and connects to those that were checked.
    void startUrl(UrlParts url, Resolver& resolver, std::shared_ptr<TlsContext> tls);
    /// One address, on a connection of its own.
    void startEndpoint(const Endpoint& endpoint, std::shared_ptr<TlsContext> tls);
    /// The engine ends: lets go of the connection and fails.
    void cancel(ClientError error, const std::string& detail);

  private:
    void fail(ClientError error, const std::string& detail);
    void resolved(std::vector<SocketAddress> found, const std::string& error);
    void connectNext();
    void onDeadline() override;
    void onUpstreamReady(UpstreamConnection& connection) override;
    bool onUpstreamHead(ResponseHead& head) override;
    bool onUpstreamBody(std::string_view piece) override;
    void onUpstreamEnd() override;
    void onUpstreamError(const UpstreamError& error) override;
    void onUpstreamWritable() override {}
    void finish();

    LoopImpl& loop_;
    ClientRequest request_;
    std::function<void(ClientResult)> done_;
    ClientResult result_;
    UpstreamPool* pool_ = nullptr;
    UpstreamConnection* connection_ = nullptr;
    bool waiting_ = false, sent_ = false, finished_ = false;
    std::int64_t until_ns_ = 0;
    Resolver::Begun lookup_begun_;  ///< by URL, until it has been asked
    UrlParts url_;
    std::shared_ptr<TlsContext> tls_;
    std::vector<SocketAddress> addresses_;  ///< by URL: not yet tried, the next one last
    /// Goes with this, so that a late answer of the resolver finds nobody.
    std::shared_ptr<ClientCall*> self_ = std::make_shared<ClientCall*>(this);
};

}  // namespace persona::host::net
