#pragma once

#include <persona/abi/http_filter.h>
#include <persona/abi/http_service.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "facts.hpp"

/// Runs one plugin in the test's own process, with the host played by fakes: a clock that stands
/// until it is told to go, tables in memory, streams that are a script. No network, no files, no
/// threads but the test's own and two workers. Failures to load or to configure throw
/// std::runtime_error with the text that the host would show.
namespace persona::testing {

class StreamRun;

/// Wall and monotonic time of the fake host. [any] thread.
class Clock {
  public:
    explicit Clock(FakeHost& host) : host_(&host) {}
    /// Both clocks go on; timers that fall due run on the calling thread, in their order. Of a leap
    /// over more than 10,000 periods of a timer only the end is seen call by call.
    void advance(std::chrono::nanoseconds by);
    void setWall(std::int64_t ms_since_1970);  ///< may step back, as real clocks do
    [[nodiscard]] std::int64_t monotonicNs() const;

  private:
    FakeHost* host_;
};

/// A request to a filter or to a service, and what answers behind it.
struct Script {
    std::string method = "GET", target = "/", client_address = "192.0.2.1", peer_address;
    Headers headers;
    std::vector<std::string> body;  ///< in pieces, as they come from the client
    unsigned upstream_status = 200;
    Headers upstream_headers;
    std::vector<std::string> upstream_body;
};

/// What became of a request.
struct Outcome {
    unsigned status = 0;        ///< 0: cut without an answer
    std::string local_reply;    ///< "filter" when the plugin answered, "host" for a limit or fault
    std::string fault;          ///< what the plugin did wrong, where it did; else empty
    Headers request_headers;    ///< as the upstream gets them
    std::string request_body;   ///< likewise
    Headers response_headers;   ///< as the client gets them
    std::string response_body;  ///< likewise
    std::string forwarded_to;   ///< upstream named by a service's forward()
    bool completed = false;     ///< on_complete was called, once
};

/// A request under way. Made by Harness::open(); everything on the test's thread.
class Running {
  public:
    explicit Running(std::shared_ptr<StreamRun> run);
    ~Running();
    Running(Running&&) noexcept;
    Running& operator=(Running&&) noexcept;
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    /// Goes on until the end, or until the plugin waits for something that is not there yet.
    void proceed();
    /// Goes on until the end; waits for resumes from other threads. False: `limit` passed first.
    bool finish(std::chrono::milliseconds limit = std::chrono::seconds(10));
    [[nodiscard]] bool isPaused() const;
    void cancel();  ///< the client goes away
    /// What the host does when a filter's pause_deadline passes: the pause ends, deny or allow.
    void passPauseDeadline(bool allow);
    [[nodiscard]] const Outcome& outcome() const;

  private:
    std::shared_ptr<StreamRun> run_;
};

/// One instance of the plugin at `path`.
class Harness {
  public:
    /// `options`: a line for each, `name: value` with dotted names; lists as [a, b], maps as
    /// {a: b}. Checked and converted as the host does it.
    explicit Harness(const std::string& path, const std::string& options = "");
    ~Harness();
    Harness(const Harness&) = delete;
    Harness& operator=(const Harness&) = delete;

    [[nodiscard]] Clock& clock();
    [[nodiscard]] Facts facts();                ///< of a heuristic
    [[nodiscard]] Outcome run(Script script);   ///< open() and finish()
    [[nodiscard]] Running open(Script script);  ///< of a filter or a service
    [[nodiscard]] std::string kind() const;     ///< "http-filter", "heuristic" or "http-service"
    [[nodiscard]] const psn_plugin_entry& entry() const;
    [[nodiscard]] std::vector<std::string> log() const;              ///< "warn text", in order
    [[nodiscard]] std::int64_t metric(std::string_view name) const;  ///< counter or gauge; 0: none
    [[nodiscard]] std::uint64_t counter(std::string_view table, std::string_view key) const;
    /// A word of the operator to a heuristic; empty: it knows no such word.
    [[nodiscard]] std::string command(std::string_view words);
    /// Answers of the fake http-client, in order; when none is left: PSN_UNREACHABLE.
    void answerCall(unsigned status, std::string body);
    /// A reload, of a heuristic: another instance with the same options takes over. The one before
    /// is in standby and its repeated timers rest; the one before that ends.
    void swap();
    /// Ends the instance as the host would (deactivate, destroy); the destructor does it else.
    void close();

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace persona::testing
