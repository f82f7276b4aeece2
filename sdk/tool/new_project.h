#pragma once

#include <string>

namespace persona::tool {

/// Writes a project from the template of `kind` into `directory` (empty: one of that name here) and
/// returns the directory. Throws std::runtime_error: bad name, unknown kind, directory not empty,
/// template not found, no room.
std::string newProject(const std::string& name, const std::string& kind,
                       const std::string& directory);

}  // namespace persona::tool
