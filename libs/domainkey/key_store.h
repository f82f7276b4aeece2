#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "libs/protocol/key.h"

namespace persona::domainkey {

enum class Slot { Current, Next };

/// A private key of the domain with the time it was made.
struct DomainKey {
    std::shared_ptr<const protocol::Signer> signer;
    protocol::PublicKey public_key;
    std::int64_t created_ms = 0;
};

/// Where private keys are: in files, or in a token. Calls may block; one thread at a time.
class KeyStore {
  public:
    virtual ~KeyStore() = default;
    /// An empty pointer: no key in that slot.
    virtual Result<std::shared_ptr<const DomainKey>> load(Slot slot, std::int64_t now_ms) = 0;
    /// Makes a key in an empty slot. Empty: done, or another process was first.
    virtual std::string generate(Slot slot, protocol::Algorithm algorithm) = 0;
    /// The next key becomes the current one; the old current one is destroyed. Without a next key
    /// nothing is done, so that it can be called again after a failure. Empty: done.
    virtual std::string promote() = 0;
    /// True once when the operator asked for a rotation.
    virtual bool takeRequest() = 0;
};

/// PEM files: `file`, and `file`.next. A rotation is asked for by making the file `file`.rotate,
/// which whoever may write the directory of the key can do.
[[nodiscard]] std::unique_ptr<KeyStore> fileKeyStore(std::string file);

struct Pkcs11Options {
    std::string module;        ///< shared object, such as /usr/lib/softhsm/libsofthsm2.so
    std::string token;         ///< label of the token
    std::string label;         ///< of the current key pair; the next one has `label`.next
    std::string request_file;  ///< making this file asks for a rotation
};
/// Keys in a PKCS#11 token; they are made there and never leave it. `pin` is not kept. One at a
/// time in a process.
[[nodiscard]] Result<std::unique_ptr<KeyStore>> pkcs11KeyStore(const Pkcs11Options& options,
                                                               std::string_view pin);

}  // namespace persona::domainkey
