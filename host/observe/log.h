#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace persona::host::observe {

/// The process log: asynchronous, bounded; when the queue is full the oldest line goes and is
/// counted.
class Log {
  public:
    /// level: trace..error. file empty: stderr. format: text or json.
    Log(const std::string& process, const std::string& level, const std::string& file,
        const std::string& format);
    ~Log();
    [[nodiscard]] bool enabled(unsigned level) const {
        return level >= level_.load(std::memory_order_relaxed);
    }
    /// False: no such level.
    bool setLevel(const std::string& level);
    [[nodiscard]] std::string level() const;
    /// [any] level as psn.log/1. Control characters are escaped, cut at 4096 octets.
    void write(unsigned level, std::string_view component, std::string_view message);
    void flush();
    [[nodiscard]] std::uint64_t dropped() const;

  private:
    class Sink;
    std::atomic<unsigned> level_{2};
    bool json_;
    std::string process_;
    std::unique_ptr<Sink> sink_;
};

/// Lines that come once a request: appended to a buffer, written by a thread of its own. A full
/// buffer drops lines and counts them rather than stall a loop.
class AccessLog {
  public:
    /// file empty: stdout. `dropped` counts lost lines; `say` [any] is told once of each time that
    /// lines began to be lost, and must not block. Both outlive the log.
    AccessLog(const std::string& file, std::atomic<std::int64_t>& dropped,
              std::function<void(const std::string&)> say);
    ~AccessLog();
    AccessLog(const AccessLog&) = delete;
    AccessLog& operator=(const AccessLog&) = delete;
    void write(std::string_view line);  ///< [any], with its newline

  private:
    void run();
    void lost(std::int64_t lines, const std::string& why);
    static constexpr std::size_t kMaxBuffer = 4 * 1024 * 1024;
    int fd_ = -1;
    std::mutex mutex_;
    std::condition_variable ready_;
    std::string buffer_;
    bool stop_ = false;
    std::atomic<std::int64_t>& dropped_;
    const std::function<void(const std::string&)> say_;
    std::atomic<bool> losing_{false};  ///< it has been said
    std::thread thread_;
};

}  // namespace persona::host::observe
