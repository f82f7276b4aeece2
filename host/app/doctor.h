#pragma once

#include <ostream>

#include "host/app/host.h"

namespace persona::host::app {

/// Looks at what a running service depends on outside of its configuration file: its public
/// address, DNS of the mails' sender, files and their rights, the database's server, disk,
/// descriptors. One line a check, "ok", "warn" or "FAIL", with the remedy. `host` has been loaded
/// without problems and is not started. Waits at most some ten seconds for each network check.
/// Number of FAIL lines. [control]
int examine(const Host& host, std::ostream& out);

/// As root, takes on user and groups of whom `directory` belongs to, for good: what a role's user
/// may not read is then not read, and no file is left that it could not. Empty, or what failed.
[[nodiscard]] std::string becomeOwnerOf(const std::string& directory);

}  // namespace persona::host::app
