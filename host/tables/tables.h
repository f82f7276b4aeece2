#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "host/tables/counters.h"
#include "host/tables/rates.h"

namespace persona::host::tables {

/// Named tables; they outlive every generation of plugins, and by snapshot the process. [control]
/// but for what the tables themselves say.
class Tables {
  public:
    explicit Tables(Secret secret) : secret_(secret) {}
    /// The table of that name, made at the first call. `replaced`: one of another shape stood there
    /// and was put aside. nullptr and `error`: the shape is out of range. `trial`: for
    /// who only looks on; what has another shape, or is not there yet, is made for him alone.
    psn_counter_table* openCounters(std::string_view name, const psn_counter_spec& spec,
                                    bool& replaced, std::string& error, bool trial = false);
    psn_rate_table* openRates(std::string_view name, const psn_rate_spec& spec, bool& replaced,
                              std::string& error, bool trial = false);
    /// The rate table of that name is shared, when it is there and when it will be.
    void share(const std::string& name, const psn_rate_table::Share& share);
    void setDearer(const std::string& name, bool dearer);        ///< see psn_rate_table; [any]
    [[nodiscard]] psn_rate_table* rates(std::string_view name);  ///< [any] nullptr: not opened yet
    /// Every 30 s: a sixty-fourth of each table is looked over for what is too old.
    void tend(std::int64_t now_ns);

    struct Info {
        std::string name, kind;
        std::uint64_t slots = 0, used = 0, evicted = 0, bytes = 0;
    };
    [[nodiscard]] std::vector<Info> list();

    /// Writes all tables to a file that replaces the old one as a whole. Empty, or what failed.
    [[nodiscard]] std::string save(const std::string& file, std::int64_t wall_ms,
                                   std::int64_t now_ns);
    /// Takes what was saved into the tables that are opened from now on. Empty, or why it starts
    /// empty: a damaged, old or foreign file is no error of the start.
    [[nodiscard]] std::string load(const std::string& file, std::int64_t wall_ms,
                                   std::int64_t now_ns);
    static constexpr std::int64_t kOldestMs = 600'000;
    /// Of all tables together, those that were replaced too.
    static constexpr std::uint64_t kMostBytes = 1ULL << 30;

  private:
    struct Kept;
    template <typename Table>
    struct Shelf {
        std::vector<std::unique_ptr<Table>> all;  ///< also those that were replaced: still in use
        std::map<std::string, Table*, std::less<>> by_name;
    };
    template <typename Table, typename Spec>
    Table* open(Shelf<Table>& shelf, std::string_view name, const Spec& spec, bool& replaced,
                std::string& error, std::uint32_t most_slots, bool trial);
    [[nodiscard]] std::uint64_t secretId() const;
    const Secret secret_;
    std::mutex mutex_;
    Shelf<psn_counter_table> counters_;
    Shelf<psn_rate_table> rates_;
    std::uint64_t bytes_ = 0;  ///< of both shelves
    std::map<std::string, psn_rate_table::Share, std::less<>> shares_;
    std::size_t part_ = 0;
    /// From load(), by kind and name, until the table is opened.
    std::map<std::string, std::string> kept_;
    std::uint32_t shift_ms_ = 0;
};

/// The secret of the tables, kept in a file of this user alone so that a snapshot fits the next
/// process. Made at the first call; a process-local one when the file cannot be had (`error` says).
[[nodiscard]] Secret loadSecret(const std::string& file, std::string& error);

}  // namespace persona::host::tables
