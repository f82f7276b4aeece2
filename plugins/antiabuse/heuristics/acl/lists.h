#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "libs/addresses/prefix_set.h"

namespace persona::antiabuse {

/// Networks that are let through, refused, or weighed; never changed once it is made.
struct Lists {
    addresses::PrefixSet allow, deny, suspect;
};

/// Reads the files (each may be empty: no such list). Errors name file and line.
[[nodiscard]] Result<Lists> readLists(const std::string& allow, const std::string& deny,
                                      const std::string& suspect);
/// Size, time and inode of the files together: another number when one of them is another file.
[[nodiscard]] std::uint64_t stampOf(const std::vector<std::string>& files);

/// How many different keys were seen, roughly; in 512 octets. [any] thread.
class Distinct {
  public:
    void add(std::uint64_t key) {
        words_[key / 64 % kWords].fetch_or(1ULL << key % 64, std::memory_order_relaxed);
    }
    [[nodiscard]] std::size_t count() const;
    void clear();

  private:
    static constexpr std::size_t kWords = 64;
    std::array<std::atomic<std::uint64_t>, kWords> words_{};
};

/// A new list beside the one in force: whom would it refuse? It takes its place only when that is
/// no more than a share of those who are known to be people.
struct Trial {
    Lists lists;
    std::int64_t until_ns = 0;
    Distinct known, refused;
    [[nodiscard]] bool wouldRefuseTooMany(double share) const;
};

}  // namespace persona::antiabuse
