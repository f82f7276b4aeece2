#pragma once

#include <persona/abi/stream.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "host/bridge/runtime.h"

namespace persona::host::bridge {

/// A filter's pause of one direction of a stream, and where to go on after it. [loop]
struct Pause {
    psn_token token = 0;     ///< 0: not paused
    std::size_t filter = 0;  ///< whose it is
    bool in_body = false;    ///< in a call for the body, else for the head
    std::size_t offset = 0;  ///< octets of a whole body that this filter has seen
    std::string piece;       ///< a streamed piece that the filters after this one still wait for
    bool end = false;
    std::function<void()> cancel_deadline;
};

/// Tokens of paused calls. Pausing is rare, so one lock serves all loops. [any]
class Tokens {
  public:
    /// A token with which `whose` may resume `stream`. `whose` is the context of a filter.
    psn_token add(psn_stream& stream, PluginContext& whose);
    /// The request ended otherwise: who resumes it now does nothing wrong.
    void remove(psn_token token);
    /// The pause ended without a resume, or there was none: whoever comes now is late.
    void expire(psn_token token);
    /// The stream with a reference more. A token works once: nullptr for a stale one, and its
    /// filter is told what it did, as long as it lives and the token is among the last kKept.
    psn_stream* take(psn_token token);
    static constexpr std::size_t kKept = 1024;

  private:
    struct Paused {
        psn_stream* stream;
        PluginContext* whose;
    };
    struct Spent {
        psn_token token = 0;
        Misuse again{};
        PluginContext* whose = nullptr;
        std::weak_ptr<const void> generation;  ///< that `whose` lives as long as
    };
    void keep(psn_token token, PluginContext& whose, Misuse again);
    std::mutex mutex_;
    psn_token last_ = 0;
    std::unordered_map<psn_token, Paused> paused_;
    std::vector<Spent> spent_;  ///< a ring: the token says where
};
[[nodiscard]] Tokens& tokens();

}  // namespace persona::host::bridge
