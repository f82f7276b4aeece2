#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "bench/cpu_time.h"
#include "host/tables/counters.h"
#include "host/tables/pages.h"
#include "host/tables/rates.h"

/// What a counter costs a request: random keys over a whole table of 2 million slots.
namespace {

constexpr std::uint32_t kSlots = 2'097'152;
constexpr int kRounds = 9, kOperations = 2'000'000;
constexpr persona::host::tables::Secret kSecret{0x1234, 0x5678};

std::uint64_t scramble(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

/// Median nanoseconds of CPU time of a call; `keys` distinct ones.
double measure(std::uint64_t keys, const std::function<void(std::uint64_t first)>& round) {
    std::vector<double> ns;
    for (int r = 0; r < kRounds; ++r) {
        const double from = persona::bench::cpuMicros();
        round(static_cast<std::uint64_t>(r) * kOperations % keys);
        ns.push_back((persona::bench::cpuMicros() - from) * 1e3 / kOperations);
    }
    std::nth_element(ns.begin(), ns.begin() + kRounds / 2, ns.end());
    return ns[kRounds / 2];
}

/// What the machine itself takes for one cache line at a random place of 16 MiB, each load waiting
/// for the one before: the floor of an operation whose key nobody announced.
double loadLatency() {
    struct alignas(64) Line {
        std::uint64_t next;
    };
    persona::host::tables::Pages<Line> lines((16UL << 20) / sizeof(Line));
    // A full-period generator modulo a power of two: one cycle through all lines.
    for (std::uint64_t i = 0; i < lines.size(); ++i)
        lines[i].next = (i * 0x5851f42d4c957f2dULL + 0x14057b7ef767814fULL) % lines.size();
    std::uint64_t at = 0;
    const double ns = measure(1, [&](std::uint64_t) {
        for (int i = 0; i < kOperations; ++i)
            at = static_cast<const volatile Line&>(lines[at]).next;
    });
    return at > lines.size() ? 0.0 : ns;
}

}  // namespace

int main() {
    std::printf("figure memory-random-load-16-MiB %.1f ns\n", loadLatency());
    const psn_rate_limit limit{100, 20};
    psn_rate_table rates({sizeof(psn_rate_spec), kSlots, 0, 0}, kSecret);
    std::uint64_t allowed = 0;
    const auto spend = [&](std::uint64_t keys) {
        return measure(keys, [&, keys](std::uint64_t first) {
            for (std::uint64_t i = 0; i < kOperations; ++i) {
                psn_rate_answer a{};
                rates.spend(scramble((first + i) % keys), 1, limit, 1,
                            1'000'000'000'000 + static_cast<std::int64_t>(i) * 1'000,
                            psn_rate_table::Mode::Take, &a);
                allowed += a.allowed;
            }
        });
    };
    const double million = spend(1'000'000), thousand = spend(1'000), flood = spend(1ULL << 40);
    // As a chain asks: all keys of a request are known before the first is spent from.
    constexpr int kBatch = 8;
    const double batch = measure(1'000'000, [&](std::uint64_t first) {
        for (std::uint64_t i = 0; i < kOperations; i += kBatch) {
            for (int k = 0; k < kBatch; ++k)
                rates.prefetch(scramble((first + i + k) % 1'000'000), 1);
            for (int k = 0; k < kBatch; ++k) {
                psn_rate_answer a{};
                rates.spend(scramble((first + i + k) % 1'000'000), 1, limit, 1,
                            1'000'000'000'000 + static_cast<std::int64_t>(i) * 1'000,
                            psn_rate_table::Mode::Take, &a);
                allowed += a.allowed;
            }
        }
    });
    psn_counter_table counters({sizeof(psn_counter_spec), kSlots, 10'000, 0}, kSecret);
    const double count = measure(1'000'000, [&](std::uint64_t first) {
        for (std::uint64_t i = 0; i < kOperations; ++i) {
            const auto key = scramble((first + i) % 1'000'000);
            psn_counter_value v{};
            counters.add({reinterpret_cast<const char*>(&key), sizeof key}, 1,
                         1'000'000'000'000 + static_cast<std::int64_t>(i) * 1'000, &v);
            allowed += v.count;
        }
    });
    std::printf("rate table of %u slots, %zu octets; counter table of %zu octets (%llu)\n", kSlots,
                rates.bytes(), counters.bytes(), static_cast<unsigned long long>(allowed));
    std::printf("figure rates-bytes %zu octets\n", rates.bytes());
    std::printf("figure rates-take-1000-keys %.1f ns\n", thousand);
    std::printf("figure rates-take-million-keys %.1f ns\n", million);
    std::printf("figure rates-take-million-keys-in-eights %.1f ns\n", batch);
    std::printf("figure rates-take-flood-of-new-keys %.1f ns\n", flood);
    std::printf("figure counters-add-million-keys %.1f ns\n", count);
    return 0;
}
