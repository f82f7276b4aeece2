#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "bench/abuse/src/loop.h"
#include "bench/abuse/src/message.h"

namespace persona::abuse {

/// The place of one answer. It outlives its connection: an answer to nobody is dropped.
class Exchange {
  public:
    virtual ~Exchange() = default;
    /// Call it once. `octets` is a whole response with its Content-Length.
    virtual void answer(std::string octets) = 0;
    /// Address of the peer, host order.
    [[nodiscard]] virtual std::uint32_t peer() const = 0;
};

using Handler = std::function<void(const std::shared_ptr<Exchange>&, Message request)>;

/// Listens on 127.0.0.1; each connection has one request at a time, as HTTP/1.1 asks.
class Server final : public Loop::Watcher {
  public:
    /// `port` 0 takes a free one. Throws when it cannot listen.
    Server(Loop& loop, int port, Handler handler);
    ~Server() override;
    [[nodiscard]] int port() const { return port_; }
    void ready(std::uint32_t events) override;

  private:
    Loop& loop_;
    Handler handler_;
    int fd_ = -1, port_ = 0;
    std::unordered_map<Watcher*, std::unique_ptr<Watcher>> connections_;
};

/// A response; `extra` are whole field lines, each with its CR LF.
std::string response(int status, std::string_view type, std::string_view body,
                     std::string_view extra = {});

}  // namespace persona::abuse
