#pragma once

#include <persona/abi/ext/draft/counter_backend.h>

#include <cstdint>
#include <string>
#include <vector>

namespace persona::state_redis {

/// One exchange as a Redis command, and its answer: no I/O.
///
/// All happens in one script, so that no key is ever without its time to live and no two processes
/// overtake each other. Times are those of the server: the processes' clocks need not agree.
///   PREFIX:{STATE}               hash: epoch, seq
///   PREFIX:{STATE}:TABLE:RULE:KEY  until when (ms) its budget is spent; expires then
///   PREFIX:{STATE}:hot           sorted set: keys spent by half or more, by the number of the
///   change PREFIX:{STATE}:peers         sorted set: processes, by when they were last here
class Script {
  public:
    /// `name`: "aa:{persona}"; the braces keep all keys on one node of a cluster.
    explicit Script(std::string name);
    static const std::string kText;
    /// Arguments after EVALSHA SHA or EVAL TEXT. `peer` names this process, `fresh_epoch` is taken
    /// when the server has none.
    [[nodiscard]] std::vector<std::string> argumentsOf(const psn_shared_exchange& exchange,
                                                       const std::string& peer,
                                                       std::uint64_t fresh_epoch) const;
    /// The flat list of the answer. Throws std::runtime_error when it is none.
    static void read(const std::vector<std::string>& answer, psn_shared_exchange& exchange);

  private:
    const std::string name_;
};

}  // namespace persona::state_redis
