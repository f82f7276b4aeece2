#include <algorithm>

#include "fake_host.h"

namespace persona::testing {

namespace {

constexpr std::int64_t kMostMs = 7LL * 86'400'000;
enum class Mode { Take, Peek, Charge, Refund };

psn_rc spend(psn_rate_table* t, std::uint64_t key, std::uint32_t rule, const psn_rate_limit& limit,
             std::uint32_t cost, std::int64_t now_ns, Mode mode, psn_rate_answer* out) {
    const auto room = static_cast<std::int64_t>(limit.interval_ms) * limit.burst;
    const auto price = static_cast<std::int64_t>(limit.interval_ms) * cost;
    if (limit.interval_ms == 0 || limit.burst == 0 || room > kMostMs || price > kMostMs)
        return PSN_INVALID;
    const auto now = now_ns / 1'000'000;
    const std::lock_guard<std::mutex> lock(t->mutex);
    const auto at = t->until_ms.find({key, rule});
    auto spent = at == t->until_ms.end() ? 0 : std::max<std::int64_t>(0, at->second - now);
    const auto after = spent + price;
    const bool allowed = after <= room;
    if (mode == Mode::Refund)
        spent = std::max<std::int64_t>(0, spent - price);
    else if (mode == Mode::Charge)
        spent = std::max(spent, std::min(after, 2 * room));
    else if (allowed)
        spent = after;
    if (out != nullptr)
        *out = {allowed ? 1U : 0U, allowed ? 0U : static_cast<std::uint32_t>(after - room),
                static_cast<std::uint32_t>(spent), 0};
    if (mode != Mode::Peek && (allowed || mode != Mode::Take))
        t->until_ms[{key, rule}] = now + spent;
    return PSN_OK;
}

template <Mode mode>
psn_rc spendIn(psn_rate_table* t, std::uint64_t key, std::uint32_t rule, const psn_rate_limit* l,
               std::uint32_t cost, std::int64_t now, psn_rate_answer* out) {
    return spend(t, key, rule, *l, cost, now, mode, out);
}

psn_rc open(const psn_host* h, psn_str name, const psn_rate_spec* spec, psn_rate_table** out,
            psn_err*) {
    if (spec == nullptr || spec->struct_size < sizeof *spec || name.n == 0 || spec->slots < 64 ||
        spec->slots > 67'108'864)
        return PSN_INVALID;
    auto& f = FakeHost::of(h);
    const std::lock_guard<std::mutex> lock(f.mutex);
    auto& t = f.rates[std::string(name.p, name.n)];
    if (!t) t = std::make_unique<psn_rate_table>();
    *out = t.get();
    return PSN_OK;
}

psn_rc forget(psn_rate_table* t, std::uint64_t key, std::uint32_t rule) {
    const std::lock_guard<std::mutex> lock(t->mutex);
    return t->until_ms.erase({key, rule}) == 0 ? PSN_NOT_FOUND : PSN_OK;
}

psn_rc refund(psn_rate_table* t, std::uint64_t key, std::uint32_t rule, const psn_rate_limit* l,
              std::uint32_t cost, std::int64_t now) {
    return spend(t, key, rule, *l, cost, now, Mode::Refund, nullptr);
}

}  // namespace

const psn_rates_api* ratesApi() {
    static const psn_rates_api kApi{sizeof(psn_rates_api),
                                    0,
                                    open,
                                    spendIn<Mode::Take>,
                                    spendIn<Mode::Peek>,
                                    spendIn<Mode::Charge>,
                                    forget,
                                    refund,
                                    [](const psn_rate_table*, std::uint64_t, std::uint32_t) {}};
    return &kApi;
}

}  // namespace persona::testing
