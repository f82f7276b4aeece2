#pragma once

#include <functional>
#include <string>

#include "bench/abuse/src/loop.h"
#include "bench/abuse/src/message.h"

namespace persona::abuse {

/// A connection to a port of 127.0.0.1, from any address of 127.0.0.0/8, one request at a time.
class Client final : public Loop::Watcher {
  public:
    enum class End { Answered, Reset, TimedOut };
    /// `answer` is null unless the end is Answered. The connection may be used again, or released,
    /// from inside.
    using Done = std::function<void(Client&, End, const Message* answer)>;
    /// Called when a connection that nobody waits for is closed by the peer: release it there.
    using Closed = std::function<void(Client&)>;

    /// `from`: address in host order, 0 = any. Check open(): out of descriptors or ports = false.
    Client(Loop& loop, std::uint32_t from, int port, Closed closed);
    ~Client() override;
    [[nodiscard]] bool open() const { return fd_ >= 0; }
    [[nodiscard]] bool busy() const { return static_cast<bool>(done_); }
    void ask(std::string octets, Done done);
    /// Ends a request that takes too long (TimedOut) and closes.
    void giveUp();
    void ready(std::uint32_t events) override;

    Micros asked_at = 0, idle_since = 0;

  private:
    void finish(End end);
    void write();
    void shut();
    Loop& loop_;
    int fd_ = -1;
    bool writing_ = false;
    std::string out_;
    std::size_t written_ = 0;
    Reader reader_{Reader::Kind::Response};
    Done done_;
    Closed closed_;
};

}  // namespace persona::abuse
