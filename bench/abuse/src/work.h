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

namespace persona::abuse {

/// A proof-of-work challenge as it is sent in BID-Challenge (anti-abuse.md, section 4).
struct Puzzle {
    std::string text, algorithm, seed;  ///< `seed` as it is written
    unsigned iterations = 0, parts = 0, bits = 0;
    /// Hashes that the whole takes on average.
    [[nodiscard]] double meanCalls() const;
};
std::optional<Puzzle> readPuzzle(std::string_view text);

/// One thread that solves what it is given, in turn. `done` is called by collect().
class Solver {
  public:
    struct Solved {
        std::string work;  ///< value of BID-Work; empty: given up
        double calls = 0;
    };
    using Done = std::function<void(const Solved&)>;
    Solver();
    ~Solver();
    Solver(const Solver&) = delete;
    Solver& operator=(const Solver&) = delete;
    void solve(Puzzle puzzle, Done done);
    /// Calls back for all that is solved by now; [the thread that asked].
    void collect();
    [[nodiscard]] std::size_t waiting() const { return waiting_; }

  private:
    struct Job {
        Puzzle puzzle;
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
