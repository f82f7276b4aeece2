#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace persona::host::generation {

/// Calls back when a plugin file has been renamed into one of the directories, the only way in
/// which a file appears as a whole; writes in place are not looked at. Several in a row make one
/// call, when it has been quiet for a moment.
class DirectoryWatch {
  public:
    static constexpr int kQuietMs = 300;
    /// `changed` is called on a thread of its own. Throws std::system_error when a directory cannot
    /// be watched.
    DirectoryWatch(const std::vector<std::string>& directories, std::function<void()> changed);
    ~DirectoryWatch();
    DirectoryWatch(const DirectoryWatch&) = delete;
    DirectoryWatch& operator=(const DirectoryWatch&) = delete;

  private:
    void run();
    bool drain();
    const std::function<void()> changed_;
    int events_ = -1, stop_ = -1;
    std::thread thread_;
};

}  // namespace persona::host::generation
