#include "plugins/antiabuse/panel.h"

#include <algorithm>
#include <persona/sdk/series.hpp>
#include <persona/sdk/siphash.hpp>
#include <stdexcept>

#include "plugins/antiabuse/reader.h"
#include "plugins/antiabuse/routes.h"

namespace persona::antiabuse {

namespace {

constexpr std::uint32_t kSet = 1U << 31;

std::string quoted(std::string_view text) {
    return "\"" + std::string(text) + "\"";
}

}  // namespace

Panel::Panel(const sdk::Host& host, const std::map<std::string, Mode>& modes, Mode fallback)
    : host_(host),
      api_(static_cast<const psn_heuristics_api*>(
          host.raw()->get_extension(host.raw(), sdk::abi(PSN_HEURISTICS_ID)))),
      modes_(modes, fallback) {
    const psn_counter_spec spec{sizeof spec, 1'024, 0, 0};
    if (host.counters().open(host.raw(), sdk::abi("antiabuse.modes"), &spec, &kept_modes_,
                             nullptr) != PSN_OK)
        throw std::runtime_error("the table of modes cannot be opened");
    // A harness has no heuristics to ask.
    if (api_ != nullptr && api_->struct_size < sizeof *api_)
        throw std::runtime_error("the host lacks " PSN_HEURISTICS_ID " as it is here");
    count_ = api_ == nullptr ? 0 : api_->count(host.raw());
    if (count_ + 2 > Modes::kMost)
        throw std::runtime_error("more than " + std::to_string(Modes::kMost - 2) + " heuristics");
    all_.resize(count_ + 2);
    for (std::uint32_t i = 0; i < count_; ++i) {
        psn_heuristic_info info{};
        if (api_->describe(host.raw(), i, &info) != PSN_OK)
            throw std::runtime_error("a heuristic without a description");
        all_[i].id = sdk::text(info.id);
        all_[i].version = sdk::text(info.version);
        all_[i].hash = sdk::text(info.hash);
        all_[i].routes = info.routes;
        all_[i].challenges = info.challenges != 0;
        for (std::uint32_t r = 0; r < PSN_ROUTE_COUNT; ++r)
            if ((info.routes >> r & 1) != 0) by_route_[r] |= 1ULL << i;
    }
    all_[penalty()].id = "penalty";
    all_[parser()].id = "parser";
    for (const auto& [rule, mode] : modes) {
        const auto id = rule.substr(0, rule.find('.'));
        bool known = false;
        for (const auto& one : all_) known |= one.id == id;
        if (!known)
            throw std::runtime_error("modes: no heuristic has the id '" + id +
                                     "'; name one of `heuristics:`, or penalty or parser");
    }
    const auto now = host.monotonicNs();
    for (std::size_t i = 0; i < all_.size(); ++i) {
        modes_.bind(i, all_[i].id);
        psn_counter_value kept{};
        if (host.counters().get(kept_modes_, sdk::abi(all_[i].id), now, &kept) == PSN_OK &&
            (kept.flag & kSet) != 0)
            modes_.set(i, Mode::unpacked(kept.flag & ~kSet));
        declare(all_[i], all_[i].id);
        declareSeries(all_[i]);
        all_[i].mode.set(modes_.of(i).kind);
    }
    demoted_ = host.counter("demoted");
    faults_ = host.counter("heuristic_faults");
}

void Panel::declare(One& one, const std::string& name) {
    for (std::uint32_t kind = 0; kind <= PSN_VERDICT_DROP; ++kind) {
        const auto metric = name + "." + std::string(nameOfVerdict(kind));
        one.acted[kind] = host_.counter(metric);
        one.monitored[kind] = host_.counter(metric + ".monitor");
    }
}

void Panel::declareSeries(One& one) {
    one.mode = sdk::series(host_, PSN_METRIC_GAUGE, "bid_aa_mode", {{"detector", one.id}});
    for (std::uint32_t route = 0; route < PSN_ROUTE_COUNT; ++route) {
        if ((one.routes >> route & 1) == 0) continue;
        for (std::uint32_t kind = PSN_VERDICT_ALLOW; kind <= PSN_VERDICT_DROP; ++kind)
            for (const bool acts : {false, true})
                one.by_route[route][kind][acts ? 1 : 0] =
                    sdk::series(host_, PSN_METRIC_COUNTER, "bid_aa_decisions",
                                {{"heuristic", one.id},
                                 {"route", nameOfRoute(route)},
                                 {"verdict", nameOfVerdict(kind)},
                                 {"mode", acts ? "enforce" : "monitor"}});
    }
}

void Panel::set(std::size_t rule, Mode mode) {
    modes_.set(rule, mode);
    all_[rule].mode.set(mode.kind);
}

void Panel::count(std::uint32_t rule, std::uint32_t route, std::uint32_t kind, bool acts) const {
    (acts ? all_[rule].acted : all_[rule].monitored)[kind].add();
    all_[rule].by_route[route][kind][acts ? 1 : 0].add();
}

void Panel::grant(std::uint32_t grants, psn_facts& f) const {
    if ((grants & PSN_GRANT_PAID) != 0) f.flags |= PSN_FACT_PAID;
    if ((grants & PSN_GRANT_KNOWN_DEVICE) != 0) f.flags |= PSN_FACT_KNOWN_DEVICE;
    if ((grants & PSN_GRANT_STANDING) != 0 && f.session_class == PSN_SESSION_NONE)
        f.session_class = PSN_SESSION_SITE;
    const bool under_way = f.priority == 1;
    f.priority = (grants & PSN_GRANT_LOWEST) != 0 ? PSN_PRIORITY_COUNT - 1
                                                  : std::min(f.priority, priorityOf(f, under_way));
}

/// Where what is said of one request goes.
struct Panel::Hearing {
    const Panel& panel;
    psn_facts& facts;
    Findings& findings;
    std::vector<std::string>& cookies;
};

void Panel::prepare(const psn_facts& facts) const {
    if (count_ != 0) api_->prepare_all(host_.raw(), asked(facts), &facts);
}

std::uint64_t Panel::ask(psn_facts& facts, Findings& findings,
                         std::vector<std::string>& cookies) const {
    if (count_ == 0) return 0;
    Hearing hearing{*this, facts, findings, cookies};
    return api_->evaluate_all(
        host_.raw(), asked(facts), &facts,
        [](void* user, std::uint32_t rule, psn_rc rc, const psn_verdict* v) {
            auto& h = *static_cast<Hearing*>(user);
            h.panel.hear(h, rule, rc, *v);
        },
        &hearing);
}

void Panel::hear(Hearing& h, std::uint32_t rule, psn_rc rc, const psn_verdict& v) const {
    if (rc != PSN_OK) faults_.add();
    if (v.grants != 0) grant(v.grants, h.facts);
    if (v.set_cookie.n != 0) h.cookies.push_back(sdk::text(v.set_cookie));
    if (v.kind == PSN_VERDICT_ABSTAIN && v.weight == 0 && v.hints == 0) return;
    find(rule, v, h.facts, h.findings);
}

void Panel::find(std::uint32_t rule, const psn_verdict& v, psn_facts& facts,
                 Findings& findings) const {
    const auto mode = modes_.of(rule, all_[rule].id, sdk::view(v.reason));
    if (mode.kind == Mode::Off) return;
    const bool acts = mode.acts(sdk::mixed(facts.prefix_key[0], rule));
    // Those that are asked after this one see what has come together.
    if (acts) facts.weight += v.weight;
    findings.add(rule, acts, v);
    count(rule, facts.route_class, v.kind, acts);
}

void Panel::observe(std::uint64_t asked, const psn_facts& facts, psn_outcome outcome,
                    std::int32_t by) const {
    const auto flags = outcome.flags;
    for (std::uint32_t i = 0; asked != 0; ++i, asked >>= 1) {
        if ((asked & 1) == 0) continue;
        outcome.flags = flags | (by == static_cast<std::int32_t>(i) ? PSN_ENDED_OWN : 0U) |
                        (modes_.of(i).kind >= Mode::Sample ? PSN_ENDED_ACTING : 0U);
        api_->observe(host_.raw(), i, &facts, &outcome);
    }
}

bool Panel::challenge(const psn_facts& facts, const Decision& d, psn_challenge& out) const {
    psn_verdict wanted{};
    wanted.struct_size = sizeof wanted;
    wanted.kind = PSN_VERDICT_CHALLENGE;
    wanted.level = d.level;
    wanted.weight = d.weight;
    wanted.challenge_kind = d.challenge_kind;
    wanted.retry_after_ms = d.retry_after_ms;
    for (std::uint32_t i = 0; i < count_; ++i)
        if (all_[i].challenges && modes_.of(i).kind >= Mode::Sample &&
            api_->challenge(host_.raw(), i, &facts, &wanted, &out) == PSN_OK)
            return true;
    return false;
}

void Panel::watch() {
    constexpr std::uint64_t kFewest = 200, kFaults = 3;
    for (std::uint32_t i = 0; i < count_; ++i) {
        psn_heuristic_stats now{};
        if (api_->stats(host_.raw(), i, &now) != PSN_OK) continue;
        auto& before = all_[i].before;
        const auto calls = now.calls - before.calls, slow = now.over_budget - before.over_budget,
                   faults = now.faults - before.faults;
        before = now;
        // Without the one that makes them every challenge is a refusal: better a slow one.
        const bool too_slow = !all_[i].challenges && calls >= kFewest && slow * 100 > calls;
        if ((!too_slow && faults < kFaults) || modes_.of(i).kind < Mode::Sample) continue;
        set(i, {Mode::Monitor, 0});
        demoted_.add();
        host_.error("heuristic '" + all_[i].id + "' is only listened to from now on: within 10 s " +
                    (too_slow ? std::to_string(slow) + " of " + std::to_string(calls) +
                                    " calls were over its budget"
                              : std::to_string(faults) + " calls failed") +
                    "; `persona-host ctl aa mode " + all_[i].id + " enforce` takes it back");
    }
}

bool Panel::setMode(std::string_view rule, std::optional<Mode> mode) {
    for (std::size_t i = 0; i < all_.size(); ++i) {
        if (all_[i].id != rule) continue;
        const auto now = host_.monotonicNs();
        if (mode) {
            set(i, *mode);
            host_.counters().set_flag(kept_modes_, sdk::abi(rule), mode->packed() | kSet, now);
        } else {
            host_.counters().erase(kept_modes_, sdk::abi(rule));
            modes_.bind(i, all_[i].id);
            all_[i].mode.set(modes_.of(i).kind);
        }
        host_.warn("mode of '" + all_[i].id + "' is now " + modes_.of(i).text());
        return true;
    }
    return false;
}

std::vector<Explain::Names> Panel::names() const {
    std::vector<Explain::Names> out;
    for (const auto& one : all_) out.push_back({one.id, one.version, one.hash});
    return out;
}

std::string Panel::show(std::string_view only) const {
    std::string out = "[";
    for (std::uint32_t i = 0; i < all_.size(); ++i) {
        const auto& one = all_[i];
        if (!only.empty() && one.id != only) continue;
        psn_heuristic_stats s{};
        if (i < count_) api_->stats(host_.raw(), i, &s);
        out += std::string(out.size() == 1 ? "" : ",") + "{\"rule\":" + quoted(one.id) +
               ",\"mode\":" + quoted(modes_.of(i).text()) + ",\"version\":" + quoted(one.version) +
               ",\"image\":" + quoted(one.hash.substr(0, 16)) +
               ",\"calls\":" + std::to_string(s.calls) + ",\"faults\":" + std::to_string(s.faults) +
               ",\"over_budget\":" + std::to_string(s.over_budget) +
               ",\"breaker\":" + (s.open != 0 ? "\"open\"" : "\"closed\"") + "}";
    }
    return out + "]";
}

std::optional<std::string> Panel::command(std::string_view heuristic,
                                          std::string_view words) const {
    std::optional<std::string> out;
    for (std::uint32_t i = 0; i < count_; ++i)
        if (all_[i].id == heuristic)
            api_->command(
                host_.raw(), i, sdk::abi(words),
                [](void* user, psn_str json) {
                    *static_cast<std::optional<std::string>*>(user) = sdk::text(json);
                },
                &out);
    return out;
}

}  // namespace persona::antiabuse
