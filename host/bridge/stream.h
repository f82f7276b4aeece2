#pragma once

#include <persona/abi/stream.h>

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "host/bridge/filter.h"
#include "host/bridge/pause.h"
#include "host/bridge/service.h"
#include "host/net/exchange.h"

/// One request and its response as plugins see it; opaque in the ABI. Counted references: one for
/// the exchange's hooks, one for each hold() and each task that is under way. Everything on the
/// stream's loop but what is tagged [any]; it is freed there too.
///
/// No call of a filter is ever inside another one of the same stream: what a filter asks for that
/// would end the request (respond, abort) is done when its call has returned.
struct psn_stream {
  public:
    using Service = persona::host::bridge::Service;
    using Filter = persona::host::bridge::Filter;
    using Exchange = persona::host::net::Exchange;
    using Flow = persona::host::net::Flow;

    /// `pin` may be nullptr: no chain. `target` answers what passes the chain.
    psn_stream(persona::host::net::ExchangePtr exchange, Service& target,
               persona::host::bridge::Pin* pin);
    ~psn_stream();
    psn_stream(const psn_stream&) = delete;
    psn_stream& operator=(const psn_stream&) = delete;
    void ref() { refs_.fetch_add(1, std::memory_order_relaxed); }
    void unref();  ///< [any]

    // The life of a request.
    void begin();
    void bodyReady();
    Flow requestPiece(std::string_view piece, bool end);
    Flow responseHead();
    Flow responsePiece(std::string_view piece, bool end);
    void writable();
    void complete(const persona::host::net::Summary& summary);
    /// The exchange lets go: nothing can come through a token any more.
    void detach();
    [[nodiscard]] bool filtersRequestBody() const;
    [[nodiscard]] bool filtersResponseBody() const;
    [[nodiscard]] std::uint64_t buffersResponse() const;

    // psn.stream/1.
    const psn_request* request();
    psn_rc respond(const psn_response& response);                                      // [any]
    psn_rc start(const psn_response& r, std::int64_t length, psn_writable_fn, void*);  // [any]
    psn_rc write(std::string_view data, bool end);                                     // [any]
    psn_rc readBody(psn_body_fn fn, void* user);
    psn_rc resumeRead();                         // [any]
    psn_rc forward(const psn_forward& forward);  // [any]
    psn_rc setRequestHeader(std::string_view name, std::string_view value, bool remove);
    enum class Edit { Set, Add, Remove };
    psn_rc setResponseHeader(std::string_view name, std::string_view value, Edit edit);
    psn_token pauseToken();
    static psn_rc resumeToken(psn_token, std::uint32_t result, const psn_response*);  // [any]
    static psn_rc resumeReply(psn_token, const psn_response*);                        // [any]
    void abort();                                                                     // [any]
    void hold();                                                                      // [any]
    void release();                                                                   // [any]
    psn_rc setRequestId(std::string_view id);
    psn_rc setValue(std::string_view key, std::string_view value);
    [[nodiscard]] std::optional<std::string_view> value(std::string_view key) const;
    [[nodiscard]] bool gone() const { return exchange_->isGone() || complete_.load(); }  // [any]
    [[nodiscard]] Exchange& exchange() { return *exchange_; }

  private:
    struct Reply {
        persona::host::net::ResponseHead head;
        std::string body;
    };
    /// A call into a filter, while it lasts.
    struct Call {
        std::size_t filter;
        psn_token token = 0;
        std::optional<Reply> reply;
        bool aborts = false;
    };
    enum class Side { Request, Response };
    enum class Step { Next, Paused, Stopped };
    enum class Phase { RequestHead, RequestBody, Handling };
    struct Member {
        void* context = nullptr;
        bool live = false;  ///< opened, and to be called
    };

