#include <openssl/crypto.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "libs/domainkey/files.h"
#include "libs/domainkey/key_store.h"

namespace persona::domainkey {

namespace {

class FileKeyStore final : public KeyStore {
  public:
    explicit FileKeyStore(std::string file) : file_(std::move(file)) {}

    Result<std::shared_ptr<const DomainKey>> load(Slot slot, std::int64_t now_ms) override {
        const auto file = nameOf(slot);
        if (!exists(file)) return std::shared_ptr<const DomainKey>();
        std::int64_t modified_ms = 0;
        auto pem = readSecretFile(file, &modified_ms);
        if (!pem) return Error{pem.error()};
        auto secret = protocol::SecretKey::fromPem(*pem);
        OPENSSL_cleanse(pem->data(), pem->size());
        if (!secret) return Error{"the domain key " + file + ": " + secret.error()};
        const auto algorithm = secret->algorithm();
        if (algorithm != protocol::Algorithm::RS256 && algorithm != protocol::Algorithm::ES256)
            return Error{"the domain key " + file +
                         " is neither RSA of 2048 bits nor P-256: move it away, and a new one is "
                         "made"};
        auto public_key = secret->publicKey();
        if (!public_key) return Error{"the domain key " + file + ": " + public_key.error()};
        return std::make_shared<const DomainKey>(
            DomainKey{std::make_shared<const protocol::SecretKey>(std::move(*secret)),
                      std::move(*public_key), std::min(modified_ms, now_ms)});
    }

    std::string generate(Slot slot, protocol::Algorithm algorithm) override {
        const auto file = nameOf(slot);
        if (exists(file)) return "";  // making one takes long
        if (auto error = makeDirectoryOf(file); !error.empty()) return error;
        const auto made = protocol::SecretKey::generate(algorithm);
        if (!made) return made.error();
        auto pem = made->toPem();
        auto error = writeFile(file, pem, 0600, true);
        OPENSSL_cleanse(pem.data(), pem.size());
        if (!error.empty() && exists(file)) error.clear();  // another process was first
        return error;
    }

    std::string promote() override {
        // The name moves at once: there is no moment without a key, and the old one is gone.
        if (std::rename(nameOf(Slot::Next).c_str(), file_.c_str()) != 0) {
            if (errno == ENOENT && exists(file_)) return "";  // promoted already
            return systemError("cannot put " + nameOf(Slot::Next) + " in the place of " + file_);
        }
        syncDirectoryOf(file_);
        return "";
    }

    bool takeRequest() override { return ::unlink((file_ + ".rotate").c_str()) == 0; }

  private:
    [[nodiscard]] std::string nameOf(Slot slot) const {
        return slot == Slot::Current ? file_ : file_ + ".next";
    }
    const std::string file_;
};

}  // namespace

std::unique_ptr<KeyStore> fileKeyStore(std::string file) {
    return std::make_unique<FileKeyStore>(std::move(file));
}

}  // namespace persona::domainkey
