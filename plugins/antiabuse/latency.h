#pragma once

#include <array>
#include <cstdint>
#include <persona/sdk/host.hpp>
#include <string>

namespace persona::antiabuse {

/// How long decisions take: one of 64 is measured, and counted under the bound that it keeps.
/// Counters "decide.<kind>.ns_<bound>" and "decide.<kind>.longer".
class Latency {
  public:
    static constexpr std::array<std::int64_t, 10> kBounds{250,   500,    1'000,  2'000,  3'000,
                                                          5'000, 10'000, 20'000, 50'000, 200'000};
    Latency(const sdk::Host& host, const std::string& kind) : host_(host) {
        for (std::size_t i = 0; i < kBounds.size(); ++i)
            counts_[i] = host.counter("decide." + kind + ".ns_" + std::to_string(kBounds[i]));
        counts_.back() = host.counter("decide." + kind + ".longer");
        sampled_ = host.counter("decide." + kind + ".sampled");
        total_ = host.counter("decide." + kind + ".total_ns");
    }
    [[nodiscard]] static bool isSampled(std::uint64_t key) { return (key >> 8 & 63) == 0; }
    void endedAfter(std::int64_t since_ns) const {
        const auto ns = host_.monotonicNs() - since_ns;
        std::size_t i = 0;
        while (i < kBounds.size() && ns > kBounds[i]) ++i;
        counts_[i].add();
        sampled_.add();
        total_.add(ns);
    }

  private:
    const sdk::Host& host_;
    std::array<sdk::Metric, kBounds.size() + 1> counts_;
    sdk::Metric sampled_, total_;
};

}  // namespace persona::antiabuse
