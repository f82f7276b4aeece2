#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

/// Opaque in the ABI (psn.metrics/1); one counter, timing or gauge.
struct psn_metric {
    std::string name;
    std::string labels;  ///< of a series, as Prometheus writes them; such a one goes to no statsd
    std::uint32_t kind = 0;  ///< PSN_METRIC_*
    std::atomic<std::int64_t> value{0};
    // Timings: histogram for Prometheus, and the samples since the last statsd datagram.
    static constexpr std::array<double, 12> kBounds{0.25, 0.5, 1,   2.5, 5,    10,
                                                    25,   50,  100, 250, 1000, 5000};
    std::array<std::atomic<std::uint64_t>, 13> buckets{};
    std::atomic<std::uint64_t> sum_us{0}, samples_seen{0};
    static constexpr std::size_t kSamples = 64;
    std::array<std::atomic<float>, kSamples> samples{};
    std::int64_t sent_value = 0;     ///< statsd thread
    std::uint64_t sent_samples = 0;  ///< statsd thread
    void observe(double millis);
};

namespace persona::host::observe {

/// All metrics of the process: Prometheus text on demand, statsd datagrams (< 1400 octets) once a
/// second.
class Metrics {
  public:
    Metrics() = default;
    ~Metrics();
    /// The metric of that name; made at the first call. Valid for ever.
    psn_metric& declare(std::uint32_t kind, std::string_view name);
    /// One of several of that name, told apart by labels (`role="router",route="wsapi"`): for the
    /// Prometheus page alone, where it appears with its first value.
    psn_metric& series(std::uint32_t kind, std::string_view name, const std::string& labels);
    /// [any] Slow path for names known only at run time of the engine.
    void count(std::string_view name);
    [[nodiscard]] std::string prometheus();
    /// Counters and gauges by name.
    [[nodiscard]] std::map<std::string, std::int64_t> values();
    /// Starts sending. Empty, or what is wrong with the address.
    std::string startStatsd(const std::string& address);

  private:
    psn_metric& make(std::uint32_t kind, std::string_view name, const std::string& labels);
    void sendAll();
    std::mutex mutex_;
    std::deque<psn_metric> all_;
    std::map<std::string, psn_metric*, std::less<>> by_name_;
    int fd_ = -1;
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

/// `text` within the quotes of a Prometheus label.
[[nodiscard]] std::string labelValue(std::string_view text);

}  // namespace persona::host::observe
