#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "libs/protocol/result.h"

/// Files that survive: whole or not at all, and on the disk before the call returns. Functions that
/// return a string return an empty one when all went well, else what failed, where and why.
namespace persona::files {

/// A file descriptor that closes itself.
class Descriptor {
  public:
    explicit Descriptor(int fd = -1) : fd_(fd) {}
    ~Descriptor();
    Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
    Descriptor& operator=(Descriptor&& other) noexcept;
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] bool ok() const { return fd_ >= 0; }

  private:
    int fd_;
};

/// `what` and the text of errno.
[[nodiscard]] std::string systemError(const std::string& what);
/// False: `errno` says why.
[[nodiscard]] bool writeAll(int fd, std::string_view content);
/// Of a file named by a path; "." where it has none.
[[nodiscard]] std::string directoryOf(const std::string& file);
/// Makes the directory and those above it. One that is there must belong to this user or to root
/// and is left as it is, except that rights of others beyond `mode` on it are an error.
[[nodiscard]] std::string makeDirectory(const std::string& directory, mode_t mode);
/// Writes `staged`, makes it durable, renames it to `file` and makes that durable. Both are in one
/// file system. An existing `file` is replaced; on error neither is left.
[[nodiscard]] std::string writeDurably(const std::string& staged, const std::string& file,
                                       std::string_view content, mode_t mode);
/// Makes renames and removals in the directory durable.
[[nodiscard]] std::string syncDirectory(const std::string& directory);
/// The whole file; an error when it has more than `most` octets.
[[nodiscard]] Result<std::string> readFile(const std::string& file, std::size_t most);

}  // namespace persona::files
