#include "libs/wsapi/secret_file.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "libs/protocol/base64url.h"

namespace persona::wsapi {

namespace {

constexpr std::size_t kSecretSize = 32, kMaxFile = 4'096, kMaxSecrets = 16;

class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const { return fd_; }

  private:
    int fd_;
};

Error fault(const std::string& file, const std::string& what) {
    return {"secrets file " + file + ": " + what};
}

std::string systemText() {
    return std::error_code(errno, std::generic_category()).message();
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
        if (out.get() < 0 || ::fchmod(out.get(), 0600) != 0 ||
            ::write(out.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
            ::fsync(out.get()) != 0)
            why = "cannot be made: " + systemText() + "; make its folder writable for this user";
    }
    // link() refuses to replace: whoever comes second reads what the first one made.
    if (why.empty() && ::link(aside.c_str(), file.c_str()) != 0 && errno != EEXIST)
        why = "cannot be made: " + systemText();
    ::unlink(aside.c_str());
    OPENSSL_cleanse(text.data(), text.size());
    const Descriptor dir(
        ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (why.empty() && dir.get() >= 0) ::fsync(dir.get());
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
    if (in.get() < 0) return fault(file, "cannot be opened: " + systemText());
    struct stat st {};
    if (::fstat(in.get(), &st) != 0 || !S_ISREG(st.st_mode))
        return fault(file, "expected a regular file");
    if ((st.st_mode & 0007) != 0)
        return fault(file, "everybody may read or write it; run: chmod o-rwx " + file);
    std::string text(kMaxFile + 1, '\0');
    const auto got = ::read(in.get(), text.data(), text.size());
    if (got < 0) return fault(file, "cannot be read: " + systemText());
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
