#include "host/observe/metrics.h"

#include <persona/abi/ext/metrics.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "host/net/socket.h"

void psn_metric::observe(double millis) {
    std::size_t i = 0;
    while (i < kBounds.size() && millis > kBounds[i]) ++i;
    buckets[i].fetch_add(1, std::memory_order_relaxed);
    sum_us.fetch_add(static_cast<std::uint64_t>(millis * 1000.0), std::memory_order_relaxed);
    const auto n = samples_seen.fetch_add(1, std::memory_order_relaxed);
    samples[n % kSamples].store(static_cast<float>(millis), std::memory_order_relaxed);
}

namespace persona::host::observe {

namespace {
std::string promName(const std::string& name) {
    std::string out = "persona_";
    for (const char c : name)
        out.push_back((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '_');
    return out;
}
}  // namespace

Metrics::~Metrics() {
    stop_.store(true);
    if (thread_.joinable()) thread_.join();
    if (fd_ >= 0) ::close(fd_);
}

psn_metric& Metrics::declare(std::uint32_t kind, std::string_view name) {
    const std::lock_guard lock(mutex_);
    if (const auto it = by_name_.find(name); it != by_name_.end()) return *it->second;
    auto& m = all_.emplace_back();
    m.name = name;
    m.kind = kind;
    by_name_[m.name] = &m;
    return m;
}

void Metrics::count(std::string_view name) {
    declare(PSN_METRIC_COUNTER, name).value.fetch_add(1, std::memory_order_relaxed);
}

std::string Metrics::prometheus() {
    const std::lock_guard lock(mutex_);
    std::string out;
    for (const auto& m : all_) {
        const auto name = promName(m.name);
        if (m.kind == PSN_METRIC_TIMING) {
            out += "# TYPE " + name + "_milliseconds histogram\n";
            std::uint64_t total = 0;
            for (std::size_t i = 0; i <= psn_metric::kBounds.size(); ++i) {
                total += m.buckets[i].load();
                char bound[32] = "+Inf";
                if (i < psn_metric::kBounds.size())
                    std::snprintf(bound, sizeof bound, "%g", psn_metric::kBounds[i]);
                out += name + "_milliseconds_bucket{le=\"" + bound + "\"} " +
                       std::to_string(total) + "\n";
            }
            out += name + "_milliseconds_sum " +
                   std::to_string(static_cast<double>(m.sum_us.load()) / 1000.0) + "\n";
            out += name + "_milliseconds_count " + std::to_string(total) + "\n";
        } else {
            const bool counter = m.kind == PSN_METRIC_COUNTER;
            out += "# TYPE " + name + (counter ? "_total counter\n" : " gauge\n");
            out += name + (counter ? "_total " : " ") + std::to_string(m.value.load()) + "\n";
        }
    }
    return out;
}

std::map<std::string, std::int64_t> Metrics::values() {
    const std::lock_guard lock(mutex_);
    std::map<std::string, std::int64_t> out;
    for (const auto& m : all_)
        if (m.kind != PSN_METRIC_TIMING) out[m.name] = m.value.load();
    return out;
}

std::string Metrics::startStatsd(const std::string& address) {
    net::SocketAddress a;
    std::string error;
    if (!net::parseSocketAddress(address, a, error)) return "statsd.address: " + error;
    fd_ = ::socket(a.family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd_ < 0 || ::connect(fd_, a.get(), a.size) != 0)
        return "statsd.address: " + address + " cannot be used";
    thread_ = std::thread([this] {
        while (!stop_.load()) {
            for (int i = 0; i < 10 && !stop_.load(); ++i)
                std::this_thread::sleep_for(std::chrono::milliseconds(100));
            sendAll();
        }
    });
    return "";
}

void Metrics::sendAll() {
    constexpr std::size_t kMtu = 1400;
    std::string datagram;
    const auto add = [&](const std::string& line) {
        if (datagram.size() + line.size() + 1 > kMtu) {
            [[maybe_unused]] const auto n =
                ::send(fd_, datagram.data(), datagram.size(), MSG_NOSIGNAL);
            datagram.clear();
        }
        if (!datagram.empty()) datagram.push_back('\n');
        datagram += line;
    };
    std::vector<psn_metric*> metrics;
    {
        const std::lock_guard lock(mutex_);
        for (auto& m : all_) metrics.push_back(&m);
    }
    for (auto* m : metrics) {
        if (m->kind == PSN_METRIC_TIMING) {
            const auto seen = m->samples_seen.load();
            const auto fresh = seen - m->sent_samples;
            m->sent_samples = seen;
            const auto shown = std::min<std::uint64_t>(fresh, psn_metric::kSamples);
            for (std::uint64_t i = 0; i < shown; ++i) {
                char text[48];
                std::snprintf(
                    text, sizeof text, ":%.3f|ms",
                    static_cast<double>(m->samples[(seen - 1 - i) % psn_metric::kSamples].load()));
                std::string line = m->name + text;
                if (fresh > shown) {
                    std::snprintf(text, sizeof text, "|@%.6f",
                                  static_cast<double>(shown) / static_cast<double>(fresh));
                    line += text;
                }
                add(line);
            }
            continue;
        }
        const auto now = m->value.load();
        if (m->kind == PSN_METRIC_GAUGE) {
            if (now != m->sent_value) add(m->name + ":" + std::to_string(now) + "|g");
        } else if (now != m->sent_value) {
            add(m->name + ":" + std::to_string(now - m->sent_value) + "|c");
        }
        m->sent_value = now;
    }
    if (!datagram.empty()) {
        [[maybe_unused]] const auto n = ::send(fd_, datagram.data(), datagram.size(), MSG_NOSIGNAL);
    }
}

}  // namespace persona::host::observe
