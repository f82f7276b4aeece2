#pragma once

#include <persona/abi/ext/draft/heuristic.h>

#include <persona/sdk/filter_stream.hpp>
#include <string>

#include "plugins/antiabuse/combine.h"

namespace persona::antiabuse {

/// What a client is told that is not let through (anti-abuse.md 3.1): how long to wait, to the
/// second and with up to a quarter more so that not all come back at once; which budget it was; and
/// an id by which the operator finds out more. Never a key, a weight or the name of a list.
struct Answer {
    unsigned status = 429;
    sdk::Headers headers;
    std::string body;
};

/// `id`: of the decision. `spread`: 0 to 255, for the jitter. `budget`: the verdict that decided;
/// nullptr: none. `challenge`: what is put with a challenge; nullptr: none.
[[nodiscard]] Answer answerFor(const psn_facts& facts, const Decision& decision,
                               const psn_verdict* budget, const psn_challenge* challenge,
                               std::uint64_t id, unsigned spread);

}  // namespace persona::antiabuse
