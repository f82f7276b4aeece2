#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libs/protocol/authority.h"
#include "libs/protocol/certificate_cache.h"
#include "libs/protocol/key.h"
#include "libs/protocol/key_cache.h"

namespace persona::protocol {

enum class Api { V1, V2 };

struct VerifyRequest {
    std::string assertion, audience;
    std::string force_issuer;                  ///< v1; empty: none
    bool allow_unverified = false;             ///< v1
    std::vector<std::string> trusted_issuers;  ///< v2
};

struct VerifyOptions {
    std::string hostname;  ///< our own, as issuers name it; empty: there is no fallback
    std::vector<PublicKey> own_keys;
    /// Our own keys are those that `hostname` publishes, found like any other domain's: the
    /// verifier that stands alone beside a fallback service.
    bool discover_own_keys = false;
    std::vector<std::string> forcible_issuers;
    KeyOptions keys;
    std::int64_t clock_skew_ms = 0, max_cert_lifetime_ms = 0, max_assertion_lifetime_ms = 0;
    bool disable_primary_support = false;
    bool allow_ports = false;  ///< `allow_domains_with_port`: tests only
    std::int64_t idp_offline_grace_period_ms = 432'000'000;
    /// When a domain was last seen as a primary, ms; unset: no such store.
    std::function<std::optional<std::int64_t>(const std::string& domain)> idp_last_seen;
    /// Certificates that have been verified under these options; nullptr: none are kept.
    std::shared_ptr<CertificateCache> certificates;
    /// Keys of users that passed their checks, under these `keys`; the one of a DSA key is dear.
    /// nullptr: none are kept.
    std::shared_ptr<KeyCache> seen_keys;
};

struct VerifyResult {
    bool ok = false;
    bool bad_key = false;  ///< refused for the user's key: of a kind or size that nobody certifies
    std::string reason;
    std::string audience, issuer, email, unverified_email;
    std::int64_t expires = 0;
    Json idp_claims, user_claims;  ///< v2: objects
};

/// protocol.md 3.2, with its reasons word for word. Pure: the clock is `now_ms`, the network
/// whoever drives it:
///     while (const auto domain = v.advance()) v.provide(<discovery of *domain>);
///     v.result()
/// so it can wait for the network without holding a thread. Asks for each domain at most once.
class Verification {
  public:
    /// `options` must outlive it.
    Verification(VerifyRequest request, Api api, const VerifyOptions& options, std::int64_t now_ms);
    ~Verification();
    Verification(Verification&&) noexcept;
    /// Goes on to the end (nothing is returned), or to where a domain has to be discovered.
    [[nodiscard]] std::optional<std::string> advance();
    /// The discovery of the domain that advance() named; not nullptr.
    void provide(DiscoveredPtr found);
    /// Once, at the end.
    [[nodiscard]] VerifyResult result();

  private:
    class Steps;
    std::unique_ptr<Steps> steps_;
};

/// What a domain's discovery gives; called at most once for each distinct domain.
using DiscoverFn = std::function<Discovered(const std::string& domain)>;
/// The whole, where discovery may block.
[[nodiscard]] VerifyResult verify(const VerifyRequest& request, Api api,
                                  const VerifyOptions& options, std::int64_t now_ms,
                                  const DiscoverFn& find);

}  // namespace persona::protocol
