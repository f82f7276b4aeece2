#pragma once

#include <string>

#include "host/bridge/service.h"
#include "host/generation/generation.h"

namespace persona::host::generation {

/// Step 7 of a swap: a few recorded requests pass every new chain on a thread of their own, their
/// verdicts are thrown away, and host counters are only read. Any fault of a filter, or no end
/// within the deadline, refuses the generation.
struct Rehearsal {
    bool hung = false;  ///< the thread is still in the plugin: the generation must never be freed
    std::string error;  ///< empty: nothing was found
};
[[nodiscard]] Rehearsal rehearse(bridge::Runtime& runtime,
                                 const std::shared_ptr<Generation>& generation,
                                 std::int64_t deadline_ms);

}  // namespace persona::host::generation
