#pragma once

#include <string>
#include <vector>

namespace persona::testing {

/// One thing that every plugin owes the host, and whether this one keeps it.
struct Check {
    std::string name;
    bool ok = false;
    std::string detail;  ///< what was expected and got, or a figure
};

/// Runs all checks on the plugin at `path` with these options (as Harness takes them). Never
/// throws; a plugin that cannot be loaded fails the first check. Loads a second copy of the file
/// from a directory of its own, so it writes to the temporary directory.
[[nodiscard]] std::vector<Check> conformance(const std::string& path, const std::string& options);

/// Names of the symbols that the file exports, from its dynamic symbol table. Throws
/// std::runtime_error when it is no 64-bit ELF shared object.
[[nodiscard]] std::vector<std::string> exportedSymbols(const std::string& path);

/// Empty: psn_plugin_entry_v1 is all that the file exports. Else what is wrong, and the remedy.
[[nodiscard]] std::string wrongExports(const std::string& path);

}  // namespace persona::testing
