#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "libs/domainkey/key_store.h"
#include "libs/domainkey/public_keys.h"
#include "libs/protocol/published.h"

namespace persona::domainkey {

struct RingOptions {
    std::string public_file;  ///< written at mode 0644, replaced atomically
    protocol::Algorithm algorithm = protocol::Algorithm::RS256;  ///< of keys that are made
    std::int64_t rotate_after_ms = 0;   ///< age at which a key is replaced; 0: only on request
    std::int64_t lead_ms = 3'600'000;   ///< how long the next key is published before it signs
    std::int64_t keep_ms = 90'000'000;  ///< how long the previous one stays published: longer than
                                        ///< a certificate lives
};

/// The domain's keys over time. A key is published as next, then signs as the current one, then
/// stays published as previous until the last certificate under it has expired; so every
/// certificate can be verified at any moment, by anyone whose copy of the support document is
/// younger than the lead. What is needed after a restart is in the store and the public file.
class KeyRing {
  public:
    /// [control] Loads the current key, or makes it on first start, and writes the public file.
    /// Errors name the place and the remedy. May take as long as making a key.
    static Result<std::unique_ptr<KeyRing>> open(std::unique_ptr<KeyStore> store,
                                                 RingOptions options, std::int64_t now_ms);
    /// [control] Does what is due, one step at most; says what was done, empty: nothing.
    Result<std::string> advance(std::int64_t now_ms);

    /// [any]
    [[nodiscard]] std::shared_ptr<const DomainKey> current() const { return current_.load(); }
    [[nodiscard]] std::shared_ptr<const PublicKeys> published() const { return published_.load(); }

  private:
    KeyRing(std::unique_ptr<KeyStore> store, RingOptions options)
        : store_(std::move(store)), options_(std::move(options)) {}
    std::string publish(PublicKeys keys);
    std::string load(std::int64_t now_ms);
    Result<std::string> promote(const protocol::PublicKey& next, std::int64_t now_ms);
    std::string take(const Result<std::shared_ptr<const DomainKey>>& current, std::int64_t now_ms);

    const std::unique_ptr<KeyStore> store_;
    const RingOptions options_;
    bool requested_ = false;
    Published<const DomainKey> current_;
    Published<const PublicKeys> published_;
};

}  // namespace persona::domainkey
