#pragma once

#include <atomic>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "host/tables/outbox.h"
#include "host/tables/tables.h"

namespace persona::host::tables {

/// One process' side of counts that several share (decision 0120): what is to be said of the shared
/// tables, and what is done with what the others say. Knows no backend. One thread, but for what is
/// tagged otherwise.
class Sharing {
  public:
    /// Shares those tables of `tables`, also when they are opened later. `halved`: while the others
    /// are out of reach, every charge to it counts twice, as far as a budget of more than one
    /// allows.
    struct Table {
        std::string name;
        bool halved = false;
    };
    Sharing(Tables& tables, const std::vector<Table>& shared);

    struct Change {
        SharedKey key;
        std::int64_t delta_ms = 0, at_least_ms = 0;
        std::uint32_t window_ms = 0;
    };
    /// What is to be said now, at most `most`; the rest comes with the next call. After
    /// failed() it is what this process holds of each key that it has spoken of, not what changed:
    /// nobody knows what has arrived.
    [[nodiscard]] std::vector<Change> gather(std::size_t most, std::int64_t now_ns);
    [[nodiscard]] bool hasMore() const { return !queue_.empty(); }
    /// What was gathered has arrived; `epoch` is that of the backend.
    void arrived(std::uint64_t epoch, std::uint32_t peers);
    /// Whether it has is unknown.
    void failed();
    /// How much all together have spent of a key; false: it belongs to no table here.
    bool adopt(std::string_view table, std::uint32_t rule, std::uint64_t key, std::int64_t spent_ms,
               std::int64_t now_ns);
    /// The others are out of reach, or back.
    void setAlone(bool alone);

    [[nodiscard]] const std::string& nameOf(std::uint32_t table) const { return names_[table]; }
    [[nodiscard]] std::uint64_t epoch() const { return epoch_; }
    [[nodiscard]] std::uint64_t leftOut() const { return outbox_.leftOut(); }  ///< [any]

  private:
    static constexpr std::size_t kMostSpokenOf = 65'536;
    void remember(const SharedKey& key, std::uint32_t window_ms);
    void forgetIdle(std::int64_t now_ns);
    [[nodiscard]] psn_rate_table* tableOf(std::uint32_t number);

    Tables& tables_;
    Outbox outbox_;
    std::vector<std::string> names_;
    std::vector<bool> halved_;
    std::map<std::string, std::uint32_t, std::less<>> numbers_;
    /// Keys that this process has spoken of, with their windows: what it says again to a backend
    /// that has lost its memory.
    std::unordered_map<SharedKey, std::uint32_t, SharedKeyHash> spoken_of_;
    std::vector<Change> queue_;  ///< gathered, and too much for one exchange
    bool uncertain_ = false, repeating_ = false;
    std::uint64_t epoch_ = 0;
    std::uint32_t peers_ = 1;
};

}  // namespace persona::host::tables
