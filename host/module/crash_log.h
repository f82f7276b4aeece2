#pragma once

#include <cstdint>
#include <set>
#include <string>

namespace persona::host::module {

/// Which images the process crashed in, over restarts: one line for each crash, "SECONDS HASH ID".
/// An image with three crashes within ten minutes is in quarantine until they are that old.
class CrashLog {
  public:
    explicit CrashLog(std::string file) : file_(std::move(file)) {}
    /// Reads the file, forgets what is older than ten minutes, says which hashes are in quarantine.
    /// A damaged line is skipped: the worst it can do is forgive. [control]
    [[nodiscard]] std::set<std::string> quarantined(std::int64_t now_seconds);
    /// A descriptor for record(), to be had while nothing is wrong yet; -1 when there is none.
    [[nodiscard]] int openForCrash() const;
    /// Appends one line; async-signal-safe.
    static void record(int fd, std::int64_t now_seconds, const char* hash, const char* id);
    static constexpr std::int64_t kWindowSeconds = 600;
    static constexpr int kCrashes = 3;

  private:
    std::string file_;
};

}  // namespace persona::host::module
