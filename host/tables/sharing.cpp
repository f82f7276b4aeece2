#include "host/tables/sharing.h"

#include <algorithm>

namespace persona::host::tables {

Sharing::Sharing(Tables& tables, const std::vector<Table>& shared) : tables_(tables) {
    for (const auto& t : shared) {
        const auto number = static_cast<std::uint32_t>(names_.size());
        if (!numbers_.emplace(t.name, number).second) continue;
        names_.push_back(t.name);
        halved_.push_back(t.halved);
        tables_.share(t.name, {&outbox_, number});
    }
}

psn_rate_table* Sharing::tableOf(std::uint32_t number) {
    return tables_.rates(names_[number]);
}

void Sharing::remember(const SharedKey& key, std::uint32_t window_ms) {
    if (spoken_of_.size() >= kMostSpokenOf && !spoken_of_.contains(key)) return;
    auto& window = spoken_of_[key];
    if (window_ms != 0) window = window_ms;
}

void Sharing::forgetIdle(std::int64_t now_ns) {
    std::erase_if(spoken_of_, [&](const auto& one) {
        auto* table = tableOf(one.first.table);
        return table == nullptr || table->spentMs(one.first.key, one.first.rule, now_ns) == 0;
    });
}

std::vector<Sharing::Change> Sharing::gather(std::size_t most, std::int64_t now_ns) {
    if (queue_.empty()) {
        if (spoken_of_.size() >= kMostSpokenOf) forgetIdle(now_ns);
        for (const auto& [key, sum] : outbox_.take()) {
            remember(key, sum.window_ms);
            if (!uncertain_) queue_.push_back({key, sum.delta_ms, 0, sum.window_ms});
        }
        if (uncertain_) {
            repeating_ = true;
            for (const auto& [key, window] : spoken_of_) {
                auto* table = tableOf(key.table);
                const auto spent =
                    table == nullptr ? 0U : table->spentMs(key.key, key.rule, now_ns);
                if (spent != 0) queue_.push_back({key, 0, spent, window});
            }
        }
    }
    const auto n = std::min(most, queue_.size());
    std::vector<Change> out(queue_.end() - static_cast<std::ptrdiff_t>(n), queue_.end());
    queue_.resize(queue_.size() - n);
    return out;
}

void Sharing::arrived(std::uint64_t epoch, std::uint32_t peers) {
    peers_ = peers;
    if (repeating_ && queue_.empty()) uncertain_ = repeating_ = false;
    // A backend that has begun anew knows only what it was told just now.
    if (epoch_ != 0 && epoch != epoch_) failed();
    epoch_ = epoch;
}

void Sharing::failed() {
    queue_.clear();
    uncertain_ = true;
    repeating_ = false;
}

bool Sharing::adopt(std::string_view table, std::uint32_t rule, std::uint64_t key,
                    std::int64_t spent_ms, std::int64_t now_ns) {
    const auto number = numbers_.find(table);
    if (number == numbers_.end()) return false;
    auto* t = tableOf(number->second);
    if (t == nullptr) return false;
    // While this process has yet to say what it holds, the others know too little.
    t->adopt(key, rule, spent_ms, now_ns, uncertain_);
    return true;
}

void Sharing::setAlone(bool alone) {
    for (std::uint32_t i = 0; i < names_.size(); ++i)
        tables_.setDearer(names_[i], alone && halved_[i] && peers_ > 1);
}

}  // namespace persona::host::tables
