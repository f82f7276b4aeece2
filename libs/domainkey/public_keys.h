#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "libs/protocol/key.h"
#include "libs/protocol/published.h"

namespace persona::domainkey {

/// A key that is published beside the current one.
struct OtherKey {
    protocol::PublicKey key;
    bool is_next = false;         ///< else it was current before
    std::int64_t created_ms = 0;  ///< when it was made; next: when it was first published
    std::int64_t until_ms = 0;    ///< previous: when the last certificate under it has expired
};

/// The domain's public keys as the other roles know them: what keysigner's public file and its
/// `GET /__keys__` say.
struct PublicKeys {
    protocol::PublicKey current;
    std::int64_t created_ms = 0;  ///< of the current key
    std::vector<OtherKey> others;

    /// All that certificates may be signed with, the current one first: for verifiers.
    [[nodiscard]] std::vector<protocol::PublicKey> all() const;
    /// Certificates issued before this are worth nothing: the time of the oldest key that counts.
    /// The `domain_key_creation_time` of session_context.
    [[nodiscard]] std::int64_t oldestMs() const;
    [[nodiscard]] std::string toText() const;
};
[[nodiscard]] Result<PublicKeys> parsePublicKeys(std::string_view text);

/// A public key file that is read again when it changes.
class PublicFile {
  public:
    explicit PublicFile(std::string file) : file_(std::move(file)) {}
    /// [control] Reads when the file is another one than last time, which rotation makes it. True:
    /// there are new keys. An error leaves what was known; its text names file and remedy.
    Result<bool> refresh();
    /// [any] What was read last; nullptr before the first success.
    [[nodiscard]] std::shared_ptr<const PublicKeys> keys() const { return keys_.load(); }
    [[nodiscard]] const std::string& name() const { return file_; }

  private:
    const std::string file_;
    std::mutex mutex_;
    std::string seen_;  ///< device, inode, size and times of what was read
    Published<const PublicKeys> keys_;
};

/// What went wrong last, so that a fault that stays is reported once. One thread.
class LastFault {
  public:
    /// True when `fault` must be reported: it is not empty, and not that of the last call.
    bool isNew(const std::string& fault) {
        const bool changed = fault != last_;
        last_ = fault;
        return changed && !fault.empty();
    }

  private:
    std::string last_;
};

}  // namespace persona::domainkey
