#include "libs/domainkey/files.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace persona::domainkey {

namespace {

using files::Descriptor;
using files::directoryOf;
using files::writeAll;

constexpr std::size_t kMaxFile = 64 * 1024;

Result<std::string> readAll(int fd, const std::string& file) {
    std::string out(kMaxFile + 1, '\0');
    std::size_t size = 0;
    while (size < out.size()) {
        const auto n = ::read(fd, out.data() + size, out.size() - size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return Error{systemError("cannot read " + file)};
        if (n == 0) break;
        size += static_cast<std::size_t>(n);
    }
    if (size > kMaxFile) return Error{file + " is larger than 64 KiB; is it the right file?"};
    out.resize(size);
    return out;
}

}  // namespace

std::string writeFile(const std::string& file, std::string_view content, unsigned mode,
                      bool exclusive) {
    const std::string temp = file + ".new-" + std::to_string(::getpid());
    ::unlink(temp.c_str());
    {
        const Descriptor out(
            ::open(temp.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
        if (out.get() < 0)
            return systemError("cannot create " + temp + " (is its directory there and writable?)");
        if (::fchmod(out.get(), mode) != 0 || !writeAll(out.get(), content) ||
            ::fsync(out.get()) != 0) {
            auto error = systemError("cannot write " + temp);
            ::unlink(temp.c_str());
            return error;
        }
    }
    const bool ok = exclusive ? ::link(temp.c_str(), file.c_str()) == 0
                              : ::rename(temp.c_str(), file.c_str()) == 0;
    auto error = ok ? "" : systemError("cannot put " + file + " in place");
    if (exclusive || !ok) ::unlink(temp.c_str());
    if (ok) syncDirectoryOf(file);
    return error;
}

Result<std::string> readFile(const std::string& file) {
    const Descriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (in.get() < 0) return Error{systemError("cannot read " + file)};
    return readAll(in.get(), file);
}

Result<std::string> readSecretFile(const std::string& file, std::int64_t* modified_ms) {
    const Descriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat st {};
    if (in.get() < 0 || ::fstat(in.get(), &st) != 0)
        return Error{systemError("cannot read the secret file " + file)};
    if (!S_ISREG(st.st_mode)) return Error{file + " is not a regular file"};
    if ((st.st_mode & 077) != 0)
        return Error{file +
                     " holds a secret and can be read or written by others than its owner: chmod "
                     "600 " +
                     file};
    if (st.st_uid != ::geteuid() && st.st_uid != 0)
        return Error{file + " belongs to another user than this process: chown it"};
    if (modified_ms != nullptr)
        *modified_ms =
            static_cast<std::int64_t>(st.st_mtim.tv_sec) * 1000 + st.st_mtim.tv_nsec / 1'000'000;
    return readAll(in.get(), file);
}

bool exists(const std::string& file) {
    struct stat st {};
    return ::lstat(file.c_str(), &st) == 0;
}

std::string makeDirectoryOf(const std::string& file) {
    const auto directory = directoryOf(file);
    if (::mkdir(directory.c_str(), 0755) == 0 || errno == EEXIST) return "";
    return systemError("cannot create directory " + directory);
}

void syncDirectoryOf(const std::string& file) {
    // What was renamed is there; a directory that cannot be synced makes it no less so.
    (void)files::syncDirectory(directoryOf(file));
}

}  // namespace persona::domainkey
