#pragma once

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
    UpstreamGroup(UpstreamSettings s, std::vector<Endpoint> e, std::size_t i)
        : settings(std::move(s)), endpoints(std::move(e)), index(i) {}
    [[nodiscard]] std::string_view name() const override { return settings.name; }
    const UpstreamSettings settings;
    const std::vector<Endpoint> endpoints;
    const std::size_t index;  ///< of its pool in LoopImpl::pools
};

/// What can go wrong with an upstream; each has its own counter (`engine.upstream.<name>`).
enum class UpstreamFault { Connect, ConnectTimeout, Tls, Closed, FirstByte, Malformed, QueueFull };
struct FaultMeaning {
    unsigned status;      ///< what a forwarded request is answered
    const char* counter;  ///< name for the observer
    ClientError error;    ///< what a client call ends with
};
[[nodiscard]] FaultMeaning meaningOf(UpstreamFault fault);

struct UpstreamError {
    UpstreamFault fault;
    bool untouched;  ///< no octet of the request was sent: it may be sent again
    bool reused;     ///< on a connection that had been kept: a fresh one may do better
    std::string detail;
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
    virtual void onUpstreamError(const UpstreamError& error) = 0;
    virtual void onUpstreamWritable() = 0;

  protected:
    ~UpstreamUser() = default;
};

/// One connection to an upstream, kept alive between requests. It goes back to its pool only when
/// request and answer both ended where their framing says: else the next answer could be another's.
class UpstreamConnection final : public EventHandler, public Timed {
  public:
    UpstreamConnection(LoopImpl& loop, UpstreamPool* pool, const Endpoint& endpoint,
                       std::shared_ptr<TlsContext> tls);
    ~UpstreamConnection();

    void open(UpstreamUser& user, milliseconds connect_timeout);
    /// Takes a kept connection; false when it turned out closed.
    [[nodiscard]] bool reuse(UpstreamUser& user);
    /// Sends or queues the head and what is there of the body; `complete`: that is all of it.
    /// head_request: the answer has no body. The first octet must come within first_byte_timeout
    /// of the last octet sent.
    void sendRequest(const iovec* pieces, int count, bool complete, bool head_request,
                     milliseconds first_byte_timeout);
    void send(const iovec* pieces, int count, bool end);
    [[nodiscard]] bool isBehind() const { return out_.size() - out_sent_ > 64 * 1024; }
    void resumeRead();
    /// The user lets go before the end: the connection is closed.
    void cancel();
    [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }

  private:
    friend class UpstreamPool;
    void onEvents(std::uint32_t events) override;
    void onDeadline() override;
    void proceedConnecting(std::uint32_t events);
    void awaitFirstByte();
    void readSome();
    bool consume(std::string_view& data);
    bool consumeHead(std::string_view& data);
    [[nodiscard]] bool headIsSound() const;
    void takeHead();
    void finishMessage();
    void flush();
    void fail(UpstreamFault fault, const std::string& detail);
    void destroy();

    enum class Phase { Connecting, Handshake, Idle, Busy, Dead };
    LoopImpl& loop_;
    UpstreamPool* pool_;
    const Endpoint endpoint_;
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
    std::int64_t idle_since_ns_ = 0;
    milliseconds first_byte_timeout_{0};
    bool sent_any_ = false, request_done_ = false, write_failed_ = false, head_request_ = false,
         head_done_ = false, paused_ = false, readable_ = false, eof_pending_ = false,
         reading_ = false, reusable_ = false, reused_ = false, got_octet_ = false;
    std::size_t slot_ = 0, endpoint_index_ = 0;  ///< the pool's
};

/// True for fields that belong to one hop (RFC 9110 7.6.1), framing included.
[[nodiscard]] bool isHopByHop(std::string_view name);
/// True for fields by which a proxy tells the next hop of its client. That hop gets them from us,
/// or not at all: whoever is behind believes them.
[[nodiscard]] bool isOfProxies(std::string_view name);

}  // namespace persona::host::net
