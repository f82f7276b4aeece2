#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/antiabuse/combine.h"

namespace persona::antiabuse {

/// Why requests were hindered, or would have been: the last ones in a ring for `ctl aa explain`,
/// and a line of JSON for each in a file. Keys stand for clients and accounts; nothing else of them
/// is in it. Under attack no more than so many lines a second are written, and the next one says
/// how many were not. [any] thread.
class Explain {
  public:
    struct Names {
        std::string heuristic, version, hash;
    };
    /// `file` empty: no lines. Throws when it cannot be opened. `names`: by rule.
    Explain(const std::string& file, std::uint32_t lines_per_second, std::vector<Names> names);
    ~Explain();
    Explain(const Explain&) = delete;
    Explain& operator=(const Explain&) = delete;

    /// id: of the decision. Texts of the verdicts are the plugins' literals.
    void note(std::uint64_t id, std::int64_t wall_ms, std::int64_t now_ns,
              std::string_view request_id, const psn_facts& facts, const Findings& findings,
              const Decision& decision);
    /// Writes what has come together; [control], and by the destructor.
    void flush();
    /// The line of a decision that is still in the ring.
    [[nodiscard]] std::optional<std::string> find(std::uint64_t id) const;

  private:
    static constexpr std::size_t kRing = 1'024, kRules = 4, kMostBuffered = 1 << 20;
    struct Record {
        std::uint64_t id = 0;
        std::int64_t wall_ms = 0;
        std::string_view route;  ///< of the table of routes
        char request_id[64] = {};
        std::uint8_t request_id_size = 0, rules = 0;
        std::uint32_t session_class = 0, priority = 0, strikes = 0, credit = 0;
        Decision decision;
        Finding findings[kRules];
    };
    [[nodiscard]] std::string line(const Record& r) const;
    const std::vector<Names> names_;
    const std::uint32_t lines_per_second_;
    int fd_ = -1;
    mutable std::mutex mutex_;
    std::vector<Record> ring_;
    std::size_t next_ = 0;
    std::string buffer_;
    std::int64_t second_ = 0;
    std::uint32_t in_second_ = 0;
    std::uint64_t left_out_ = 0;
};

[[nodiscard]] std::string_view nameOfVerdict(std::uint32_t kind);
[[nodiscard]] std::string hexOf(std::uint64_t number);

}  // namespace persona::antiabuse
