#pragma once

#include <string>

namespace persona::testing {

/// A directory under /tmp that goes when this goes.
class TempDir {
  public:
    TempDir();
    ~TempDir();
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::string operator/(const std::string& name) const {
        return path_ + "/" + name;
    }

  private:
    std::string path_;
};

/// The whole file; empty when there is none.
[[nodiscard]] std::string readText(const std::string& file);

}  // namespace persona::testing
