#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "libs/protocol/json.h"
#include "libs/protocol/key.h"

namespace persona::protocol {

/// A certificate whose signature was found good, with what its parsing gave.
struct VerifiedCertificate {
    Json payload;
    PublicKey user_key;
    std::string issuer_key;  ///< canonical form of the key that had signed it
    std::int64_t expires_ms = 0;
};

/// Bounded store of verified certificates, found by the SHA-256 of their text: the entry used least
/// lately goes first, none outlives its certificate. All [any].
class CertificateCache {
  public:
    explicit CertificateCache(std::size_t max_entries);
    ~CertificateCache();
    CertificateCache(const CertificateCache&) = delete;
    CertificateCache& operator=(const CertificateCache&) = delete;

    using Found = std::shared_ptr<const VerifiedCertificate>;
    /// nullptr: not known, or expired. Times and the issuer's key stay the caller's to check.
    [[nodiscard]] Found find(std::string_view certificate, std::int64_t now_ms);
    void put(std::string_view certificate, VerifiedCertificate verified, std::int64_t now_ms);
    /// The issuer no longer has the key: its certificate must be judged anew.
    void drop(std::string_view certificate);
    [[nodiscard]] std::size_t size() const;

  private:
    struct Shard;
    [[nodiscard]] Shard& shardOf(const std::string& digest) const;
    std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace persona::protocol
