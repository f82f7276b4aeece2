#pragma once

#include <persona/abi/stream.h>

#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>

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
    psn_token add(psn_stream& stream);
    void remove(psn_token token);
    /// The stream with a reference more, or nullptr for a stale token. A token works once.
    psn_stream* take(psn_token token);

  private:
    std::mutex mutex_;
    psn_token last_ = 0;
    std::unordered_map<psn_token, psn_stream*> streams_;
};
[[nodiscard]] Tokens& tokens();

}  // namespace persona::host::bridge
