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
/// "bid_aa_..." are names that the design of anti-abuse gives; all others are under the product's.
std::string promName(const std::string& name) {
    std::string out = name.starts_with("bid_aa_") ? "" : "persona_";
    for (const char c : name)
        out.push_back((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '_');
    return out;
}

void appendHistogram(std::string& out, const std::string& name, const psn_metric& m) {
    const auto with = [&](const std::string& more) {
        const auto all = m.labels + (m.labels.empty() || more.empty() ? "" : ",") + more;
        return all.empty() ? std::string() : "{" + all + "}";
    };
    std::uint64_t total = 0;
    for (std::size_t i = 0; i <= psn_metric::kBounds.size(); ++i) {
        total += m.buckets[i].load();
        char bound[32] = "+Inf";
        if (i < psn_metric::kBounds.size())
            std::snprintf(bound, sizeof bound, "%g", psn_metric::kBounds[i]);
        out += name + "_bucket" + with("le=\"" + std::string(bound) + "\"") + " " +
               std::to_string(total) + "\n";
    }
    out += name + "_sum" + with("") + " " +
           std::to_string(static_cast<double>(m.sum_us.load()) / 1000.0) + "\n";
    out += name + "_count" + with("") + " " + std::to_string(total) + "\n";
}
}  // namespace

std::string labelValue(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\' || c == '"') out.push_back('\\');
        out.append(c == '\n' ? "\\n" : std::string(1, c));
    }
    return out;
}

Metrics::~Metrics() {
    stop_.store(true);
    if (thread_.joinable()) thread_.join();
    if (fd_ >= 0) ::close(fd_);
}

psn_metric& Metrics::make(std::uint32_t kind, std::string_view name, const std::string& labels) {
    const std::lock_guard lock(mutex_);
    std::string key(name);
    if (!labels.empty()) key += "{" + labels + "}";
    if (const auto it = by_name_.find(key); it != by_name_.end()) return *it->second;
    auto& m = all_.emplace_back();
    m.name = name;
    m.labels = labels;
    m.kind = kind;
    by_name_[key] = &m;
    return m;
}

psn_metric& Metrics::declare(std::uint32_t kind, std::string_view name) {
    return make(kind, name, "");
}

psn_metric& Metrics::series(std::uint32_t kind, std::string_view name, const std::string& labels) {
    return make(kind, name, labels);
}

void Metrics::count(std::string_view name) {
    declare(PSN_METRIC_COUNTER, name).value.fetch_add(1, std::memory_order_relaxed);
}

std::string Metrics::prometheus() {
    const std::lock_guard lock(mutex_);
    // All lines of one name stand together, under their type.
    std::map<std::string, std::pair<const char*, std::string>> families;
    for (const auto& m : all_) {
        const bool timing = m.kind == PSN_METRIC_TIMING, counter = m.kind == PSN_METRIC_COUNTER;
        // A gauge says something at nought too.
        if (!m.labels.empty() &&
            ((timing && m.samples_seen.load() == 0) || (counter && m.value.load() == 0)))
            continue;
        const auto name = promName(m.name) + (timing ? "_milliseconds" : counter ? "_total" : "");
        auto& [type, lines] = families[name];
        type = timing ? "histogram" : counter ? "counter" : "gauge";
        if (timing)
            appendHistogram(lines, name, m);
        else
            lines += name + (m.labels.empty() ? "" : "{" + m.labels + "}") + " " +
                     std::to_string(m.value.load()) + "\n";
    }
    std::string out;
    for (const auto& [name, family] : families)
        out.append("# TYPE ")
            .append(name)
            .append(" ")
            .append(family.first)
            .append("\n")
            .append(family.second);
    return out;
}

std::map<std::string, std::int64_t> Metrics::values() {
    const std::lock_guard lock(mutex_);
    std::map<std::string, std::int64_t> out;
    for (const auto& m : all_)
        if (m.kind != PSN_METRIC_TIMING && m.labels.empty()) out[m.name] = m.value.load();
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
        for (auto& m : all_)
            if (m.labels.empty()) metrics.push_back(&m);
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
