#include "libs/domainkey/domain_key.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "libs/protocol/token.h"

namespace persona::domainkey {

namespace {

constexpr std::size_t kMaxFile = 64 * 1024;

struct FdGuard {
    int fd;
    ~FdGuard() {
        if (fd >= 0) ::close(fd);
    }
};

std::string systemError(const std::string& what) {
    return what + ": " + std::strerror(errno);
}

/// Writes to a temporary name, makes it durable, and gives it its name. `exclusive`: an existing
/// file stays.
std::string writeFile(const std::string& file, const std::string& content, unsigned mode,
                      bool exclusive) {
    const std::string temp = file + ".new-" + std::to_string(::getpid());
    ::unlink(temp.c_str());
    {
        const FdGuard out{::open(temp.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)};
        if (out.fd < 0)
            return systemError("cannot create " + temp + " (is its directory there and writable?)");
        if (::fchmod(out.fd, mode) != 0 ||
            ::write(out.fd, content.data(), content.size()) !=
                static_cast<ssize_t>(content.size()) ||
            ::fsync(out.fd) != 0) {
            const auto error = systemError("cannot write " + temp);
            ::unlink(temp.c_str());
            return error;
        }
    }
    const bool ok = exclusive ? ::link(temp.c_str(), file.c_str()) == 0
                              : ::rename(temp.c_str(), file.c_str()) == 0;
    const auto error = ok ? "" : systemError("cannot put " + file + " in place");
    if (exclusive || !ok) ::unlink(temp.c_str());
    return error;
}

std::string readAll(int fd) {
    std::string out(kMaxFile, '\0');
    const auto n = ::read(fd, out.data(), out.size());
    out.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return out;
}

}  // namespace

Result<DomainKey> loadOrCreate(const std::string& file, const std::string& public_file,
                               protocol::Algorithm algorithm, std::int64_t now_ms) {
    if (::access(file.c_str(), F_OK) != 0 && errno == ENOENT) {
        const auto directory = file.substr(0, file.rfind('/'));
        if (directory != file && ::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST)
            return Error{systemError("cannot create directory " + directory)};
        auto made = protocol::SecretKey::generate(algorithm);
        if (!made) return Error{made.error()};
        std::string pem = made->toPem();
        const auto error = writeFile(file, pem, 0600, true);
        OPENSSL_cleanse(pem.data(), pem.size());
        // Another process may have been first: then its key is the one.
        if (!error.empty() && ::access(file.c_str(), F_OK) != 0) return Error{error};
    }
    const FdGuard in{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    struct stat st {};
    if (in.fd < 0 || ::fstat(in.fd, &st) != 0)
        return Error{systemError("cannot read the domain key " + file)};
    if ((st.st_mode & 077) != 0)
        return Error{"the domain key " + file +
                     " can be read by others than its owner: chmod 600 " + file};
    std::string pem = readAll(in.fd);
    auto secret = protocol::SecretKey::fromPem(pem);
    OPENSSL_cleanse(pem.data(), pem.size());
    if (!secret) return Error{"the domain key " + file + ": " + secret.error()};
    auto public_key = secret->publicKey();
    if (!public_key) return Error{"the domain key " + file + ": " + public_key.error()};
    const std::int64_t modified_ms =
        static_cast<std::int64_t>(st.st_mtim.tv_sec) * 1000 + st.st_mtim.tv_nsec / 1'000'000;
    DomainKey out{std::move(*secret), std::move(*public_key), std::min(modified_ms, now_ms)};
    const std::string text = "{\"public-key\":" + out.public_key.canonical() +
                             ",\"created\":" + std::to_string(out.created_ms) + "}\n";
    if (const auto error = writeFile(public_file, text, 0644, false); !error.empty())
        return Error{error};
    return out;
}

Result<PublicHalf> loadPublic(const std::string& public_file) {
    const FdGuard in{::open(public_file.c_str(), O_RDONLY | O_CLOEXEC)};
    if (in.fd < 0)
        return Error{systemError("cannot read the domain's public key " + public_file +
                                 " (keysigner writes it at its start)")};
    const auto json = protocol::Json::parse(readAll(in.fd));
    const auto* key = json ? json->find("public-key") : nullptr;
    const auto* created = json ? json->find("created") : nullptr;
    if (key == nullptr || created == nullptr)
        return Error{public_file + " is not a public key file: delete it and restart keysigner"};
    protocol::KeyOptions options;
    options.allow_es256 = options.allow_ed25519 = true;
    auto parsed = protocol::PublicKey::parse(*key, options);
    const auto time = protocol::parseTime(*created);
    if (!parsed || !time)
        return Error{public_file + ": " + (parsed ? "created is no time" : parsed.error())};
    return PublicHalf{std::move(*parsed), *time};
}

}  // namespace persona::domainkey
