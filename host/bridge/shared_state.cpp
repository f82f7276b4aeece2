#include "host/bridge/shared_state.h"

#include <persona/abi/ext/metrics.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "host/net/reactor.h"

namespace persona::host::bridge {

namespace {

/// What one call of the backend carries, and how many calls a round may take.
constexpr std::size_t kMostChanges = 1'024;
constexpr int kMostCalls = 16;
/// anti-abuse.md 5: open after three errors, one probe a second while open.
constexpr unsigned kFailures = 3;
constexpr std::int64_t kProbeMs = 1'000;

std::vector<tables::Sharing::Table> tablesOf(const config::SharedStateSettings& s) {
    std::vector<tables::Sharing::Table> out;
    for (const auto& [name, alone] : s.tables) out.push_back({name, alone == "half"});
    return out;
}

}  // namespace

SharedState::SharedState(MemberSettings s, const config::SharedStateSettings& shared,
                         Runtime& runtime)
    : Member(std::move(s), 1),
      shared_(shared),
      runtime_(runtime),
      sharing_(runtime.counters, tablesOf(shared)),
      up_gauge_(runtime.metrics.declare(PSN_METRIC_GAUGE, "bid_aa_shared_up")),
      peers_(runtime.metrics.declare(PSN_METRIC_GAUGE, "bid_aa_shared_peers")),
      exchanges_(runtime.metrics.declare(PSN_METRIC_COUNTER, "bid_aa_shared_exchanges")),
      failed_exchanges_(runtime.metrics.declare(PSN_METRIC_COUNTER, "bid_aa_shared_failures")),
      sent_(runtime.metrics.declare(PSN_METRIC_COUNTER, "bid_aa_shared_keys_sent")),
      adopted_(runtime.metrics.declare(PSN_METRIC_COUNTER, "bid_aa_shared_keys_adopted")),
      left_out_(runtime.metrics.declare(PSN_METRIC_GAUGE, "bid_aa_shared_keys_left_out")),
      taken_(runtime.metrics.declare(PSN_METRIC_TIMING, "bid_aa_shared_exchange")) {}

SharedState::~SharedState() {
    stop();
    retire();
}

std::string SharedState::adopt(const psn_plugin_entry& entry, Lifecycle& out,
                               const psn_option*& options, std::size_t& count) {
    std::string wrong;
    const auto* f = factoryOf<psn_counter_backend_factory>(entry, PSN_COUNTER_BACKEND_ID, wrong);
    if (!wrong.empty()) return wrong;
    if (f == nullptr || f->struct_size < sizeof *f || f->create == nullptr ||
        f->destroy == nullptr || f->exchange == nullptr)
        return "the plugin has no usable factory " PSN_COUNTER_BACKEND_ID "; rebuild with the SDK";
    factory_ = *f;
    out = {factory_.create, factory_.activate, factory_.deactivate, factory_.destroy, nullptr};
    options = factory_.options;
    count = factory_.option_count;
    return "";
}

void SharedState::start() {
    thread_ = std::thread([this] { run(); });
}

void SharedState::stop() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void SharedState::run() {
    for (;;) {
        const auto from = net::monotonicNs();
        judge(round());
        const auto taken_ms = (net::monotonicNs() - from) / 1'000'000;
        const auto period = failures_ >= kFailures ? kProbeMs : shared_.period_ms;
        std::unique_lock lock(mutex_);
        wake_.wait_for(lock,
                       std::chrono::milliseconds(std::max<std::int64_t>(1, period - taken_ms)),
                       [this] { return stop_; });
        if (stop_) return;
    }
}

std::string SharedState::round() {
    bool more = true;
    for (int call = 0; more && call < kMostCalls; ++call) {
        const auto changes = sharing_.gather(kMostChanges, net::monotonicNs());
        if (auto wrong = exchange(changes, more); !wrong.empty()) {
            sharing_.failed();
            return wrong;
        }
        more = more || sharing_.hasMore();
    }
    return "";
}

std::string SharedState::exchange(const std::vector<tables::Sharing::Change>& changes, bool& more) {
    std::vector<psn_shared_change> rows;
    rows.reserve(changes.size());
    for (const auto& c : changes)
        rows.push_back({toAbi(sharing_.nameOf(c.key.table)), c.key.key, c.delta_ms, c.at_least_ms,
                        c.key.rule, c.window_ms});
    struct Told {
        SharedState& self;
        std::uint64_t adopted = 0;
    } told{*this};
    psn_shared_exchange e{};
    e.struct_size = sizeof e;
    e.change_count = static_cast<std::uint32_t>(rows.size());
    e.changes = rows.data();
    e.user = &told;
    e.tell = [](void* user, const psn_shared_value* v) {
        auto& t = *static_cast<Told*>(user);
        if (t.self.sharing_.adopt(toView(v->table), v->rule, v->key, v->spent_ms,
                                  net::monotonicNs()))
            ++t.adopted;
    };
    e.epoch = sharing_.epoch();
    e.cursor = cursor_;
    ErrorText error;
    const auto from = net::monotonicNs();
    psn_rc rc = PSN_FAIL;
    {
        const InPlugin mark(tag);
        try {
            rc = factory_.exchange(instance, &e, static_cast<std::uint32_t>(shared_.deadline_ms),
                                   &error.err);
        } catch (...) {
            rc = PSN_FAIL;
        }
    }
    taken_.observe(static_cast<double>(net::monotonicNs() - from) / 1e6);
    left_out_.value.store(static_cast<std::int64_t>(sharing_.leftOut()));
    adopted_.value.fetch_add(static_cast<std::int64_t>(told.adopted));
    if (rc != PSN_OK) {
        failed_exchanges_.value.fetch_add(1);
        return error.str();
    }
    exchanges_.value.fetch_add(1);
    sent_.value.fetch_add(static_cast<std::int64_t>(rows.size()));
    cursor_ = e.cursor;
    more = e.more != 0;
    peers_.value.store(e.peers);
    sharing_.arrived(e.epoch, e.peers);
    return "";
}

/// The breaker: the budgets of who is alone, the gauge and a line, at each change and only then.
void SharedState::judge(const std::string& error) {
    failures_ = error.empty() ? 0 : failures_ + 1;
    const bool now_up = error.empty();
    if (now_up == up_ && said_) return;
    // A single failure is made good by the next round.
    if (!now_up && failures_ < kFailures) return;
    up_ = now_up;
    said_ = true;
    up_gauge_.value.store(up_ ? 1 : 0);
    sharing_.setAlone(!up_);
    if (up_)
        runtime_.log.write(2, settings.id,
                           "counts are shared with " + std::to_string(peers_.value.load() - 1) +
                               " other processes");
    else
        runtime_.log.write(4, settings.id,
                           "counts are not shared any more: " + error +
                               "; this process goes on by its own, with half the budgets of "
                               "accounts and mails, and asks again every second");
}

}  // namespace persona::host::bridge
