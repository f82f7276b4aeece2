#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "host/net/fields.h"

/// The seam between the engine (host/net) and the C ABI (host/bridge). No Boost here.
namespace persona::host::net {

class Loop;
class Upstream;
class Exchange;

enum class Flow {
    Continue,
    Pause,  ///< nothing more of this direction until Exchange::resume(); the piece is kept back
    Taken,  ///< the hooks answered or aborted themselves
};

enum class Origin {
    Network,
    Inproc,    ///< another plugin of this process asks
    Rehearsal  ///< passes a chain that is being tried; no service answers
};

struct Summary {
    unsigned status = 0;
    std::uint64_t request_bytes = 0, response_bytes = 0;  ///< of the bodies
    std::int64_t duration_ns = 0, upstream_ns = 0;
    std::string_view upstream;
    bool host_reply = false;  ///< the engine itself answered (limit, upstream failure)
    bool aborted = false;
};

/// What the bridge does at each step of one exchange. All calls on the exchange's loop; none
/// blocks. Owned by the exchange from Exchange::attach() to the end of onComplete().
class ExchangeHooks {
  public:
    virtual ~ExchangeHooks() = default;
    /// The whole request body is in Exchange::body(), after bufferBody().
    virtual void onBodyReady() {}
    /// A piece of the request body: after streamBody() always, during forward() and bufferBody()
    /// when filtersRequestBody(). `piece` is at most 16 KiB.
    virtual Flow onRequestBody(std::string_view /*piece*/, bool /*end*/) { return Flow::Continue; }
    /// Before the response head is sent, whoever made it; may change exchange.response().
    virtual Flow onResponseHead() { return Flow::Continue; }
    /// A piece of the response body, when filtersResponseBody().
    virtual Flow onResponseBody(std::string_view /*piece*/, bool /*end*/) { return Flow::Continue; }
    /// After write() told the caller to wait: there is room again.
    virtual void onWritable() {}
    /// Last call. The client may be gone.
    virtual void onComplete(const Summary&) = 0;
    [[nodiscard]] virtual bool filtersRequestBody() const { return false; }
    [[nodiscard]] virtual bool filtersResponseBody() const { return false; }
    /// Over 0: the response is collected, at most that many octets (over: 502), before
    /// onResponseHead(), which then finds it in Exchange::responseBody() and may still answer
    /// something else; onResponseBody() is not called.
    [[nodiscard]] virtual std::uint64_t buffersResponse() const { return 0; }
};

/// One request and its response. Everything on the exchange's loop thread, except loop() and
/// isGone(). Implemented by the engine for sockets and by the bridge for calls within the process.
class Exchange : public std::enable_shared_from_this<Exchange> {
  public:
    virtual ~Exchange() = default;

    [[nodiscard]] virtual Loop& loop() = 0;
    [[nodiscard]] virtual bool isGone() const = 0;  ///< [any] answered in full, cut, or aborted

    void attach(std::unique_ptr<ExchangeHooks> hooks) { hooks_ = std::move(hooks); }

    RequestHead request;
    ResponseHead response;  ///< from onResponseHead() on
    Origin origin = Origin::Network;
    std::string scheme = "http";
    std::string client_address;  ///< after trusted proxies; "unix" for a local socket
    std::string peer_address;
    std::int64_t peer_uid = -1;    ///< user of the process at a local socket; -1: not known
    std::int64_t received_ns = 0;  ///< monotonic
    std::uint64_t body_max = 0;    ///< of a body that forward() streams; 0: the listener's bound
    std::string_view listener;

    /// The request body, exactly one of these (or forward), once.
    virtual void bufferBody(std::uint64_t max) = 0;  ///< then onBodyReady(); over: 413
    virtual void streamBody(std::uint64_t max) = 0;  ///< then onRequestBody()...; over: 413
    virtual void discardBody(
        std::uint64_t max) = 0;  ///< read and dropped beside the answer; over: 413
    [[nodiscard]] virtual std::string_view body() const = 0;

    /// The answer, exactly one of: respond, start + write, forward. False: gone, nothing done.
    /// The engine adds Content-Length or Transfer-Encoding, Connection and Date, and drops the body
    /// for HEAD, 204 and 304.
    virtual bool respond(ResponseHead head, std::string body) = 0;
    virtual bool start(ResponseHead head) = 0;
    enum class Written { Ok, Wait, Gone };
    virtual Written write(std::string_view data, bool end) = 0;  ///< copies

    /// Relays request (as `request` stands now, minus hop-by-hop fields; a buffered body goes as it
    /// is, else it streams) and response. Fails with 502, 503 or 504 by itself. total_ms 0: the
    /// upstream's own deadline.
    virtual void forward(Upstream& upstream, std::uint64_t total_ms) = 0;

    enum class Side { Request, Response };
    virtual void resume(Side side) = 0;  ///< ends a Pause of that direction
    /// In onResponseHead() of hooks that buffer responses.
    [[nodiscard]] virtual std::string_view responseBody() const { return {}; }
    virtual void abort() = 0;  ///< closes the connection without an answer

  protected:
    std::unique_ptr<ExchangeHooks> hooks_;
};

using ExchangePtr = std::shared_ptr<Exchange>;

/// Gets every request whose head is complete. One for each service that a listener names.
class Dispatcher {
  public:
    virtual ~Dispatcher() = default;
    /// [loop] Attaches hooks and takes the body or answers, now or later.
    virtual void dispatch(ExchangePtr exchange) = 0;
};

}  // namespace persona::host::net
