#pragma once

#include <functional>
#include <string>

#include "bench/abuse/src/loop.h"
#include "bench/abuse/src/wire.h"

namespace persona::abuse {

/// A connection that is held for as long as the other side bears it: slow head, slow body, slow
/// reading. `ended` gets how it ended and is where it is released.
class Slow final : public Loop::Watcher {
  public:
    using Ended = std::function<void(Slow&, Verdict)>;
    Slow(Loop& loop, const Record& record, int port, Ended ended);
    ~Slow() override;
    [[nodiscard]] bool open() const { return fd_ >= 0; }
    /// The next few octets; called by the owner's clock.
    void drip();
    void ready(std::uint32_t events) override;
    const Record& record;
    Micros begun = 0, next = 0;

  private:
    void finish(Verdict verdict);
    Loop& loop_;
    int fd_ = -1;
    std::string first_;
    Ended ended_;
    bool connected_ = false;
};

}  // namespace persona::abuse
