#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "libs/pow/puzzle.h"

namespace persona::abuse {

/// The puzzle in the text of a BID-Challenge (anti-abuse.md, section 4); nothing: it is none, or
/// harder than anybody would wait for.
std::optional<pow::Puzzle> readPuzzle(std::string_view text);

/// One thread that solves what it is given, in turn. `done` is called by collect().
class Solver {
  public:
    struct Solved {
        std::string work;           ///< value of BID-Work
        double calls = 0;           ///< of the hash that it took
        double calls_a_second = 1;  ///< that one core of a source makes natively
    };
    using Done = std::function<void(const Solved&)>;
    Solver();
    ~Solver();
    Solver(const Solver&) = delete;
    Solver& operator=(const Solver&) = delete;
    void solve(std::string challenge, const pow::Puzzle& puzzle, Done done);
    /// Calls back for all that is solved by now; [the thread that asked].
    void collect();
    [[nodiscard]] std::size_t waiting() const { return waiting_; }

  private:
    struct Job {
        std::string challenge;
        pow::Puzzle puzzle;
        Done done;
        Solved solved;
    };
    void work(const std::stop_token& stop);
    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::deque<Job> todo_;
    std::vector<Job> ready_;
    std::size_t waiting_ = 0;
    std::jthread thread_;
};

}  // namespace persona::abuse
