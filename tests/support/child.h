#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace persona::testing {

/// A program that a test runs. It cannot outlive the test: it is killed when this goes, and by the
/// kernel when the test itself is killed. One thread.
class Child {
  public:
    struct Options {
        std::vector<std::string> arguments;    ///< the first is the program, looked up in PATH
        std::string stderr_file;               ///< appended to; empty: the test's own stderr
        std::vector<std::string> environment;  ///< added, "NAME=value"; PERSONA_* is not inherited
    };

    explicit Child(const Options& options);
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    /// The next line of its stdout, without the line end. Empty: it has none for `limit`, or ended.
    [[nodiscard]] std::optional<std::string> readLine(std::chrono::milliseconds limit);
    void signal(int number) const;
    /// Exit code, or minus the signal that ended it; empty: still running after `limit`.
    [[nodiscard]] std::optional<int> wait(std::chrono::milliseconds limit);
    void kill();
    [[nodiscard]] pid_t pid() const { return pid_; }

    /// Runs a program to its end: exit code as in wait(), and all that it printed.
    struct Finished {
        std::optional<int> code;
        std::string out;
    };
    [[nodiscard]] static Finished run(const Options& options, std::chrono::milliseconds limit);

  private:
    pid_t pid_ = -1;
    int out_ = -1;
    std::string buffer_;
    std::optional<int> code_;
};

}  // namespace persona::testing
