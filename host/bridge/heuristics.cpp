#include "host/bridge/heuristics.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "host/bridge/candidate.h"
#include "host/bridge/ticks.h"
#include "host/net/reactor.h"

namespace persona::host::bridge {

namespace {

psn_str literal(std::string_view s) {
    return toAbi(s);
}

}  // namespace

Heuristic::Heuristic(MemberSettings s, unsigned loops) : Member(std::move(s), loops) {}

Heuristic::~Heuristic() {
    retire();
}

void Heuristic::tryOut(std::unique_ptr<Candidate> candidate) {
    if (auto* before = candidate_.load()) before->close();
    candidates_.push_back(std::move(candidate));
    candidate_.store(candidates_.back().get());
}

psn_rc Heuristic::evaluate(const psn_facts& facts, psn_verdict& out, unsigned loop) {
    auto* candidate = candidate_.load(std::memory_order_acquire);
    if (candidate == nullptr) return judge(facts, out, loop);
    // Before the acting one, so that both see the tables as they were.
    psn_verdict tried{};
    const bool asked = candidate->evaluate(facts, tried, loop);
    const auto rc = judge(facts, out, loop);
    if (asked && rc == PSN_OK) candidate->compare(facts, tried, out);
    return rc;
}

std::string Heuristic::adopt(const psn_plugin_entry& entry, Lifecycle& out,
                             const psn_option*& options, std::size_t& count) {
    const auto* f = static_cast<const psn_heuristic_factory*>(
        entry.get_factory({PSN_HEURISTIC_ID, sizeof PSN_HEURISTIC_ID - 1}));
    if (f == nullptr || f->struct_size < offsetof(psn_heuristic_factory, routes) ||
        f->create == nullptr || f->destroy == nullptr || f->evaluate == nullptr)
        return "the plugin has no usable factory " PSN_HEURISTIC_ID "; rebuild with the SDK";
    std::memcpy(&factory_, f, std::min<std::size_t>(f->struct_size, sizeof factory_));
    out = {factory_.create, factory_.activate, factory_.deactivate, factory_.destroy, nullptr};
    options = factory_.options;
    count = factory_.option_count;
    return "";
}

psn_rc Heuristic::judge(const psn_facts& facts, psn_verdict& out, unsigned loop) {
    const auto onError = [&](psn_rc rc, std::string_view reason) {
        out = {};
        out.struct_size = sizeof out;
        out.kind = settings.deny_on_error ? PSN_VERDICT_DENY : PSN_VERDICT_ABSTAIN;
        out.reason = literal(reason);
        return rc;
    };
    if (quarantined) return onError(PSN_GONE, "quarantine");
    if (breaker.isOpen(facts.now_ns)) return onError(PSN_DENIED, "breaker");
    breaker.called(loop);
    out = {};
    out.struct_size = sizeof out;
    const auto from = ticks();
    psn_rc rc = PSN_FAIL;
    {
        const InPlugin mark(tag);
        try {
            rc = factory_.evaluate(instance, &facts, &out);
        } catch (...) {
            rc = PSN_FAIL;
        }
    }
    ended(ticks() - from);
    if (rc == PSN_OK && out.kind <= PSN_VERDICT_DROP && out.weight <= 1000 && out.level <= 15) {
        breaker.succeeded();
        return PSN_OK;
    }
    fault(rc == PSN_OK ? Fault::BadResult : Fault::Failed,
          rc == PSN_OK ? "evaluate gave a verdict out of range" : "evaluate failed");
    return onError(PSN_FAIL, "fault");
}

template <typename F>
psn_rc Heuristic::timed(const char* what, F&& f) {
    const auto from = ticks();
    psn_rc rc = PSN_FAIL;
    bool threw = true;
    {
        const InPlugin mark(tag);
        try {
            rc = f();
            threw = false;
        } catch (...) {
        }
    }
    ended(ticks() - from);
    if (threw) fault(Fault::Failed, std::string("an exception left ") + what);
    return rc;
}

/// Also with an open breaker: what was counted up for a request must come down with it.
void Heuristic::observe(const psn_facts& facts, const psn_outcome& outcome) {
    if (auto* candidate = candidate_.load(std::memory_order_acquire))
        candidate->observe(facts, outcome);
    if (instance == nullptr || factory_.observe == nullptr) return;
    timed("observe", [&] {
        factory_.observe(instance, &facts, &outcome);
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
                    one->factory().routes,
                    one->factory().challenge != nullptr ? 1U : 0U};
            return PSN_OK;
        },
        [](const psn_host* h, std::uint32_t i, const psn_facts* facts, psn_verdict* out) -> psn_rc {
            auto* one = find(h, i);
            if (one == nullptr || facts == nullptr || out == nullptr) return PSN_NOT_FOUND;
            return one->evaluate(*facts, *out, current_loop);
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
        }};
    return kApi;
}

}  // namespace persona::host::bridge
