#pragma once

#include <persona/abi/stream.h>

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "host/bridge/service.h"
#include "host/net/exchange.h"

/// One request and its response as plugins see it; opaque in the ABI. Counted references: one for
/// the exchange's hooks, one for each hold() and each task that is under way.
struct psn_stream {
  public:
    using Service = persona::host::bridge::Service;
    using Chain = persona::host::bridge::Chain;
    using Exchange = persona::host::net::Exchange;
    using Flow = persona::host::net::Flow;

    psn_stream(persona::host::net::ExchangePtr exchange, Service& service,
               std::shared_ptr<const Chain> chain);
    ~psn_stream();
    void ref() { refs_.fetch_add(1, std::memory_order_relaxed); }
    void unref() {
        if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }
    /// The plugin's own: a held stream may be answered after handle() has returned.
    void hold() {
        holds_.fetch_add(1, std::memory_order_relaxed);
        ref();
    }
    void release() { unref(); }

    // The life of a request, on its loop.
    void begin();
    void bodyReady();
    Flow requestPiece(std::string_view piece, bool end);
    Flow responseHead();
    Flow responsePiece(std::string_view piece, bool end);
    void writable();
    void complete(const persona::host::net::Summary& summary);
    [[nodiscard]] bool filtersRequestBody() const;
    [[nodiscard]] bool filtersResponseBody() const;

    // psn.stream/1.
    const psn_request* request();
    psn_rc respond(const psn_response& response);
    psn_rc start(const psn_response& response, std::int64_t length, psn_writable_fn fn, void* user);
    psn_rc write(std::string_view data, bool end);
    psn_rc readBody(psn_body_fn fn, void* user);
    psn_rc resumeRead();
    psn_rc forward(const psn_forward& forward);
    psn_rc setRequestHeader(std::string_view name, std::string_view value, bool remove);
    psn_rc setResponseHeader(std::string_view name, std::string_view value, int mode);
    psn_token pauseToken();
    static psn_rc resumeToken(psn_token token, std::uint32_t result, const psn_response* reply);
    void abort();
    /// Runs on the stream's loop: now when this is it, else by message. Keeps the stream alive.
    void onLoop(std::function<void()> task);
    [[nodiscard]] bool gone() const { return exchange_->isGone() || complete_; }
    [[nodiscard]] Exchange& exchange() { return *exchange_; }
    psn_rc setRequestId(std::string_view id);
    std::map<std::string, std::string, std::less<>> values;

  private:
    enum class Phase { RequestHead, RequestBody, Handling, ResponseHead, ResponseBody };
    void runRequestHead(std::size_t from);
    void afterRequestHead();
    void dispatchTo(Service& service);
    void handle();
    void callHandler();
    void answer(unsigned status, const std::string& text);
    Flow runResponseHead(std::ptrdiff_t from);
    Flow runBody(bool request, std::ptrdiff_t from, std::string_view piece, bool end);
    /// What a fault of filter i means: true = go on, false = answered 503.
    bool faultAllows(std::size_t i, const char* why);
    void resumed(std::uint32_t result);
    static std::string current_plugin_id();
    void armPause(std::size_t i);
    void endPause();
    void doForward(const std::string& upstream, std::uint64_t deadline_ms);

    std::atomic<int> refs_{1};
    persona::host::net::ExchangePtr exchange_;
    Service* service_;
    std::shared_ptr<const Chain> chain_;
    std::vector<void*> contexts_;
    std::size_t opened_ = 0;            ///< filters that have seen the request
    std::ptrdiff_t response_top_ = -1;  ///< highest filter that sees the response
    const psn_route* route_ = nullptr;
    Phase phase_ = Phase::RequestHead;
    std::ptrdiff_t paused_at_ = -1;
    std::string paused_piece_;
    bool paused_end_ = false;
    psn_token token_ = 0;
    bool body_taken_ = false, body_complete_ = false, in_filter_ = false, reply_called_ = false;
    std::atomic<bool> answered_{false};
    std::atomic<unsigned> handovers_{0};  ///< times another service took over
    std::atomic<bool> complete_{false};
    std::atomic<int> holds_ = 0;
    std::string local_reply_, request_id_, route_name_;
    psn_body_fn body_fn_ = nullptr;
    void* body_user_ = nullptr;
    psn_writable_fn writable_fn_ = nullptr;
    void* writable_user_ = nullptr;
    psn_request view_{};
    std::vector<psn_header> header_views_;
    bool view_fresh_ = false;
};

namespace persona::host::bridge {
[[nodiscard]] const psn_stream_api& streamApi();
}
