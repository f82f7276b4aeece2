#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "libs/protocol/verify.h"
#include "libs/wsapi/address_state.h"
#include "libs/wsapi/call.h"

namespace persona::wsapi {

/// Port: who speaks for a domain (lower case), by libs/discovery or a test. Must not block; calls
/// `done` exactly once, at once or later, on any thread. nullptr: too much is under way, the domain
/// was not judged. `at_hand`: nobody is asked anew.
using ProviderPort = std::function<void(const std::string& domain, bool at_hand,
                                        std::function<void(protocol::DiscoveredPtr)> done)>;

[[nodiscard]] Support supportOf(const protocol::Discovered& found);

/// What a verification is for the router.
[[nodiscard]] inline Outcome outcomeOf(const protocol::VerifyResult& r) {
    return r.ok ? Outcome::VerifyOk : r.bad_key ? Outcome::VerifyBadKey : Outcome::VerifyBad;
}

/// Address of a domain for which this service must not speak now: a provider does, or did within
/// the grace period and does not answer (bug 911999, W18, W19).
[[nodiscard]] bool isBackedByPrimary(Support support, std::optional<std::int64_t> last_seen_ms,
                                     std::int64_t now_ms, std::int64_t grace_ms);

/// Goes on with the provider of a domain, holding no thread while the network is asked. Where the
/// domain could not be judged the call is answered 503.
/// The same where the router asks for no new question ("cached") and the answer is not at hand.
[[nodiscard]] Step withProvider(const ProviderPort& port, const Call& call, std::string domain,
                                std::function<Step(Call&, const protocol::Discovered&)> then);

/// What an assertion proves to this service (wsapi.md 4.2).
struct Proven {
    std::string email;   ///< empty: nothing
    std::string issuer;  ///< domain whose key signed
    std::string reason;  ///< why nothing is proven, in the verifier's words
    bool busy = false;   ///< the network could not be asked; says nothing of the assertion
};
struct ProofOptions {
    protocol::VerifyOptions verify;  ///< with the domain's own keys as they are now
    std::string audience;            ///< public_url
    bool disable_primary_support = false;
};
/// Verifies an assertion for this service itself, then goes on. Our own certificates count only for
/// domains that delegate to us: that somebody had a mail is no word of a provider.
[[nodiscard]] Step withProof(const ProviderPort& port, std::shared_ptr<const ProofOptions> options,
                             const std::string& assertion, std::int64_t now_ms,
                             std::function<Step(Call&, const Proven&)> then);

}  // namespace persona::wsapi
