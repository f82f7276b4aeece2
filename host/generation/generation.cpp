#include "host/generation/generation.h"

namespace persona::host::generation {

const char* nameOf(State state) {
    switch (state) {
        case State::Building:
            return "building";
        case State::Warm:
            return "warm";
        case State::Active:
            return "active";
        case State::Standby:
            return "standby";
        case State::Draining:
            return "draining";
    }
    return "?";
}

std::string Generation::build(bridge::BuildContext& context, const config::HostConfig& config) {
    context.heuristics = nullptr;
    if (auto wrong = bridge::buildHeuristics(context, config.heuristics, heuristics_);
        !wrong.empty())
        return wrong;
    become(State::Building);
    context.heuristics = &heuristics_;
    for (const auto& s : config.services) {
        auto& chain = chains_[s.id] = std::make_unique<bridge::Chain>(loops_);
        chain->generation = id;
        order_.push_back(chain.get());
        if (auto wrong = bridge::buildChain(context, s, *chain); !wrong.empty()) return wrong;
    }
    return "";
}

std::vector<bridge::Member*> Generation::members() const {
    std::vector<bridge::Member*> out;
    for (const auto& h : heuristics_) out.push_back(h.get());
    for (const auto* c : order_)
        for (const auto& f : c->filters)
            if (f->context != nullptr) out.push_back(f.get());
    return out;
}

std::string Generation::warmUp() {
    const auto all = members();
    for (auto* m : all)
        if (auto wrong = m->activate(); !wrong.empty()) return wrong;
    for (auto* m : all)
        if (auto wrong = m->selfCheck(); !wrong.empty()) return wrong;
    state = State::Warm;
    return "";
}

void Generation::become(State next) {
    state = next;
    for (const auto& h : heuristics_)
        h->context->part = next == State::Active ? bridge::Part::Acting : bridge::Part::Resting;
}

void Generation::retire() {
    const auto all = members();
    for (auto m = all.rbegin(); m != all.rend(); ++m) (*m)->retire();
}

Generation::Counts Generation::counts() const {
    Counts sum;
    for (const auto* m : members()) {
        sum.calls += m->breaker.calls();
        sum.faults += m->breaker.faults();
        sum.openings += m->breaker.openings();
    }
    return sum;
}

std::uint64_t Generation::inFlight() const {
    std::uint64_t sum = 0;
    for (const auto* c : order_) sum += c->inFlight();
    return sum;
}

std::vector<std::string> Generation::holds() const {
    std::vector<std::string> out;
    const auto add = [&](const std::string& who, std::uint64_t n, const char* what) {
        if (n != 0) out.push_back(who + ": " + std::to_string(n) + " " + what);
    };
    for (const auto* c : order_)
        add("service " + c->service, c->inFlight(), "requests under way or held");
    for (const auto* m : members()) {
        add(m->settings.what, m->context->works.load(), "works on executors");
        add(m->settings.what, m->context->calls.load(), "calls to other services");
    }
    return out;
}

}  // namespace persona::host::generation
