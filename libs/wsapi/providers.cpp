#include "libs/wsapi/providers.h"

#include <atomic>
#include <thread>

#include "libs/protocol/names.h"
#include "libs/protocol/token.h"

namespace persona::wsapi {

namespace {

using protocol::Discovered;
using protocol::DiscoveredPtr;

/// Waits for a provider; `then` gets nullptr where the domain was not judged.
Step awaitProvider(const ProviderPort& port, const Call& call, std::string domain,
                   std::function<Step(Call&, DiscoveredPtr)> then) {
    struct Wait {
        DiscoveredPtr found;
        bool at_hand = false;  ///< the answer came before the port returned: nobody was asked
    };
    auto wait = std::make_shared<Wait>();
    Step step(
        Where::Work,
        [wait, then = std::move(then)](Call& c) {
            c.outcomes.note(wait->at_hand ? Outcome::WkHit : Outcome::WkMiss);
            return then(c, wait->found);
        },
        busy());
    step.wait = [&port, domain = std::move(domain), at_hand = call.asked("cached"),
                 wait](std::function<void()> resume) {
        const auto asking = std::make_shared<std::atomic<bool>>(true);
        port(domain, at_hand,
             [wait, asking, asker = std::this_thread::get_id(),
              resume = std::move(resume)](DiscoveredPtr d) {
                 wait->found = std::move(d);
                 wait->at_hand = *asking && std::this_thread::get_id() == asker;
                 resume();
             });
        *asking = false;
    };
    return step;
}

/// The audience that the last token of a bundle names, for the refusal's text.
std::string audienceOf(std::string_view bundle) {
    const auto tilde = bundle.rfind('~');
    if (tilde == std::string_view::npos) return {};
    const auto token = protocol::Token::parse(bundle.substr(tilde + 1));
    const auto* aud = token ? token->payload.findText("aud") : nullptr;
    return aud == nullptr ? "" : *aud;
}

/// One verification and the texts it needs, over the steps that wait for the network.
struct Proof {
    std::shared_ptr<const ProofOptions> options;
    std::string assertion;
    std::optional<protocol::Verification> verification;
    std::function<Step(Call&, const Proven&)> then;
};

Step refuse(Proof& proof, Call& call, std::string reason) {
    return proof.then(call, {"", "", std::move(reason), false});
}

Step finish(const ProviderPort& port, const std::shared_ptr<Proof>& proof, Call& call) {
    const auto result = proof->verification->result();
    call.outcomes.note(outcomeOf(result));
    if (!result.ok) {
        if (result.reason.starts_with("audience mismatch"))
            return refuse(
                *proof, call,
                "can't log in with an assertion for '" + audienceOf(proof->assertion) + "'");
        return refuse(*proof, call, result.reason);
    }
    const auto domain = protocol::emailDomain(result.email);
    if (!domain) return refuse(*proof, call, "invalid email in assertion");
    const auto own = proof->options->verify.hostname;
    if (result.issuer != own || *domain == own)
        return proof->then(call, {result.email, result.issuer, "", false});
    return awaitProvider(
        port, call, *domain,
        [proof, email = result.email, own, domain = *domain](Call& c,
                                                             const DiscoveredPtr& d) -> Step {
            if (d == nullptr) return proof->then(c, {"", "", "", true});
            if (d->type == Discovered::Type::Primary && d->authority == own)
                return proof->then(c, {email, own, "", false});
            return refuse(*proof, c,
                          "issuer '" + own + "' may not speak for emails from '" + domain + "'");
        });
}

Step drive(const ProviderPort& port, const std::shared_ptr<Proof>& proof, Call& call) {
    const auto domain = proof->verification->advance();
    if (!domain) return finish(port, proof, call);
    return awaitProvider(port, call, *domain, [&port, proof](Call& c, DiscoveredPtr found) -> Step {
        if (found == nullptr) return proof->then(c, {"", "", "", true});
        proof->verification->provide(std::move(found));
        return drive(port, proof, c);
    });
}

}  // namespace

Support supportOf(const Discovered& found) {
    switch (found.type) {
        case Discovered::Type::Primary:
            return Support::Supported;
        case Discovered::Type::Disabled:
            return Support::Disabled;
        default:
            return Support::Error;
    }
}

bool isBackedByPrimary(Support support, std::optional<std::int64_t> last_seen_ms,
                       std::int64_t now_ms, std::int64_t grace_ms) {
    return support == Support::Supported || isOffline(support, last_seen_ms, now_ms, grace_ms);
}

Step withProvider(const ProviderPort& port, const Call& call, std::string domain,
                  std::function<Step(Call&, const Discovered&)> then) {
    return awaitProvider(port, call, std::move(domain),
                         [then = std::move(then)](Call& c, const DiscoveredPtr& found) -> Step {
                             if (found == nullptr) return busy();
                             return then(c, *found);
                         });
}

Step withProof(const ProviderPort& port, std::shared_ptr<const ProofOptions> options,
               const std::string& assertion, std::int64_t now_ms,
               std::function<Step(Call&, const Proven&)> then) {
    auto proof = std::make_shared<Proof>(
        Proof{std::move(options), assertion, std::nullopt, std::move(then)});
    return {Where::Work,
            [&port, proof, now_ms](Call& call) -> Step {
                if (proof->options->disable_primary_support)
                    return refuse(*proof, call, "primary support disabled");
                protocol::VerifyRequest request;
                request.assertion = proof->assertion;
                request.audience = proof->options->audience;
                proof->verification.emplace(std::move(request), protocol::Api::V1,
                                            proof->options->verify, now_ms);
                return drive(port, proof, call);
            },
            busy()};
}

}  // namespace persona::wsapi
