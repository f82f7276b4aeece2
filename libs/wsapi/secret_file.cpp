#include "libs/wsapi/secret_file.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "libs/files/files.h"
#include "libs/protocol/base64url.h"

namespace persona::wsapi {

namespace {

using files::Descriptor;
using files::systemError;

constexpr std::size_t kSecretSize = 32, kMaxFile = 4'096, kMaxSecrets = 16;

Error fault(const std::string& file, const std::string& what) {
    return {"secrets file " + file + ": " + what};
}

/// Empty: made, or another process was faster. Else why not.
std::string create(const std::string& file) {
    std::array<unsigned char, kSecretSize + 8> random{};
    if (RAND_bytes(random.data(), random.size()) != 1) return "no randomness to be had";
    const auto* octets = reinterpret_cast<const char*>(random.data());
    std::string text =
        "# Current secret first; see docs/operators/secrets.md before changing this file.\n" +
        protocol::encodeBase64Url({octets, kSecretSize}) + "\n";
    const std::string aside =
        file + "." + protocol::encodeBase64Url({octets + kSecretSize, 8}) + ".new";
    OPENSSL_cleanse(random.data(), random.size());
    std::error_code ignored;
    const auto folder = std::filesystem::path(file).parent_path();
    if (!folder.empty()) std::filesystem::create_directories(folder, ignored);
    std::string why;
    {
        const Descriptor out(::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
        if (out.get() < 0 || ::fchmod(out.get(), 0600) != 0 || !files::writeAll(out.get(), text) ||
            ::fsync(out.get()) != 0)
            why = systemError("cannot be made") + "; make its folder writable for this user";
    }
    // link() refuses to replace: whoever comes second reads what the first one made.
    if (why.empty() && ::link(aside.c_str(), file.c_str()) != 0 && errno != EEXIST)
        why = systemError("cannot be made");
    ::unlink(aside.c_str());
    OPENSSL_cleanse(text.data(), text.size());
    if (why.empty()) (void)files::syncDirectory(files::directoryOf(file));
    return why;
}

}  // namespace

Result<KeyRing> loadOrCreateKeyRing(const std::string& file) {
    int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        if (const auto why = create(file); !why.empty()) return fault(file, why);
        fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    }
    const Descriptor in(fd);
    if (in.get() < 0) return fault(file, systemError("cannot be opened"));
    struct stat st {};
    if (::fstat(in.get(), &st) != 0 || !S_ISREG(st.st_mode))
        return fault(file, "expected a regular file");
    if ((st.st_mode & 0007) != 0)
        return fault(file, "everybody may read or write it; run: chmod o-rwx " + file);
    std::string text(kMaxFile + 1, '\0');
    const auto got = ::read(in.get(), text.data(), text.size());
    if (got < 0) return fault(file, systemError("cannot be read"));
    if (static_cast<std::size_t>(got) > kMaxFile) return fault(file, "expected at most 4 KiB");
    KeyRing ring;
    std::string why;
    for (std::string_view rest(text.data(), static_cast<std::size_t>(got));
         !rest.empty() && why.empty();) {
        const auto end = rest.find('\n');
        const auto line = rest.substr(0, end);
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
        if (line.empty() || line.front() == '#') continue;
        auto secret = protocol::decodeBase64Url(line);
        if (!secret || secret->size() != kSecretSize)
            why = "expected lines of 43 base64url characters (32 octets)";
        else
            ring.push_back(std::move(*secret));
    }
    OPENSSL_cleanse(text.data(), text.size());
    if (why.empty() && ring.empty()) why = "holds no secret; remove it, and a new one is made";
    if (why.empty() && ring.size() > kMaxSecrets) why = "holds more than 16 secrets";
    if (!why.empty()) return fault(file, why);
    return ring;
}

}  // namespace persona::wsapi
