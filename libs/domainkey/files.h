#pragma once

#include <string>
#include <string_view>

#include "libs/files/files.h"
#include "libs/protocol/result.h"

namespace persona::domainkey {

using files::systemError;

/// Writes to a temporary name with O_EXCL and exactly that mode, makes it durable, and gives it its
/// name. `exclusive`: an existing file stays, and that is an error. Empty: done.
[[nodiscard]] std::string writeFile(const std::string& file, std::string_view content,
                                    unsigned mode, bool exclusive);
/// At most 64 KiB.
[[nodiscard]] Result<std::string> readFile(const std::string& file);
/// A file with a secret: refused when it is a link, when others than its owner can read or write
/// it, or when its owner is neither this user nor root. `modified_ms` gets its time. Wipe the text
/// after use.
[[nodiscard]] Result<std::string> readSecretFile(const std::string& file,
                                                 std::int64_t* modified_ms = nullptr);
[[nodiscard]] bool exists(const std::string& file);
/// Makes the directory of `file`, one level, with mode 0755. Empty: it is there.
[[nodiscard]] std::string makeDirectoryOf(const std::string& file);
/// Makes a rename or a removal in the directory of `file` durable.
void syncDirectoryOf(const std::string& file);

}  // namespace persona::domainkey
