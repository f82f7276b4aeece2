#include "libs/files/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace persona::files {

Descriptor::~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

std::string systemError(const std::string& what) {
    return what + ": " + std::generic_category().message(errno);
}

bool writeAll(int fd, std::string_view content) {
    while (!content.empty()) {
        const auto n = ::write(fd, content.data(), content.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        content.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

std::string directoryOf(const std::string& file) {
    const auto slash = file.rfind('/');
    return slash == std::string::npos ? "." : slash == 0 ? "/" : file.substr(0, slash);
}

std::string makeDirectory(const std::string& directory, mode_t mode) {
    for (std::size_t at = 1; at != std::string::npos;) {
        at = directory.find('/', at);
        const auto part = directory.substr(0, at);
        if (at != std::string::npos) ++at;
        // Those above are for others to walk through; the last one has the mode that was asked for.
        const mode_t wanted = at == std::string::npos ? mode : 0755;
        if (::mkdir(part.c_str(), wanted) != 0 && errno != EEXIST)
            return systemError("cannot create directory " + part);
    }
    const Descriptor dir(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct stat st {};
    if (!dir.ok() || ::fstat(dir.get(), &st) != 0)
        return systemError("cannot use directory " + directory);
    if ((st.st_mode & 0777 & ~mode) != 0)
        return "others have rights on directory " + directory + ": chmod go= " + directory;
    if (st.st_uid != ::geteuid() && st.st_uid != 0)
        return "directory " + directory + " belongs to another user";
    return {};
}

std::string writeDurably(const std::string& staged, const std::string& file,
                         std::string_view content, mode_t mode) {
    {
        const Descriptor out(
            ::open(staged.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
        if (!out.ok()) return systemError("cannot create " + staged);
        if (!writeAll(out.get(), content) || ::fsync(out.get()) != 0) {
            auto error = systemError("cannot write " + staged);
            ::unlink(staged.c_str());
            return error;
        }
    }
    if (::rename(staged.c_str(), file.c_str()) != 0) {
        auto error = systemError("cannot put " + file + " in place");
        ::unlink(staged.c_str());
        return error;
    }
    auto error = syncDirectory(directoryOf(file));
    if (!error.empty()) ::unlink(file.c_str());
    return error;
}

std::string syncDirectory(const std::string& directory) {
    const Descriptor dir(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!dir.ok() || ::fsync(dir.get()) != 0)
        return systemError("cannot make changes in " + directory + " durable");
    return {};
}

Result<std::string> readFile(const std::string& file, std::size_t most) {
    const Descriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat st {};
    if (!in.ok() || ::fstat(in.get(), &st) != 0) return Error{systemError("cannot read " + file)};
    if (static_cast<std::size_t>(st.st_size) > most)
        return Error{file + " has more than " + std::to_string(most) + " octets"};
    std::string out(static_cast<std::size_t>(st.st_size), '\0');
    std::size_t have = 0;
    while (have < out.size()) {
        const auto n = ::read(in.get(), out.data() + have, out.size() - have);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return Error{systemError("cannot read " + file)};
        if (n == 0) break;
        have += static_cast<std::size_t>(n);
    }
    out.resize(have);
    return out;
}

}  // namespace persona::files
