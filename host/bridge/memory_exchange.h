#pragma once

#include <atomic>

#include "host/net/engine.h"
#include "host/net/exchange.h"

namespace persona::host::bridge {

/// An exchange without a socket: the request is there as a whole, the response is collected. [loop]
class MemoryExchange : public net::Exchange {
  public:
    MemoryExchange(net::Loop& loop, net::ClientRequest&& request, net::Origin from);
    [[nodiscard]] net::Loop& loop() override { return loop_; }
    [[nodiscard]] bool isGone() const override { return gone_.load(std::memory_order_acquire); }
    void bufferBody(std::uint64_t max) override;
    void streamBody(std::uint64_t max) override;
    void discardBody(std::uint64_t max) override;
    [[nodiscard]] std::string_view body() const override { return request_body_; }
    bool respond(net::ResponseHead head, std::string body) override;
    bool start(net::ResponseHead head) override;
    Written write(std::string_view data, bool end) override;
    void resume(Side side) override;
    void abort() override { finish(net::ClientError::Unreachable, "the service broke off"); }
    [[nodiscard]] std::string_view responseBody() const override { return response_body_; }
    void timeOut() { finish(net::ClientError::Timeout, "the service did not answer in time"); }

  protected:
    /// Last call, once: what came of it.
    virtual void done(net::ClientResult&& result) = 0;
    void finish(net::ClientError error, const std::string& detail);
    [[nodiscard]] const std::string& requestBody() const { return request_body_; }
    [[nodiscard]] std::uint64_t maxBody() const { return max_body_; }

  private:
    void refuse(unsigned status, const char* text);
    void passHead();
    void passBody();
    net::Loop& loop_;
    const std::uint64_t max_body_;
    const std::string request_body_;
    std::string response_body_;
    std::size_t passed_ = 0;  ///< octets of the response body that the hooks have seen
    bool started_ = false, whole_ = false, in_hook_ = false, head_passed_ = false,
         response_paused_ = false;
    std::atomic<bool> gone_{false};
};

}  // namespace persona::host::bridge
