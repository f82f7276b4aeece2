#include "host/bridge/heuristics.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>

#include "host/bridge/candidate.h"
#include "host/bridge/ticks.h"
#include "host/net/reactor.h"

namespace persona::host::bridge {

namespace {

bool saysSomething(const psn_verdict& v) {
    return v.kind != PSN_VERDICT_ABSTAIN || v.weight != 0 || v.hints != 0 || v.grants != 0 ||
           v.set_cookie.n != 0;
}

/// Of a list, those that there are.
std::uint64_t within(const Heuristics& all, std::uint64_t which) {
    return all.size() < 64 ? which & ((1ULL << all.size()) - 1) : which;
}

/// psn.heuristics/draft-1 prepare_all: first for what the host needs of them, then for their own.
void prepareAll(const Heuristics& all, std::uint64_t which, const psn_facts& facts) {
    which = within(all, which);
    for (auto rest = which; rest != 0; rest &= rest - 1) all[std::countr_zero(rest)]->prefetch();
    for (auto rest = which; rest != 0; rest &= rest - 1)
        all[std::countr_zero(rest)]->prepare(facts);
}

/// psn.heuristics/draft-1 evaluate_all.
template <typename Heard>
std::uint64_t evaluateAll(const Heuristics& all, std::uint64_t which, const psn_facts& facts,
                          Heard&& heard) {
    std::uint64_t answered = 0;
    // The end of one call is the beginning of the next.
    auto from = ticks();
    for (which = within(all, which); which != 0; which &= which - 1) {
        const auto i = static_cast<std::uint32_t>(std::countr_zero(which));
        auto& one = *all[i];
        if (!one.looksAt(facts)) continue;
        psn_verdict v;
        const auto rc = one.evaluate(facts, v, current_loop, from);
        if (rc == PSN_OK) answered |= 1ULL << i;
        if (rc == PSN_OK && !saysSomething(v)) continue;
        heard(i, rc, v);
        from = ticks();
    }
    return answered;
}

}  // namespace

Heuristic::Heuristic(MemberSettings s, unsigned loops) : Member(std::move(s), loops) {}

Heuristic::~Heuristic() {
    retire();
}

void Heuristic::tryOut(std::unique_ptr<Candidate> candidate) {
    if (auto* before = call_.candidate.load()) before->close();
    candidates_.push_back(std::move(candidate));
    call_.candidate.store(candidates_.back().get());
}

psn_rc Heuristic::evaluate(const psn_facts& facts, psn_verdict& out, unsigned loop,
                           std::uint64_t& from) {
    auto* candidate = call_.candidate.load(std::memory_order_acquire);
    if (candidate == nullptr) return judge(facts, out, loop, from);
    // Before the acting one, so that both see the tables as they were.
    psn_verdict tried{};
    const bool asked = candidate->evaluate(facts, tried, loop);
    from = ticks();
    const auto rc = judge(facts, out, loop, from);
    if (asked && rc == PSN_OK) candidate->compare(facts, tried, out);
    return rc;
}

std::string Heuristic::adopt(const psn_plugin_entry& entry, Lifecycle& out,
                             const psn_option*& options, std::size_t& count) {
    std::string wrong;
    const auto* f = factoryOf<psn_heuristic_factory>(entry, PSN_HEURISTIC_ID, wrong);
    if (!wrong.empty()) return wrong;
    if (f == nullptr || f->struct_size < offsetof(psn_heuristic_factory, routes) ||
        f->create == nullptr || f->destroy == nullptr || f->evaluate == nullptr)
        return "the plugin has no usable factory " PSN_HEURISTIC_ID "; rebuild with the SDK";
    std::memcpy(&factory_, f, std::min<std::size_t>(f->struct_size, sizeof factory_));
    out = {factory_.create, factory_.activate, factory_.deactivate, factory_.destroy, nullptr};
    options = factory_.options;
    count = factory_.option_count;
    return "";
}

std::string Heuristic::created() {
    routes_ = factory_.routes == 0 ? ~0U : factory_.routes;
    if (factory_.routes_of != nullptr) routes_ &= factory_.routes_of(instance);
    call_.evaluate = factory_.evaluate;
    call_.observe = factory_.observe;
    call_.prepare = factory_.prepare;
    call_.instance = instance;
    call_.tag = tag;
    call_.budget_ticks = budgetTicks();
    call_.facts = factory_.facts;
    return "";
}

void Heuristic::prepare(const psn_facts& facts) const {
    if (call_.prepare == nullptr || !looksAt(facts) || breaker.isOpen(facts.now_ns)) return;
    const InPlugin mark(call_.tag);
    try {
        call_.prepare(call_.instance, &facts);
    } catch (...) {  // evaluate() is where its faults are counted
    }
}

psn_rc Heuristic::failed(psn_rc rc, std::string_view reason, psn_verdict& out) const {
    out = {};
    out.struct_size = sizeof out;
    out.kind = settings.deny_on_error ? PSN_VERDICT_DENY : PSN_VERDICT_ABSTAIN;
    out.reason = toAbi(reason);
    return rc;
}

psn_rc Heuristic::judge(const psn_facts& facts, psn_verdict& out, unsigned loop,
                        std::uint64_t& from) {
    if (call_.instance == nullptr) return failed(PSN_GONE, "quarantine", out);
    if (breaker.isOpen(facts.now_ns)) return failed(PSN_DENIED, "breaker", out);
    breaker.called(loop);
    out = {};
    out.struct_size = sizeof out;
    psn_rc rc = PSN_FAIL;
    {
        const InPlugin mark(call_.tag);
        try {
            rc = call_.evaluate(call_.instance, &facts, &out);
        } catch (...) {
            rc = PSN_FAIL;
        }
    }
    const auto taken = ticks() - from;
    from += taken;
    if (taken > call_.budget_ticks) overran(taken);
    if (rc == PSN_OK && out.kind <= PSN_VERDICT_DROP && out.weight <= 1000 && out.level <= 15) {
        breaker.succeeded();
        return PSN_OK;
    }
    fault(rc == PSN_OK ? Fault::BadResult : Fault::Failed,
          rc == PSN_OK ? "evaluate gave a verdict out of range" : "evaluate failed");
    return failed(PSN_FAIL, "fault", out);
}

template <typename F>
psn_rc Heuristic::timed(const char* what, F&& f) {
    const auto from = ticks();
    psn_rc rc = PSN_FAIL;
    bool threw = true;
    {
        const InPlugin mark(call_.tag);
        try {
            rc = f();
            threw = false;
        } catch (...) {
        }
    }
    if (const auto taken = ticks() - from; taken > call_.budget_ticks) overran(taken);
    if (threw) fault(Fault::Failed, std::string("an exception left ") + what);
    return rc;
}

/// Also with an open breaker: what was counted up for a request must come down with it.
void Heuristic::observe(const psn_facts& facts, const psn_outcome& outcome) {
    if (auto* candidate = call_.candidate.load(std::memory_order_acquire))
        candidate->observe(facts, outcome);
    if (call_.instance == nullptr || call_.observe == nullptr) return;
    timed("observe", [&] {
        call_.observe(call_.instance, &facts, &outcome);
        return PSN_OK;
    });
}

psn_rc Heuristic::challenge(const psn_facts& facts, const psn_verdict& wanted, psn_challenge& out) {
    if (instance == nullptr || factory_.challenge == nullptr || breaker.isOpen(facts.now_ns))
        return PSN_NOT_FOUND;
    out = {};
    out.struct_size = sizeof out;
    return timed("challenge", [&] { return factory_.challenge(instance, &facts, &wanted, &out); });
}

psn_rc Heuristic::command(psn_str words, void (*say)(void*, psn_str), void* user) {
    if (instance == nullptr || factory_.command == nullptr) return PSN_NOT_FOUND;
    const InPlugin mark(tag);
    try {
        return factory_.command(instance, words, say, user);
    } catch (...) {
        return PSN_FAIL;
    }
}

const psn_heuristics_api& heuristicsApi() {
    static const auto find = [](const psn_host* h, std::uint32_t i) -> Heuristic* {
        const auto* all = PluginContext::of(h).heuristics;
        return all != nullptr && i < all->size() ? (*all)[i].get() : nullptr;
    };
    static const psn_heuristics_api kApi{
        sizeof(psn_heuristics_api),
        0,
        [](const psn_host* h) -> std::uint32_t {
            const auto* all = PluginContext::of(h).heuristics;
            return all == nullptr ? 0 : static_cast<std::uint32_t>(all->size());
        },
        [](const psn_host* h, std::uint32_t i, psn_heuristic_info* out) -> psn_rc {
            const auto* one = find(h, i);
            if (one == nullptr || out == nullptr) return PSN_NOT_FOUND;
            const auto& manifest = one->image->manifest;
            *out = {sizeof *out,
                    one->settings.deny_on_error ? 1U : 0U,
                    toAbi(one->settings.id),
                    toAbi(manifest.id),
                    toAbi(manifest.version),
                    toAbi(one->image->hash),
                    one->routes(),
                    one->factory().challenge != nullptr ? 1U : 0U};
            return PSN_OK;
        },
        [](const psn_host* h, std::uint32_t i, const psn_facts* facts, psn_verdict* out) -> psn_rc {
            auto* one = find(h, i);
            if (one == nullptr || facts == nullptr || out == nullptr) return PSN_NOT_FOUND;
            auto from = ticks();
            return one->evaluate(*facts, *out, current_loop, from);
        },
        [](const psn_host* h, std::uint32_t i, const psn_facts* facts, const psn_outcome* outcome) {
            auto* one = find(h, i);
            if (one != nullptr && facts != nullptr && outcome != nullptr)
                one->observe(*facts, *outcome);
        },
        [](const psn_host* h, std::uint32_t i, const psn_facts* facts, const psn_verdict* wanted,
           psn_challenge* out) -> psn_rc {
            auto* one = find(h, i);
            if (one == nullptr || facts == nullptr || wanted == nullptr || out == nullptr)
                return PSN_NOT_FOUND;
            return one->challenge(*facts, *wanted, *out);
        },
        [](const psn_host* h, std::uint32_t i, psn_heuristic_stats* out) -> psn_rc {
            auto* one = find(h, i);
            if (one == nullptr || out == nullptr) return PSN_NOT_FOUND;
            const bool open = one->quarantined || one->breaker.isOpen(net::monotonicNs());
            *out = {sizeof *out, open ? 1U : 0U, one->breaker.calls(), one->breaker.faults(),
                    one->overBudget()};
            return PSN_OK;
        },
        [](const psn_host* h, std::uint32_t i, psn_str words, void (*say)(void*, psn_str),
           void* user) -> psn_rc {
            auto* one = find(h, i);
            return one == nullptr || say == nullptr ? PSN_NOT_FOUND
                                                    : one->command(words, say, user);
        },
        [](const psn_host* h, std::uint64_t which, const psn_facts* facts,
           void (*heard)(void*, std::uint32_t, psn_rc, const psn_verdict*),
           void* user) -> std::uint64_t {
            const auto* all = PluginContext::of(h).heuristics;
            if (all == nullptr || facts == nullptr || heard == nullptr) return 0;
            return evaluateAll(
                *all, which, *facts,
                [&](std::uint32_t i, psn_rc rc, const psn_verdict& v) { heard(user, i, rc, &v); });
        },
        [](const psn_host* h, std::uint64_t which, const psn_facts* facts) {
            const auto* all = PluginContext::of(h).heuristics;
            if (all != nullptr && facts != nullptr) prepareAll(*all, which, *facts);
        }};
    return kApi;
}

}  // namespace persona::host::bridge
