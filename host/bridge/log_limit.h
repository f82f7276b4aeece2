#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace persona::host::bridge {

/// Lets one line a second through and counts the others. [any]
class LogLimit {
  public:
    /// True at most once a second; `held_back`: how many lines were not written since the last.
    [[nodiscard]] bool may(std::int64_t now_ns, std::uint64_t& held_back) {
        auto last = logged_ns_.load();
        if ((last != 0 && now_ns - last < 1'000'000'000) ||
            !logged_ns_.compare_exchange_strong(last, now_ns)) {
            held_back_.fetch_add(1);
            return false;
        }
        held_back = held_back_.exchange(0);
        return true;
    }

  private:
    std::atomic<std::int64_t> logged_ns_{0};
    std::atomic<std::uint64_t> held_back_{0};
};

/// What is said behind a line: how many of its kind were held back.
[[nodiscard]] inline std::string heldBack(std::uint64_t lines) {
    return lines == 0 ? "" : " (" + std::to_string(lines) + " more since)";
}

}  // namespace persona::host::bridge
