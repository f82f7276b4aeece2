#include "plugins/antiabuse/tarpit.h"

namespace persona::antiabuse {

bool Tarpit::hold(const sdk::FilterStream& stream, std::uint32_t ms) {
    const std::lock_guard lock(mutex_);
    if (ms == 0 || held_.size() >= most_) return false;
    auto held = std::make_unique<Held>(Held{this, stream.pause()});
    if (!held->token) return false;
    auto* const raw = held.get();
    held_.emplace(raw, std::move(held));
    std::uint64_t id = 0;
    if (host_.timers().start(
            host_.raw(), ms, 0,
            [](void* user) {
                auto* const h = static_cast<Held*>(user);
                h->owner->release(h);
            },
            raw, &id) == PSN_OK)
        return true;
    held_.erase(raw);
    return false;
}

void Tarpit::release(Held* held) {
    std::unique_ptr<Held> mine;
    {
        const std::lock_guard lock(mutex_);
        const auto at = held_.find(held);
        if (at == held_.end()) return;
        mine = std::move(at->second);
        held_.erase(at);
    }
    mine->token.resume();
}

void Tarpit::end() {
    std::unordered_map<Held*, std::unique_ptr<Held>> all;
    {
        const std::lock_guard lock(mutex_);
        all.swap(held_);
    }
    for (auto& [raw, held] : all) held->token.resume();
}

}  // namespace persona::antiabuse
