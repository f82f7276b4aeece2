#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/net/head_scan.h"
#include "host/net/loop_impl.h"
#include "host/net/parser.h"
#include "host/net/transport.h"

namespace persona::host::net {

/// Where a connection can be made: one address of an upstream, or a resolved URL.
struct Endpoint {
    SocketAddress address;
    std::string text;       ///< for messages
    std::string host_name;  ///< of TLS, and of the Host field where there is none
    bool tls = false;
};

/// Shared, immutable but for the TLS context (swapped on [control] by posting to every loop).
class UpstreamGroup final : public Upstream {
  public:
    UpstreamGroup(UpstreamSettings s, std::vector<Endpoint> e)
        : settings(std::move(s)), endpoints(std::move(e)) {}
    [[nodiscard]] std::string_view name() const override { return settings.name; }
    UpstreamSettings settings;
    std::vector<Endpoint> endpoints;
};

/// Who waits for a connection and its answer: a forwarded exchange, or a client call. [loop]
class UpstreamUser {
  public:
    virtual void onUpstreamReady(UpstreamConnection&) = 0;  ///< send the request now
    virtual bool onUpstreamHead(
        ResponseHead& head) = 0;  ///< false: the user let go of the connection
    virtual bool onUpstreamBody(
        std::string_view piece) = 0;  ///< false: stop reading until resumeRead()
    virtual void onUpstreamEnd() = 0;
    virtual void onUpstreamError(ClientError error, const std::string& detail) = 0;
    virtual void onUpstreamWritable() = 0;

  protected:
    ~UpstreamUser() = default;
};

/// One connection to an upstream, kept alive between requests.
class UpstreamConnection final : public EventHandler, public Timed {
  public:
    UpstreamConnection(LoopImpl& loop, UpstreamPool* pool, const Endpoint& endpoint,
                       std::shared_ptr<TlsContext> tls);
    ~UpstreamConnection();

    void open(UpstreamUser& user, milliseconds connect_timeout);
    /// Takes a kept connection; false when it turned out closed.
    [[nodiscard]] bool reuse(UpstreamUser& user);
    /// Sends or queues; head_request: the answer has no body. Starts the wait for the first octet.
    void sendRequest(const iovec* pieces, int count, bool head_request,
                     milliseconds first_byte_timeout);
    void send(const iovec* pieces, int count);
    [[nodiscard]] bool isBehind() const { return out_.size() - out_sent_ > 64 * 1024; }
    void resumeRead();
    /// The user lets go before the end: the connection is closed.
    void cancel();
    [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }
    [[nodiscard]] bool sentAny() const { return sent_any_; }

  private:
    friend class UpstreamPool;
    void onEvents(std::uint32_t events) override;
    void onDeadline() override;
    void advance();
    void readSome();
    bool consume(std::string_view& data);
    void finishMessage();
    void flush();
    void fail(ClientError error, const std::string& detail);
    void destroy();

    enum class Phase { Connecting, Handshake, Idle, Busy, Dead };
    LoopImpl& loop_;
    UpstreamPool* pool_;
    Endpoint endpoint_;
    std::shared_ptr<TlsContext> tls_;
    Transport transport_;
    Phase phase_ = Phase::Connecting;
    UpstreamUser* user_ = nullptr;
    std::optional<MessageParser<false>> parser_;
    HeadScanner scanner_;
    ResponseHead head_;
    std::string in_, out_;
    std::size_t out_sent_ = 0;
    unsigned interim_ = 0;
    bool sent_any_ = false, head_request_ = false, head_done_ = false, paused_ = false,
         readable_ = false, reading_ = false, reusable_ = false, got_octet_ = false;
};

/// A loop's connections to one upstream.
class UpstreamPool {
  public:
    UpstreamPool(LoopImpl& loop, std::shared_ptr<UpstreamGroup> group,
                 std::shared_ptr<TlsContext> tls);
    ~UpstreamPool();
    /// Calls onUpstreamReady at once, later, or onUpstreamError (QueueFull at once).
    void acquire(UpstreamUser& user);
    /// Before onUpstreamReady: the user no longer waits.
    void forget(UpstreamUser& user);
    [[nodiscard]] const UpstreamSettings& settings() const { return group_->settings; }
    [[nodiscard]] UpstreamGroup& group() { return *group_; }
    void setTls(std::shared_ptr<TlsContext> tls) { tls_ = std::move(tls); }
    void closeIdle();

  private:
    friend class UpstreamConnection;
    void release(UpstreamConnection& connection);  ///< idle again
    void removed(UpstreamConnection& connection);
    void serveNext();

    LoopImpl& loop_;
    std::shared_ptr<UpstreamGroup> group_;
    std::shared_ptr<TlsContext> tls_;
    std::vector<std::unique_ptr<UpstreamConnection>> all_;
    std::vector<UpstreamConnection*> idle_;
    std::deque<UpstreamUser*> waiting_;
    std::size_t next_endpoint_ = 0;
};

/// True for fields that belong to one hop (RFC 9110 7.6.1), framing included.
[[nodiscard]] bool isHopByHop(std::string_view name);

}  // namespace persona::host::net
