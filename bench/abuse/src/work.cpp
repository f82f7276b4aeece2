#include "bench/abuse/src/work.h"

#include <algorithm>
#include <charconv>

#include "libs/protocol/base64url.h"

namespace persona::abuse {

namespace {

constexpr std::uint32_t kMostBits = 24;  // of plain hashes: a second of this machine
// anti-abuse.md, cost table of section 1: hashes a second of one core that is not a browser's.
constexpr double kPlainCalls = 21.6e6, kPbkdf2Rounds = 5.4e6;

bool number(std::string_view text, std::uint32_t& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

std::optional<pow::Puzzle> readPuzzle(std::string_view text) {
    // v1.<alg>.<c>.<k>.<d>.<exp>.<cls>.<bind>.<seed>.<kid>.<mac>
    std::vector<std::string_view> parts;
    for (auto rest = text; parts.size() < 12;) {
        parts.push_back(rest.substr(0, rest.find('.')));
        if (parts.back().size() == rest.size()) break;
        rest.remove_prefix(parts.back().size() + 1);
    }
    if (parts.size() != 11 || parts[0] != "v1" || parts[3] != "4") return std::nullopt;
    pow::Puzzle out;
    const auto algorithm = pow::algorithmOf(parts[1]);
    const auto seed = protocol::decodeBase64Url(parts[8]).value_or("");
    if (!algorithm || !number(parts[2], out.iterations) || !number(parts[4], out.bits) ||
        out.bits < 3 || out.bits > kMostBits || seed.size() != out.seed.size())
        return std::nullopt;
    out.algorithm = *algorithm;
    std::copy(seed.begin(), seed.end(), out.seed.begin());
    return out;
}

Solver::Solver() : thread_([this](const std::stop_token& stop) { work(stop); }) {}

Solver::~Solver() {
    thread_.request_stop();
    wake_.notify_all();
}

void Solver::solve(std::string challenge, const pow::Puzzle& puzzle, Done done) {
    ++waiting_;
    const std::lock_guard lock(mutex_);
    todo_.push_back({std::move(challenge), puzzle, std::move(done), {}});
    wake_.notify_one();
}

void Solver::collect() {
    std::vector<Job> ready;
    {
        const std::lock_guard lock(mutex_);
        ready.swap(ready_);
    }
    waiting_ -= ready.size();
    for (auto& job : ready) job.done(job.solved);
}

void Solver::work(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        std::unique_lock lock(mutex_);
        if (!wake_.wait(lock, stop, [this] { return !todo_.empty(); })) return;
        auto job = std::move(todo_.front());
        todo_.pop_front();
        lock.unlock();
        const auto solution = pow::solve(job.puzzle);
        // Numbers are tried from 0 on: the last ones tell how many were tried.
        for (const auto n : solution) job.solved.calls += static_cast<double>(n) + 1;
        job.solved.calls_a_second = job.puzzle.algorithm == pow::Algorithm::Sha256
                                        ? kPlainCalls
                                        : kPbkdf2Rounds / job.puzzle.iterations;
        job.solved.work = job.challenge + ";n=" + pow::textOf(solution);
        lock.lock();
        ready_.push_back(std::move(job));
    }
}

}  // namespace persona::abuse
