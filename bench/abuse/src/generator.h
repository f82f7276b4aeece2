#pragma once

#include <deque>
#include <fstream>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "bench/abuse/src/client.h"
#include "bench/abuse/src/raw.h"
#include "bench/abuse/src/scripts.h"
#include "bench/abuse/src/work.h"

namespace persona::abuse {

struct LoadSettings {
    int port = 0, control = 0;
    Micros length_us = 0;  ///< nothing begins later; what goes on gets 12 s more
    std::size_t most_connections = 17'000;
    Micros person_timeout_us = 15'000'000, bot_timeout_us = 12'000'000;
    std::size_t most_puzzles = 64;  ///< waiting for this machine's one solver
};

/// Replays a trace: people walk through their activities, answer challenges and wait as they are
/// told; bots do as their tier does. Writes one Result per request and per activity.
class Generator {
  public:
    Generator(Loop& loop, const LoadSettings& settings, std::span<const Record> trace,
              std::ofstream& results);
    ~Generator();
    /// Fetches the cookies that people bring with them; then `ready` is called.
    void prime(std::function<void()> ready);
    /// Time zero of the trace is now.
    void begin();
    [[nodiscard]] bool finished() const { return finished_; }
    [[nodiscard]] Micros lateness(double quantile) const;
    [[nodiscard]] std::size_t mostOpen() const { return most_open_; }

  private:
    struct Actor {
        Jar jar;
        std::vector<Client*> idle;
        std::uint32_t open = 0, tasks = 0;
    };
    struct Task {
        const Record* record = nullptr;
        std::vector<Step> steps;
        std::size_t at = 0;
        unsigned tries = 0, challenges = 0, mails = 0;
        bool stopped = false, challenged = false, signed_in = false, fetched_context = false;
        std::string work;
    };
    using Shared = std::shared_ptr<Task>;

    void pump();
    void start(const Record& record);
    void later(const Shared& task, Micros delay);
    void step(const Shared& task);
    void answered(const Shared& task, const Step& step, Client& client, Client::End end,
                  const Message* answer);
    void passed(const Shared& task, const Step& step, Outcome outcome);
    void stopped(const Shared& task, const Step& step, const Message* answer, Verdict verdict);
    bool takeChallenge(const Shared& task, const Message& answer);
    bool takeMail(const Shared& task);
    void finish(const Shared& task, Verdict end);
    void hold(const Record& record);
    void sweep();
    Client* connection(Actor& actor, const Record& record);
    void release(Actor& actor, Client& client, bool keep);
    void drop(Client& client);
    void log(const Task& task, Route route, Verdict verdict, const Step& step, Micros from,
             const Message* answer, std::uint32_t cost, Outcome outcome);

    Loop& loop_;
    LoadSettings settings_;
    std::span<const Record> trace_;
    std::ofstream& results_;
    std::size_t next_ = 0, live_tasks_ = 0, most_open_ = 0;
    Micros zero_ = 0;
    bool finished_ = false;
    Solver solver_;
    std::unordered_map<std::uint32_t, Actor> actors_;
    std::unordered_map<Client*, std::pair<std::unique_ptr<Client>, std::uint32_t>> clients_;
    std::unordered_map<Slow*, std::unique_ptr<Slow>> slow_;
    std::string solved_;  ///< the last proof that somebody made, to be replayed
    std::vector<std::uint32_t> late_us_;
    std::unique_ptr<Client> primer_;
};

}  // namespace persona::abuse
