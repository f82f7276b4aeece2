#pragma once

#include <string>
#include <vector>

#include "libs/protocol/result.h"

namespace persona::wsapi {

/// Secrets of 32 octets, the current one first. The current one seals and signs; the others only
/// open, so that a secret is replaced by writing a new line above the old one, and the old line is
/// taken out when what it sealed has expired.
using KeyRing = std::vector<std::string>;

/// Reads a key ring: one secret a line, base64url; lines that begin with '#' are comments. Where
/// there is no file it is made: written aside with O_EXCL at mode 0600, synced, and linked into
/// place, so that of several roles that start at once one wins and all read the same. Refuses files
/// that others may read, and fewer than one or more than 16 secrets. May block; [control].
/// Errors name the file and the remedy, never a secret.
[[nodiscard]] Result<KeyRing> loadOrCreateKeyRing(const std::string& file);

}  // namespace persona::wsapi
