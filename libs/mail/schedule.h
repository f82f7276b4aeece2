#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "libs/mail/sender.h"
#include "libs/mail/spool.h"

namespace persona::mail {

/// Which message is due when. Not thread-safe: SmtpSender guards it.
class Schedule {
  public:
    /// What is due later than `most_ahead_ms` from now was put off before the clock was set back:
    /// no wait is that long. It is due.
    explicit Schedule(std::int64_t most_ahead_ms) : most_ahead_ms_(most_ahead_ms) {}
    /// False: a message with that ID is here already, waiting or taken.
    bool add(Spool::Entry entry);
    /// The one that is due the longest, if any is; it counts as taken until done() or back().
    [[nodiscard]] std::optional<Spool::Entry> take(std::int64_t now_ms);
    void done(const Spool::Entry& entry) { known_.erase(entry.id); }
    void back(Spool::Entry entry);
    /// Time of the next one, `now_ms` or before when take() has one; empty: nothing waits.
    [[nodiscard]] std::optional<std::int64_t> nextDue(std::int64_t now_ms) const;
    /// Waiting and taken.
    [[nodiscard]] std::size_t size() const { return known_.size(); }

  private:
    struct Sooner {
        bool operator()(const Spool::Entry& a, const Spool::Entry& b) const {
            return a.due_ms != b.due_ms ? a.due_ms < b.due_ms : a.id < b.id;
        }
    };
    using Waiting = std::set<Spool::Entry, Sooner>;
    [[nodiscard]] bool isFar(const Spool::Entry& entry, std::int64_t now_ms) const {
        return entry.due_ms - now_ms > most_ahead_ms_;
    }
    /// The one whose turn is next; there is one.
    [[nodiscard]] Waiting::const_iterator next(std::int64_t now_ms) const;

    const std::int64_t most_ahead_ms_;
    Waiting waiting_;
    std::set<std::string, std::less<>> known_;
};

/// How long to wait before attempt `attempts` + 1: doubles from `retry_first` to `retry_most`, give
/// or take a quarter by `dice` (0 to 255), so that what failed together does not return together.
[[nodiscard]] std::int64_t backoffMs(const SmtpOptions& options, unsigned attempts,
                                     unsigned char dice);
/// No wait is longer.
[[nodiscard]] std::int64_t longestBackoffMs(const SmtpOptions& options);

}  // namespace persona::mail
