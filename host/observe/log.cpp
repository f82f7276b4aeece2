#include "host/observe/log.h"

#include <fcntl.h>
#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace persona::host::observe {

namespace {

constexpr std::size_t kQueue = 2048, kMaxLine = 4096;

constexpr const char* kLevels[] = {"trace", "debug", "info", "warn", "error"};

/// 5: none of that name.
unsigned levelOf(const std::string& name) {
    unsigned i = 0;
    while (i < 5 && name != kLevels[i]) ++i;
    return i;
}

void appendEscaped(std::string& out, std::string_view text, bool json) {
    static constexpr char kHex[] = "0123456789abcdef";
    if (text.size() > kMaxLine) text = text.substr(0, kMaxLine);
    for (const char c : text) {
        const auto u = static_cast<unsigned char>(c);
        if (json && (c == '"' || c == '\\')) {
            out.append({'\\', c});
        } else if (u < 0x20 || u == 0x7f) {
            out.append(json ? "\\u00" : "\\x").append({kHex[u >> 4], kHex[u & 15]});
        } else {
            out.push_back(c);
        }
    }
}

}  // namespace

class Log::Sink {
  public:
    std::shared_ptr<spdlog::details::thread_pool> pool;
    std::shared_ptr<spdlog::async_logger> logger;
};

Log::Log(const std::string& process, const std::string& level, const std::string& file,
         const std::string& format)
    : level_(std::min(levelOf(level), 4U)),
      json_(format == "json"),
      process_(process),
      sink_(std::make_unique<Sink>()) {
    sink_->pool = std::make_shared<spdlog::details::thread_pool>(kQueue, 1);
    spdlog::sink_ptr sink;
    if (file.empty())
        sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    else
        sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);
    sink_->logger = std::make_shared<spdlog::async_logger>(
        "persona", sink, sink_->pool, spdlog::async_overflow_policy::overrun_oldest);
    sink_->logger->set_level(spdlog::level::trace);
    // Lines are few and written by a thread of their own: who reads the file shall see them at
    // once.
    sink_->logger->flush_on(spdlog::level::trace);
    sink_->logger->set_pattern(
        json_ ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ",%v})" : "%Y-%m-%dT%H:%M:%S.%eZ %v",
        spdlog::pattern_time_type::utc);
}

Log::~Log() {
    sink_->logger->flush();
    sink_->logger.reset();
    sink_->pool.reset();
}

bool Log::setLevel(const std::string& level) {
    const auto n = levelOf(level);
    if (n < 5) level_.store(n);
    return n < 5;
}

std::string Log::level() const {
    return kLevels[level_.load()];
}

void Log::write(unsigned level, std::string_view component, std::string_view message) {
    if (!enabled(level)) return;
    const std::string_view name = kLevels[level < 5 ? level : 4];
    std::string line;
    if (json_) {
        line.append("\"level\":\"")
            .append(name)
            .append("\",\"process\":\"")
            .append(process_)
            .append("\",\"component\":\"");
        appendEscaped(line, component, true);
        line.append("\",\"message\":\"");
        appendEscaped(line, message, true);
        line.push_back('"');
    } else {
        line.append(name).append(" ").append(process_).append(" [");
        appendEscaped(line, component, false);
        line.append("] ");
        appendEscaped(line, message, false);
    }
    sink_->logger->log(level >= 3 ? spdlog::level::warn : spdlog::level::info,
                       spdlog::string_view_t(line.data(), line.size()));
}

void Log::flush() {
    sink_->logger->flush();
}
std::uint64_t Log::dropped() const {
    return sink_->pool->overrun_counter();
}

AccessLog::AccessLog(const std::string& file, std::atomic<std::int64_t>& dropped,
                     std::function<void(const std::string&)> say)
    : fd_(file.empty() ? ::dup(1)
                       : ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640)),
      dropped_(dropped),
      say_(std::move(say)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "access log " + file);
    thread_ = std::thread([this] { run(); });
}

AccessLog::~AccessLog() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    ready_.notify_one();
    thread_.join();
    ::close(fd_);
}

void AccessLog::lost(std::int64_t lines, const std::string& why) {
    dropped_.fetch_add(lines, std::memory_order_relaxed);
    if (!losing_.exchange(true))
        say_("lines of the access log are dropped (counted in access_log.dropped): " + why);
}

void AccessLog::write(std::string_view line) {
    {
        const std::lock_guard lock(mutex_);
        if (buffer_.size() + line.size() <= kMaxBuffer) {
            buffer_.append(line);
            return;
        }
    }
    lost(1, "its file or pipe does not take them fast enough");
}

void AccessLog::run() {
    std::string out;
    std::unique_lock lock(mutex_);
    for (;;) {
        // Woken by time, not by each line: a wake-up for every request would cost more than the
        // line.
        ready_.wait_for(lock, std::chrono::milliseconds(100), [this] { return stop_; });
        out.swap(buffer_);
        const bool last = stop_;
        lock.unlock();
        std::string_view rest = out;
        while (!rest.empty()) {
            const auto n = ::write(fd_, rest.data(), rest.size());
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) {
                lost(std::count(rest.begin(), rest.end(), '\n'),
                     std::generic_category().message(errno));
                break;
            }
            rest.remove_prefix(static_cast<std::size_t>(n));
        }
        if (rest.empty() && !out.empty()) losing_.store(false);
        out.clear();
        if (last) return;
        lock.lock();
    }
}

}  // namespace persona::host::observe
