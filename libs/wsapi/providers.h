#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "libs/protocol/authority.h"
#include "libs/wsapi/address_state.h"

namespace persona::wsapi {

/// Port: who speaks for a domain, by libs/discovery or a test. Waits; threads that may block.
/// nullptr: too much is under way, the domain was not judged.
using ProviderPort =
    std::function<std::shared_ptr<const protocol::Discovered>(const std::string& domain)>;

[[nodiscard]] inline Support supportOf(const protocol::Discovered& found) {
    switch (found.type) {
        case protocol::Discovered::Type::Primary:
            return Support::Supported;
        case protocol::Discovered::Type::Disabled:
            return Support::Disabled;
        default:
            return Support::Error;
    }
}

/// Address of a domain for which this service must not speak now: a provider does, or did within
/// the grace period and does not answer (bug 911999, W18, W19).
[[nodiscard]] inline bool isBackedByPrimary(Support support,
                                            std::optional<std::int64_t> last_seen_ms,
                                            std::int64_t now_ms, std::int64_t grace_ms) {
    return support == Support::Supported || isOffline(support, last_seen_ms, now_ms, grace_ms);
}

}  // namespace persona::wsapi
