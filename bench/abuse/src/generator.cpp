#include "bench/abuse/src/generator.h"

#include <algorithm>
#include <cmath>

namespace persona::abuse {

namespace {

constexpr Micros kMs = 1'000, kSecond = 1'000'000;

/// The stub's word that it saw the request: "<microseconds>;<outcome>".
std::pair<std::uint32_t, Outcome> stubWord(std::string_view text) {
    const auto at = text.find(';');
    if (at == std::string_view::npos) return {0, Outcome::None};
    return {static_cast<std::uint32_t>(
                std::strtoul(std::string(text.substr(0, at)).c_str(), nullptr, 10)),
            outcomeOf(text.substr(at + 1))};
}

bool needsToken(const Step& step) {
    return info(step.route).post && step.route != Route::Verify;
}

}  // namespace

Generator::Generator(Loop& loop, const LoadSettings& settings, std::span<const Record> trace,
                     std::ofstream& results)
    : loop_(loop), settings_(settings), trace_(trace), results_(results) {
    late_us_.reserve(trace.size());
}

Generator::~Generator() = default;

void Generator::begin() {
    zero_ = loop_.clock();
    pump();
    sweep();
}

/// Starts what is due, and comes back for the next.
void Generator::pump() {
    const auto now = loop_.clock() - zero_;
    while (next_ < trace_.size() && static_cast<Micros>(trace_[next_].at_us) <= now) {
        const auto& r = trace_[next_++];
        if (static_cast<Micros>(r.at_us) >= settings_.length_us) {
            next_ = trace_.size();
            break;
        }
        late_us_.push_back(static_cast<std::uint32_t>(
            std::min<Micros>(now - static_cast<Micros>(r.at_us), 0xFFFFFFFF)));
        start(r);
    }
    if (next_ < trace_.size())
        loop_.at(zero_ + static_cast<Micros>(trace_[next_].at_us), [this] { pump(); });
}

void Generator::start(const Record& r) {
    const auto kind = static_cast<Behaviour>(r.behaviour);
    if (kind == Behaviour::SlowHead || kind == Behaviour::SlowBody || kind == Behaviour::SlowRead)
        return hold(r);
    auto task = std::make_shared<Task>();
    task->record = &r;
    task->steps = scriptOf(r);
    ++live_tasks_;
    ++actors_[r.actor].tasks;
    later(task, task->steps.front().think_ms * kMs);
}

void Generator::later(const Shared& task, Micros delay) {
    if (delay <= 0) return step(task);
    loop_.at(loop_.now() + delay, [this, task] { step(task); });
}

void Generator::step(const Shared& task) {
    if (finished_) return;
    auto& actor = actors_[task->record->actor];
    const auto& r = *task->record;
    Step step = task->steps[task->at];
    // A bot that keeps cookies takes its token first when it has none yet.
    if (!isLegitimate(r) && r.tier > 0 && needsToken(step) && actor.jar.csrf.empty() &&
        !task->fetched_context)
        step = {Route::SessionContext, 0, Variant::Plain, true, false};
    if (step.variant == Variant::ForgedWork && task->work.empty()) {
        task->work = !solved_.empty() && r.seed % 2 == 0
                         ? solved_
                         : "v1.pbkdf2.250.4.2.9999999999.1.AAAAAAAAAAA." + hex(mix(r.seed)) +
                               ".1.AAAAAAAAAAAAAAAAAAAAAA;n=0,1,2,3";
    }
    auto* client = connection(actor, r);
    if (client == nullptr) {
        log(*task, step.route, Verdict::Unsent, step, loop_.now(), nullptr, 0, Outcome::None);
        if (isLegitimate(r)) return later(task, 500 * kMs);
        return finish(task, Verdict::GaveUp);
    }
    const bool keeps = isLegitimate(r) || r.tier > 0;
    static const Jar kNone;
    auto octets = requestOf(r, step, keeps ? actor.jar : kNone, settings_.port, task->work);
    client->ask(std::move(octets),
                [this, task, step](Client& c, Client::End end, const Message* answer) {
                    answered(task, step, c, end, answer);
                });
}

void Generator::answered(const Shared& task, const Step& step, Client& client, Client::End end,
                         const Message* answer) {
    const auto& r = *task->record;
    auto& actor = actors_[r.actor];
    const auto from = client.asked_at;
    release(actor, client, answer != nullptr && client.open());
    const auto [cost, outcome] =
        answer ? stubWord(answer->field("x-aastub")) : std::pair{0U, Outcome::None};
    auto verdict = Verdict::Dropped;
    if (end == Client::End::TimedOut)
        verdict = Verdict::TimedOut;
    else if (answer && cost > 0)
        verdict = Verdict::Admitted;
    else if (answer && !answer->field("bid-challenge").empty())
        verdict = Verdict::Challenged;
    else if (answer)
        verdict = answer->status() < 400 ? Verdict::Served : Verdict::Refused;
    log(*task, step.route, verdict, step, from, answer, cost, outcome);
    if (finished_) return;
    if (answer && (isLegitimate(r) || r.tier > 0)) {
        actor.jar.take(*answer);
        if (step.route == Route::SessionContext) {
            const auto token = jsonValue(answer->body, "csrf_token");
            if (!token.empty()) actor.jar.csrf = token;
        }
    }
    const bool busy = outcome == Outcome::Busy;
    if ((verdict == Verdict::Admitted || verdict == Verdict::Served) && !busy)
        return passed(task, step, outcome);
    stopped(task, step, answer, verdict);
}

void Generator::passed(const Shared& task, const Step& step, Outcome outcome) {
    task->work.clear();
    task->tries = 0;
    if (step.route == Route::SessionContext &&
        task->steps[task->at].route != Route::SessionContext) {
        task->fetched_context = true;
        return later(task, 0);
    }
    if (step.login && (outcome == Outcome::AuthOk || outcome == Outcome::TokenOk))
        task->signed_in = true;
    if (++task->at < task->steps.size()) return later(task, task->steps[task->at].think_ms * kMs);
    finish(task, task->signed_in ? Verdict::SignedIn : Verdict::Finished);
}

void Generator::stopped(const Shared& task, const Step& step, const Message* answer,
                        Verdict verdict) {
    const auto& r = *task->record;
    if (step.needed || verdict == Verdict::Challenged) task->stopped = true;
    if (verdict == Verdict::Challenged && (isLegitimate(r) || r.tier >= 2) &&
        takeChallenge(task, *answer))
        return;
    task->work.clear();
    if (!isLegitimate(r)) return finish(task, Verdict::GaveUp);
    if (!step.needed) {
        if (++task->at < task->steps.size())
            return later(task, task->steps[task->at].think_ms * kMs);
        return finish(task, task->signed_in ? Verdict::SignedIn : Verdict::Finished);
    }
    const bool patient = (r.flags & kPatient) != 0;
    if (++task->tries > (patient ? 3U : 1U)) return finish(task, Verdict::GaveUp);
    Micros wait = kSecond + static_cast<Micros>(mix(r.seed + task->tries) % 2'000) * kMs;
    const auto told = answer ? answer->field("retry-after") : std::string_view();
    if (patient && !told.empty()) {
        const auto seconds = std::strtol(std::string(told).c_str(), nullptr, 10);
        // Nobody sits before a page for longer than a minute.
        if (seconds > 60) return finish(task, Verdict::GaveUp);
        wait =
            std::max<Micros>(seconds, 1) * kSecond + static_cast<Micros>(mix(r.seed) % 300) * kMs;
    }
    later(task, wait);
}

bool Generator::takeChallenge(const Shared& task, const Message& answer) {
    const auto& r = *task->record;
    const bool person = isLegitimate(r);
    const std::string challenge(answer.field("bid-challenge"));
    task->challenged = true;
    if (++task->challenges > (person ? 4U : 1U)) return false;
    const auto puzzle = readPuzzle(challenge);
    if (!puzzle) return person && challenge == "mail" && takeMail(task);
    if (!person && solver_.waiting() >= settings_.most_puzzles) return false;
    const auto asked = loop_.now();
    solver_.solve(challenge, *puzzle, [this, task, asked, person](const Solver::Solved& solved) {
        task->work = solved.work;
        solved_ = solved.work;
        // One core per source, and a browser's is half as fast as it might be: as long as that core
        // would need, and no shorter than it took here.
        const auto seconds = solved.calls / solved.calls_a_second * (person ? 2 : 1);
        later(task, asked + static_cast<Micros>(seconds * 1e6) - loop_.now());
    });
    return true;
}

/// The way in by mail: asks for a link, reads the mail, opens it, and tries again.
bool Generator::takeMail(const Shared& task) {
    if (task->mails++ > 0) return false;
    const auto seed = mix(task->record->seed ^ 0x3A11);
    const Step ask{Route::StageUnblock, 500, Variant::Plain, true, false};
    const Step open{Route::CompleteUnblock, static_cast<std::uint32_t>(5'000 + seed % 8'000),
                    Variant::Plain, true, false};
    const auto at = task->steps.begin() + static_cast<std::ptrdiff_t>(task->at);
    task->steps.insert(at, {ask, open});
    task->work.clear();
    later(task, ask.think_ms * kMs);
    return true;
}

void Generator::finish(const Shared& task, Verdict end) {
    const auto& r = *task->record;
    log(*task, Route::Root, end, {}, loop_.now(), nullptr, 0, Outcome::None);
    --live_tasks_;
    auto& actor = actors_[r.actor];
    --actor.tasks;
    if (isLegitimate(r) && actor.tasks == 0)
        while (!actor.idle.empty()) drop(*actor.idle.back());
    // What has cookies comes back with them.
    if (actor.tasks == 0 && actor.open == 0 && actor.jar.empty()) actors_.erase(r.actor);
}

void Generator::log(const Task& task, Route route, Verdict verdict, const Step& step, Micros from,
                    const Message* answer, std::uint32_t cost, Outcome outcome) {
    const auto& r = *task.record;
    Result out{};
    out.at_us = static_cast<std::uint64_t>(std::max<Micros>(0, from - zero_));
    out.latency_us =
        static_cast<std::uint32_t>(std::clamp<Micros>(loop_.clock() - from, 0, 0xFFFFFFFF));
    out.cost_us = cost;
    out.actor = r.actor;
    out.account = r.account;
    out.activity = static_cast<std::uint32_t>(&r - trace_.data());
    out.status = static_cast<std::uint16_t>(answer ? answer->status() : 0);
    out.route = verdict >= Verdict::Finished ? kActivity : static_cast<std::uint8_t>(route);
    out.verdict = static_cast<std::uint8_t>(verdict);
    out.outcome = static_cast<std::uint8_t>(outcome);
    out.label = r.label;
    out.place = r.place;
    out.flags = static_cast<std::uint8_t>(
        (r.flags & 15) | (task.stopped ? kStopped : 0) | (task.challenged ? kFirstWrong : 0) |
        (step.login ? kPatient : 0) | (task.tries > 0 ? kSecondTry : 0));
    out.group = r.group;
    if (answer)
        out.decision = std::strtoull(std::string(answer->field("bid-aa-id")).c_str(), nullptr, 16);
    if (out.route == kActivity) out.latency_us = r.behaviour;
    results_.write(reinterpret_cast<const char*>(&out), sizeof out);
}

Micros Generator::lateness(double quantile) const {
    if (late_us_.empty()) return 0;
    auto sorted = late_us_;
    const auto at = static_cast<std::size_t>(quantile * static_cast<double>(sorted.size() - 1));
    std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(at),
                     sorted.end());
    return sorted[at];
}

}  // namespace persona::abuse
