#pragma once

#include <optional>

#include "host/net/head_scan.h"
#include "host/net/listener.h"
#include "host/net/parser.h"
#include "host/net/upstream_pool.h"

namespace persona::host::net {

class ServerConnection;

/// The exchange of a socket: a handle that outlives the connection when a plugin holds it.
class HttpExchange final : public Exchange {
  public:
    HttpExchange(LoopImpl& loop, ServerConnection* connection)
        : loop_(loop), connection_(connection) {}
    ~HttpExchange() override {
        std::move(request.fields).recycle();
        std::move(response.fields).recycle();
    }
    HttpExchange(const HttpExchange&) = delete;
    HttpExchange& operator=(const HttpExchange&) = delete;
    [[nodiscard]] Loop& loop() override { return loop_; }
    [[nodiscard]] bool isGone() const override { return gone_.load(std::memory_order_acquire); }
    void bufferBody(std::uint64_t max) override;
    void streamBody(std::uint64_t max) override;
    void discardBody(std::uint64_t max) override;
    [[nodiscard]] std::string_view body() const override { return body_; }
    bool respond(ResponseHead head, std::string body) override;
    bool start(ResponseHead head) override;
    Written write(std::string_view data, bool end) override;
    void forward(Upstream& upstream, std::uint64_t total_ms) override;
    void resume(Side side) override;
    [[nodiscard]] std::string_view responseBody() const override;
    void abort() override;

  private:
    friend class ServerConnection;
    LoopImpl& loop_;
    ServerConnection* connection_;
    std::string body_;
    std::atomic<bool> gone_{false};
};

/// One client connection: reads requests, one exchange at a time, writes responses, relays. [loop]
/// Its parts: server_request.cpp (octets in, bodies), server_head.cpp (what a head must be),
/// server_response.cpp (answers, ends), server_relay.cpp (forwarding).
class ServerConnection final : public EventHandler, public Timed, private UpstreamUser {
  public:
    ServerConnection(LoopImpl& loop, Listener& listener, Fd fd, const SocketAddress& peer);
    ~ServerConnection();
    void start();
    /// Drain: closes now when idle, else after the answer.
    void drain();  ///< see Engine::drain; again and again until it has gone
    void destroy();
    [[nodiscard]] std::int64_t loopNow() const { return loop_.reactor.now(); }

    ServerConnection *older = nullptr, *newer = nullptr;  ///< WaitingList's
    WaitingList* waits_in = nullptr;
    std::int64_t waits_since_ns = 0;
    std::uint64_t address_key = 0;
    std::size_t index = 0;  ///< in Listener::connections_

  private:
    friend class HttpExchange;
    enum class Phase { Handshake, Head, Exchange, Lingering, Dead };
    enum class Body { Undecided, Buffer, Stream, Discard, Done };
    enum class Wait { None, Head, Idle, Body, Write, Linger };

    void onEvents(std::uint32_t events) override;
    void writeHeld() override;
    void onDeadline() override;
    // Request side.
    void readLoop();
    bool consume(std::string_view& data);
    bool consumeHead(std::string_view& data);
    bool consumeBody(std::string_view& data);
    [[nodiscard]] bool checkFraming();
    [[nodiscard]] bool resolveTarget(std::string& target);
    bool acceptHead();
    void beginExchange(std::string&& target);
    void resolveClient();
    void takeBody(Body mode, std::uint64_t max);
    void onPiece(std::string_view piece, bool end);
    void deliverPiece(std::string_view piece, bool end);
    void bodyEnded();
    bool refuse(unsigned status, std::string_view counter, std::string_view reason);
    void checkBodyRate();
    void clientGone();
    // Response side.
    bool respond(ResponseHead&& head, std::string&& body);
    bool start(ResponseHead&& head);
    Exchange::Written write(std::string_view data, bool end);
    void beginResponse();
    void sendHead(std::string_view first_piece, bool end);
    void emit(std::string_view data, bool end);
    void sendPiece(std::string_view piece, bool end);
    void send(iovec* pieces, int count);
    Io writeOut(std::size_t& sent);
    void flush();
    void completeIfDone();
    void finishExchange(bool aborted);
    void linger();
    void resumeRequest();
    void resumeResponse();
    bool collect();
    void hostReply(unsigned status, std::string_view text);
    // Relay.
    void forward(UpstreamGroup& group, std::uint64_t total_ms);
    void sendUpstreamBody(std::string_view piece, bool end);
    void upstreamFailed(unsigned status, std::string_view counter, const std::string& detail);
    void letGoOfUpstream();
    void onUpstreamReady(UpstreamConnection& connection) override;
    bool onUpstreamHead(ResponseHead& head) override;
    bool onUpstreamBody(std::string_view piece) override;
    void onUpstreamEnd() override;
    void onUpstreamError(const UpstreamError& error) override;
    void onUpstreamWritable() override;

