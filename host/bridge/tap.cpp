#include "host/bridge/tap.h"

namespace persona::host::bridge {

void Tap::open() {
    skipped_.store(0);
    open_.store(true);
}

void Tap::close() {
    open_.store(false);
    const std::lock_guard lock(mutex_);
    seen_.clear();
}

void Tap::offer(const net::Exchange& exchange) {
    // A busy taker or a full queue must never hold up the loop.
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock() || seen_.size() >= kMost || exchange.request.hasBody()) {
        skipped_.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    auto& s = seen_.emplace_back();
    s.request.method = exchange.request.method;
    s.request.target = exchange.request.target;
    for (std::size_t i = 0; i < exchange.request.fields.size(); ++i) {
        const auto f = exchange.request.fields[i];
        s.request.fields.add(f.name, f.value);
    }
    s.scheme = exchange.scheme;
    s.client_address = exchange.client_address;
    s.peer_address = exchange.peer_address;
}

std::optional<Tap::Seen> Tap::take() {
    const std::lock_guard lock(mutex_);
    if (seen_.empty()) return std::nullopt;
    auto s = std::move(seen_.front());
    seen_.pop_front();
    return s;
}

}  // namespace persona::host::bridge
