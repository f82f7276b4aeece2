#pragma once

#include <atomic>

#include "libs/domainkey/key_ring.h"
#include "plugins/keysigner/certify.h"

namespace persona::keysigner {

/// Certificates by the ring's current key, and whether it signs. Any thread.
class Signing {
  public:
    /// `ring` outlives this.
    explicit Signing(const domainkey::KeyRing& ring) : ring_(ring) {}

    /// certify() with the key that is the current one.
    CertifyAnswer certify(std::string_view content_type, std::string_view body,
                          const CertifyOptions& options, std::int64_t now_ms);
    /// Why there are no certificates, with the remedy; empty: there are. After some failures in
    /// succession the key is asked to sign, so this may take as long as that.
    [[nodiscard]] std::string trouble();

  private:
    static constexpr unsigned kFailures = 3;  // in succession; one may be chance

    const domainkey::KeyRing& ring_;
    std::atomic<unsigned> failures_{0};
};

}  // namespace persona::keysigner