    // stream_chain.cpp: through the filters.
    template <typename Fn>
    Step call(Side side, std::size_t i, bool in_body, Fn&& fn);
    Step open(std::size_t i);
    void walkRequestHead(std::size_t from);
    void walkWholeBody(std::size_t from, std::size_t offset);
    Flow walkPiece(std::size_t from, std::string_view piece, bool end);
    Flow walkResponse(std::ptrdiff_t from, bool head_seen, std::size_t offset);
    Flow walkResponsePiece(std::ptrdiff_t from, std::string_view piece, bool end);
    Step faulted(Side side, std::size_t i, Filter::Fault kind, const char* what);
    Step refuse(Side side, std::size_t i, const char* why);
    Step replied(Side side, std::size_t i, Reply&& reply);
    void arm(persona::host::bridge::Pause& pause, Side side);
    void end(persona::host::bridge::Pause& pause);
    void resumed(Side side, std::uint32_t result, std::optional<Reply> reply);
    void goOn(Side side, persona::host::bridge::Pause&& at);
    Filter& filter(std::size_t i) const { return *pin_->chain().filters[i]; }
    [[nodiscard]] std::size_t filters() const {
        return pin_ == nullptr ? 0 : pin_->chain().filters.size();
    }
    Flow passToReader(std::string_view piece, bool end);

    /// Storage of header_views_ that goes from request to request of a thread.
    static std::vector<psn_header>& spareViews();

    // stream.cpp: to the service and back.
    void afterFilters();
    void dispatchTo(Service& service);
    void handle();
    void callHandler();
    void answer(unsigned status, const std::string& text);
    void send(Reply&& reply);
    void doForward(const std::string& upstream, std::uint64_t deadline_ms);
    void takeRestOfBody();
    void onLoop(std::function<void()> task);  // [any]
    [[nodiscard]] std::string forLog(const std::string& text);
    /// The filter whose call this is, nullptr outside of one. [any]
    [[nodiscard]] persona::host::bridge::PluginContext* caller() const;
    psn_rc tooMuch(psn_rc code, const char* what) const;

    std::atomic<int> refs_{1}, holds_{0};
    std::atomic<bool> held_{false}, answered_{false}, complete_{false}, handling_{false};
    std::atomic<unsigned> handovers_{0};  ///< times another service took over
    persona::host::net::ExchangePtr exchange_;
    Service* const entry_;  ///< whose chain this is
    Service* service_;      ///< who has the request now
    persona::host::bridge::Pin* pin_;
    std::array<Member, 6> few_members_{};
    std::vector<Member> many_members_;
    Member* members_ = few_members_.data();
    const unsigned loop_index_;
    std::size_t opened_ = 0;             ///< filters that have been reached by the request
    std::ptrdiff_t response_from_ = -1;  ///< the filter that sees the response first
    const psn_route *route_ = nullptr, *entry_route_ = nullptr;  ///< service_'s; entry_'s
    Phase phase_ = Phase::RequestHead;
    bool body_taken_ = false, body_complete_ = false, in_response_hook_ = false;
    bool responding_ = false, head_sent_ = false, reader_paused_ = false, view_fresh_ = false;
    bool hides_report_ = false;  ///< PSN_FORWARD_HIDE_REPORT
    unsigned replies_ = 0;       ///< answers by filters, to notice that a body was replaced
    Call* call_ = nullptr;
    persona::host::bridge::Pause request_pause_, response_pause_;
    std::string local_reply_, request_id_;
    psn_body_fn body_fn_ = nullptr;
    void* body_user_ = nullptr;
    psn_writable_fn writable_fn_ = nullptr;
    void* writable_user_ = nullptr;
    psn_request view_{};
    std::vector<psn_header> header_views_;
    std::map<std::string, std::string, std::less<>> values_;
};

namespace persona::host::bridge {

/// A reference to a stream that a task carries.
class StreamRef {
  public:
    explicit StreamRef(psn_stream& s) : stream_(&s) { s.ref(); }
    StreamRef(const StreamRef& other) : stream_(other.stream_) { stream_->ref(); }
    StreamRef& operator=(const StreamRef&) = delete;
    ~StreamRef() { stream_->unref(); }

  private:
    psn_stream* stream_;
};

[[nodiscard]] const psn_stream_api& streamApi();
[[nodiscard]] net::ResponseHead headOf(const psn_response& response);
/// One line of the access log, in Common Log Format with a few more fields; the query stays out of
/// it, for it may hold addresses and tokens.
void writeAccessLine(observe::AccessLog& log, const net::Exchange& exchange,
                     const net::Summary& summary, std::string_view request_id);

}  // namespace persona::host::bridge
