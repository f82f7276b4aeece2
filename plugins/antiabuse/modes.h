#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace persona::antiabuse {

/// What becomes of a rule's verdicts: not asked for; counted and explained alone; acted on for a
/// share of the requests; acted on.
struct Mode {
    enum Kind : std::uint8_t { Off, Monitor, Sample, Enforce } kind = Enforce;
    std::uint16_t share = 1'000;  ///< of a thousand; Sample only
    [[nodiscard]] std::string text() const;
    /// The same requests are in the sample whenever they are looked at; the share is of `key`s.
    [[nodiscard]] bool acts(std::uint64_t key) const {
        return kind == Enforce || (kind == Sample && key % 1'000 < share);
    }
    bool operator==(const Mode&) const = default;
    [[nodiscard]] std::uint32_t packed() const {
        return static_cast<std::uint32_t>(kind) << 16 | share;
    }
    [[nodiscard]] static Mode unpacked(std::uint32_t word) {
        return {static_cast<Kind>(word >> 16 & 3), static_cast<std::uint16_t>(word & 0xffff)};
    }
};

/// "off", "monitor", "enforce", "sample(0.1)".
[[nodiscard]] std::optional<Mode> parseMode(std::string_view text);

/// Modes by rule: of a heuristic ("rate"), or of one of its reasons ("rate.burst"), which goes
/// before. The map of reasons is fixed after construction; modes themselves may be set at any time
/// on any thread.
class Modes {
  public:
    static constexpr std::size_t kMost = 64;
    /// `rules`: from the configuration; heuristics not named there have `fallback`.
    Modes(const std::map<std::string, Mode>& rules, Mode fallback);
    /// A heuristic's own mode, by its number.
    void bind(std::size_t number, std::string_view heuristic);
    [[nodiscard]] Mode of(std::size_t number) const {
        return Mode::unpacked(by_number_[number].load(std::memory_order_relaxed));
    }
    [[nodiscard]] Mode of(std::size_t number, std::string_view heuristic,
                          std::string_view reason) const;
    void set(std::size_t number, Mode mode);
    /// Bits 1 << number of those that are not asked.
    [[nodiscard]] std::uint64_t off() const { return off_.load(std::memory_order_relaxed); }
    /// Names in the configuration that are no rule of the heuristics that were bound.
    [[nodiscard]] const std::map<std::string, Mode, std::less<>>& reasons() const {
        return reasons_;
    }

  private:
    std::map<std::string, Mode, std::less<>> heuristics_, reasons_;
    const Mode fallback_;
    std::array<std::atomic<std::uint32_t>, kMost> by_number_{};
    std::atomic<std::uint64_t> off_{0};
};

}  // namespace persona::antiabuse
