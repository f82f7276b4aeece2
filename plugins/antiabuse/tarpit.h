#pragma once

#include <memory>
#include <mutex>
#include <persona/sdk/filter_stream.hpp>
#include <unordered_map>

namespace persona::antiabuse {

/// Requests that are held for a while before they go on; only so many at once, for whoever knows of
/// a tarpit turns it against its owner.
class Tarpit {
  public:
    Tarpit(const sdk::Host& host, std::uint32_t most) : host_(host), most_(most) {}
    ~Tarpit() { end(); }
    Tarpit(const Tarpit&) = delete;
    Tarpit& operator=(const Tarpit&) = delete;
    /// [loop] True: the stream is paused, Flow::Pause is to be returned. The filter's
    /// pause_deadline must be longer than `ms`.
    bool hold(const sdk::FilterStream& stream, std::uint32_t ms);
    /// [control] Lets all go on.
    void end();

  private:
    struct Held {
        Tarpit* owner;
        sdk::PauseToken token;
    };
    void release(Held* held);
    const sdk::Host& host_;
    const std::uint32_t most_;
    std::mutex mutex_;
    std::unordered_map<Held*, std::unique_ptr<Held>> held_;
};

}  // namespace persona::antiabuse
