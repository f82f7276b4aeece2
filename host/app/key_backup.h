#pragma once

#include <string>
#include <vector>

namespace persona::host::app {

extern const char* const kKeysUsage;

/// `persona-host keys export|import CONFIG FILE ...`, `words` from "export" or "import" on: the
/// domain's private key (option domain_key.file of CONFIG) as an encrypted copy, PKCS#8 in PEM, and
/// back from one. Works on the files alone, with or without a running keysigner; as root, the key
/// is read and written as the user whom state_dir belongs to. Prints to stdout what was done, else
/// to stderr what stood in the way and what to do. `program`: path of this executable. Exit code.
/// [control]
int keysMain(const std::vector<std::string>& words, const std::string& program);

}  // namespace persona::host::app
