#pragma once

#include <persona/abi/ext/draft/rates.h>

#include <algorithm>
#include <stdexcept>
#include <string>

#include "text.hpp"

/// Draft, as the interface below it: may still change.
namespace persona::sdk {

/// A rate: `burst` units at once, one more every `interval_ms`. Kept within what a table takes: the
/// burst spans seven days at most.
struct Rate {
    std::uint32_t interval_ms = 1'000, burst = 1;
    /// `per_second` may be a fraction.
    static Rate perSecond(double per_second, std::uint32_t burst) {
        return {
            static_cast<std::uint32_t>(std::max(1.0, std::min(86'400'000.0, 1'000.0 / per_second))),
            burst};
    }
    /// Both the sustained rate and the burst so many times as large.
    [[nodiscard]] Rate times(double factor) const {
        Rate r;
        r.interval_ms = static_cast<std::uint32_t>(std::max(1.0, interval_ms / factor));
        r.burst = static_cast<std::uint32_t>(std::max(1.0, burst * factor));
        return r;
    }
    [[nodiscard]] std::uint32_t windowMs() const { return interval_ms * burst; }
    [[nodiscard]] psn_rate_limit raw() const { return {interval_ms, burst}; }
};

/// A table of psn.rates/draft-1; belongs to the host and outlives the plugin. [any] thread.
class RateTable {
  public:
    /// [control] `name` is "plugin-id.name". Throws when the host has none, or not of that size.
    RateTable(const psn_host* host, std::string_view name, std::uint32_t slots, bool persist)
        : api_(static_cast<const psn_rates_api*>(host->get_extension(host, abi(PSN_RATES_ID)))) {
        if (api_ == nullptr || api_->struct_size < sizeof *api_)
            throw std::runtime_error("the host lacks " PSN_RATES_ID);
        char text[256];
        psn_err err{text, sizeof text, 0};
        const psn_rate_spec spec{sizeof spec, slots, persist ? 1U : 0U, 0};
        if (api_->open(host, abi(name), &spec, &table_, &err) != PSN_OK)
            throw std::runtime_error("rate table " + std::string(name) + ": " +
                                     std::string(text, err.len));
    }
    psn_rate_answer take(std::uint64_t key, std::uint32_t rule, const Rate& rate,
                         std::uint32_t cost, std::int64_t now_ns) const {
        return ask(api_->take, key, rule, rate, cost, now_ns);
    }
    [[nodiscard]] psn_rate_answer peek(std::uint64_t key, std::uint32_t rule, const Rate& rate,
                                       std::uint32_t cost, std::int64_t now_ns) const {
        return ask(api_->peek, key, rule, rate, cost, now_ns);
    }
    psn_rate_answer charge(std::uint64_t key, std::uint32_t rule, const Rate& rate,
                           std::uint32_t cost, std::int64_t now_ns) const {
        return ask(api_->charge, key, rule, rate, cost, now_ns);
    }
    void refund(std::uint64_t key, std::uint32_t rule, const Rate& rate, std::uint32_t cost,
                std::int64_t now_ns) const {
        const auto limit = rate.raw();
        api_->refund(table_, key, rule, &limit, cost, now_ns);
    }
    /// Several keys that are prefetched first wait for memory together.
    void prefetch(std::uint64_t key, std::uint32_t rule) const {
        api_->prefetch(table_, key, rule);
    }
    void forget(std::uint64_t key, std::uint32_t rule) const { api_->forget(table_, key, rule); }

  private:
    template <typename F>
    psn_rate_answer ask(F f, std::uint64_t key, std::uint32_t rule, const Rate& rate,
                        std::uint32_t cost, std::int64_t now_ns) const {
        const auto limit = rate.raw();
        psn_rate_answer a{};
        // A limit out of range refuses nobody.
        if (f(table_, key, rule, &limit, cost, now_ns, &a) != PSN_OK) a.allowed = 1;
        return a;
    }
    const psn_rates_api* api_;
    psn_rate_table* table_ = nullptr;
};

}  // namespace persona::sdk