    [[nodiscard]] bool behind() const { return out_.size() - out_sent_ > 64 * 1024; }
    [[nodiscard]] bool wantsInput() const;
    [[nodiscard]] bool bodyIsComing() const {
        return phase_ == Phase::Exchange && body_ != Body::Undecided && body_ != Body::Done;
    }
    void arm(Wait what);
    void disarm() { arm(Wait::None); }
    void schedule();
    void waitIn(WaitingList* list);
    [[nodiscard]] const Limits& limits() const { return listener_.shared().settings.limits; }
    [[nodiscard]] ExchangeHooks* hooks() const;

    LoopImpl& loop_;
    Listener& listener_;
    Transport transport_;
    std::string peer_;
    const std::int64_t peer_uid_;
    Phase phase_ = Phase::Handshake;
    Wait wait_ = Wait::None;
    std::optional<MessageParser<true>> parser_;
    HeadScanner scanner_;
    std::string in_, out_;
    std::size_t out_sent_ = 0;
    std::int64_t wait_until_ns_ = 0, total_until_ns_ = 0;  ///< 0: no such deadline
    std::uint32_t requests_ = 0, empty_lines_ = 0;
    bool late_ = false;  ///< a whole answer waits in out_ for the end of the loop's turn
    bool readable_ = false, eof_pending_ = false, processing_ = false, keep_alive_ = true,
         peer_eof_ = false, all_heard_ = false, client_closes_ = false, close_after_ = false;

    // The exchange at hand.
    std::shared_ptr<HttpExchange> exchange_;
    Summary summary_;
    Body body_ = Body::Undecided, body_mode_ = Body::Undecided;
    std::uint64_t body_max_ = 0, body_overhead_ = 0;
    std::int64_t window_start_ns_ = 0;  ///< of the body's rate
    std::uint64_t window_octets_ = 0;
    bool window_blocked_ = false;  ///< we did not read for a part of it
    bool expect_continue_ = false, request_paused_ = false, request_taken_ = false;
    std::string paused_piece_;  ///< of the request, behind a pause
    bool paused_end_ = false;
    bool answered_ = false, head_sent_ = false, response_done_ = false, response_paused_ = false,
         chunked_out_ = false, no_body_ = false, wants_writable_ = false, host_reply_ = false,
         in_hook_ = false, collecting_ = false;
    std::int64_t length_left_ = 0;
    std::string held_, passed_;  ///< response octets behind a pause: before, and after the hooks
    bool held_end_ = false, passed_end_ = false;

    // The relay.
    UpstreamPool* pool_ = nullptr;
    UpstreamConnection* up_ = nullptr;
    bool up_waiting_ = false, up_chunked_ = false;
    std::string up_queue_;  ///< request octets that came before the connection was there
    bool up_queue_end_ = false;
    unsigned up_attempts_ = 0;
    std::int64_t up_started_ns_ = 0;
};

}  // namespace persona::host::net
